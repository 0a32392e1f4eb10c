/** The published transcript, with the real client and the real server as processes. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { ran, served } from '../support/served.js';

// From dist/test/service.
const CASES = path.resolve(import.meta.dirname, '../../../examples/classic/cases.json');

interface Case {
  readonly title: string;
  readonly request: {
    readonly method: string;
    readonly host: string;
    readonly path: string;
    readonly body: string;
  };
  readonly response: {
    readonly status: number;
    readonly reason: string;
    readonly host: string;
    readonly body: string;
  } | null;
}

const cases: readonly Case[] = JSON.parse(await readFile(CASES, 'utf8'));

const FLAGS = [
  [],
  ['--one-connection'],
  ['--bare-lf', 'connection'],
  ['--bare-lf', 'content-length', '--one-connection'],
  ['--bare-lf', 'empty-line'],
];

for (const adapter of ['memory', 'lru', 'json-file', 'lmdb']) {
  for (const flags of FLAGS) {
    test(`on ${adapter} ${flags.length === 0 ? 'with one connection per exchange' : `with ${flags.join(' ')}`} the client passes all sixteen cases, and END ends the server`, async (t) => {
      const cwd = await tempFolder(t, { 'jackfield.config.json': JSON.stringify({ storage: adapter }) });
      const { server, port } = await served(t, cwd);
      const client = await ran(t, ['client', CASES, '--port', String(port), ...flags], cwd);
      t.is(client.stderr, '');
      t.is(client.code, 0);
      t.is(client.stdout.replaceAll(/^Date: .* KST$/gm, 'Date: *'), printed());

      const { code, stdout, stderr } = await server.ended;
      t.is(code, 0);
      t.is(stdout, `jackfield listening on http://127.0.0.1:${port}\n`);
      t.regex(
        stderr,
        /^(?:\{[^\n]*is not durable[^\n]*\}\n)?\{[^\n]*"END asked the server to stop"[^\n]*\}\n$/,
      );
    });
  }
}

test('a case with an unexpected answer fails with exit code 1 and shows the difference', async (t) => {
  const wrong = [
    { ...cases[0], response: { status: 200, reason: 'FINE', host: '127.0.0.1/', body: 'Something else' } },
    cases[1],
  ];
  const cwd = await tempFolder(t, {
    'jackfield.config.json': '{ "storage": "memory" }',
    'wrong.json': JSON.stringify(wrong),
  });
  const { server, port } = await served(t, cwd);
  const { code, stdout, stderr } = await ran(t, ['client', 'wrong.json', '--port', String(port)], cwd);
  t.is(code, 1);
  t.is(stderr, '');
  t.regex(stdout, /\nMISMATCH reason: expected "FINE", received "/);
  t.regex(stdout, /\nMISMATCH body: differs from octet 1 on; expected 14 octets "Something else", received /);
  t.regex(stdout, /\n1 passed, 1 failed\n$/);
  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
});

test('without a server the client fails with exit code 1 and names the address', async (t) => {
  const cwd = await tempFolder(t, { 'jackfield.config.json': '{ "storage": "memory" }' });
  const { server, port } = await served(t, cwd);
  server.kill('SIGTERM');
  await server.ended;
  const { code, stdout, stderr } = await ran(t, ['client', CASES, '--port', String(port)], cwd);
  t.is(code, 1);
  t.is(stdout, '');
  t.is(
    stderr,
    `jackfield: The server cannot be reached: 127.0.0.1:${port}: nothing listens there. [SERVER_UNREACHABLE]\n`,
  );
});

/** The output of the original client, built from the case file alone; dates are `*`. */
function printed(): string {
  const exchanges = cases.map(({ title, request, response }, at) => {
    const lines = [
      `### Test Case ${at + 1}: ${title}`,
      'Sending Request...',
      ...headLines(`${request.method} / HTTP/1.1`, `${request.host}/${request.path}`, request.body),
      ...(request.body === '' ? [] : [request.body]),
      'Receiving Response...',
      'Response data:',
      ...(response === null ? [''] : answerLines(response)),
      'Finish...',
    ];
    return `${lines.join('\n').replaceAll('\r\n', '\n')}\n\n`;
  });
  return `${exchanges.join('')}16 passed, 0 failed\n`;
}

function answerLines({ status, reason, host, body }: NonNullable<Case['response']>): string[] {
  const lines = headLines(`HTTP/1.1 ${status} ${reason}`, host, body);
  lines.splice(-1, 0, 'Date: *');
  return body === '' ? lines : [...lines, body];
}

/** Request and answer have the same fields, except the date. */
function headLines(first: string, host: string, body: string): string[] {
  return [
    first,
    `Host: ${host}`,
    'Content-Type: text/html',
    'Connection: keep-alive',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
  ];
}
