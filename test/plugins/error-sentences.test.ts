/** The full sentences that clients read, as in ERRORS.md. The other tests check only the status. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createNetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DEFAULT_CONFIG } from '../../core/config/server-config.js';
import type { InjectRequest } from '../../core/inject.js';
import { createServer } from '../../core/server.js';

const HANDSHAKE = {
  Connection: 'upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
};

const CASES: Readonly<Record<string, readonly [InjectRequest, status: number, sentence: string]>> = {
  TARGET_MISDIRECTED: [
    { target: 'https://127.0.0.1/' },
    421,
    'An "https" target needs a TLS connection (RFC 9110 §7.4).',
  ],
  METHOD_UNSUPPORTED: [
    { method: 'TRACE', target: '/app' },
    501,
    'The handler at this path does not accept this method: TRACE',
  ],
  WEBSOCKET_EXPECTED: [
    { target: '/chat' },
    426,
    'This path accepts only WebSocket connections, version 13 (RFC 6455 §4.2).',
  ],
  WEBSOCKET_INVALID: [
    { target: '/chat', headers: { ...HANDSHAKE, 'Sec-WebSocket-Key': 'short' } },
    400,
    'This is not a valid WebSocket handshake (RFC 6455 §4.1): Sec-WebSocket-Key is not 16 octets in base64.',
  ],
  ORIGIN_NOT_ALLOWED: [
    { target: '/chat', headers: { ...HANDSHAKE, Origin: 'https://elsewhere.example' } },
    403,
    'Pages of this origin may not open a WebSocket here: https://elsewhere.example',
  ],
  BODY_NOT_TEXT: [
    { method: 'PUT', target: '/update', body: Buffer.from([0x61, 0x3a, 0xff]) },
    400,
    'The body is not valid text in its charset (RFC 9110 §8.3.2).',
  ],
  CHARSET_UNSUPPORTED: [
    {
      method: 'PUT',
      target: '/update',
      headers: { 'Content-Type': 'text/plain; charset=klingon' },
      body: 'a: 1',
    },
    415,
    'This server does not know the charset of the body (RFC 9110 §15.5.16): klingon',
  ],
  RANGE_NOT_SATISFIABLE: [
    { target: '/files/there.txt', headers: { Range: 'bytes=999-' } },
    416,
    'The range is outside the content (RFC 9110 §15.5.17).',
  ],
  PARTIAL_PUT_UNSUPPORTED: [
    { method: 'PUT', target: '/keys/a', headers: { 'Content-Range': 'bytes 0-0/2' }, body: 'x' },
    400,
    'PUT replaces a whole entry; send it without Content-Range (RFC 9110 §14.5).',
  ],
  FILE_NOT_FOUND: [{ target: '/files/missing.txt' }, 404, 'There is no such file.'],
  UPSTREAM_UNREACHABLE: [
    { target: '/nobody/' },
    502,
    'The upstream server cannot be reached (RFC 9110 §15.6.3).',
  ],
  UPSTREAM_INVALID: [
    { target: '/babble/' },
    502,
    'The upstream server did not give a valid answer (RFC 9110 §15.6.3).',
  ],
  UPSTREAM_TIMEOUT: [
    { target: '/silence/' },
    504,
    'The upstream server did not answer in time (RFC 9110 §15.6.5).',
  ],
};

/** The port of a server that answers every connection with these octets, or with nothing. */
async function upstream(t: ExecutionContext, says: string): Promise<number> {
  const server = createNetServer((socket) => {
    t.teardown(() => socket.destroy());
    socket.on('error', () => {}).once('data', () => void (says !== '' && socket.end(says)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as { port: number }).port;
}

test('each of these errors is answered with its sentence', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'jackfield-sentences-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, 'public'));
  await writeFile(join(folder, 'public/there.txt'), 'here');
  await writeFile(join(folder, 'app.mjs'), 'export default { fetch: () => new Response("app") };');
  await writeFile(join(folder, 'chat.mjs'), 'export default () => {};');
  const behind = (prefix: string, port: number) => ({
    prefix,
    target: `http://127.0.0.1:${port}`,
    ...(prefix === '/silence' ? { responseTimeoutMs: 100 } : {}),
  });
  const mounts = [
    // The system never assigns such a low port by itself.
    behind('/nobody', 1),
    behind('/babble', await upstream(t, 'babble\r\n\r\n')),
    behind('/silence', await upstream(t, '')),
  ];
  const server = createServer(
    {
      listen: { port: 0 },
      storage: 'memory',
      plugins: [
        ...DEFAULT_CONFIG.plugins,
        'keys',
        { use: 'fetch', options: { mounts: [{ prefix: '/app', module: './app.mjs' }] } },
        { use: 'websocket', options: { mounts: [{ path: '/chat', module: './chat.mjs' }] } },
        { use: 'static-files', options: { mounts: [{ root: 'public', prefix: '/files' }] } },
        { use: 'proxy', options: { mounts } },
      ],
    },
    { source: { folder, locate: () => '' } },
  );
  t.teardown(() => server.close());
  for (const [code, [request, status, sentence]] of Object.entries(CASES)) {
    const answer = await server.inject(request);
    t.is(answer.text, sentence, code);
    t.is(answer.status, status, code);
  }
});
