import type net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { ClassicCase } from '../../../core/client/case-file.js';
import { compareClassic } from '../../../core/client/compare-classic.js';
import { runCases } from '../../../core/client/run-cases.js';
import type { ExchangeResult, RunOptions } from '../../../core/client/run-exchanges.js';
import { cannedServer, classicAnswer, deadPort } from './canned-server.js';

const ok: ClassicCase = {
  case: 1,
  title: 'hello',
  request: { method: 'GET', host: '127.0.0.1', path: '', body: '' },
  response: { status: 200, reason: 'OK', host: '127.0.0.1/', body: 'No data in DB' },
};
const end: ClassicCase = {
  ...ok,
  case: 2,
  title: 'stop',
  request: { ...ok.request, method: 'END' },
  response: null,
};
const okAnswer = classicAnswer(200, 'OK', '127.0.0.1/', 'No data in DB');

async function results(cases: ClassicCase[], options: RunOptions): Promise<ExchangeResult[]> {
  const all: ExchangeResult[] = [];
  for await (const result of runCases(cases, options)) all.push(result);
  return all;
}

async function problemsWith(
  t: ExecutionContext,
  answer: string | ((socket: net.Socket) => void),
): Promise<string[]> {
  const { port } = await cannedServer(t, (_request, socket) =>
    typeof answer === 'string' ? socket.write(answer) : answer(socket),
  );
  const [result] = await results([ok], { port });
  t.is(result?.passed, result?.problems.length === 0);
  return [...(result?.problems ?? [])];
}

test('a correct answer passes, and the result has all octets', async (t) => {
  const { port } = await cannedServer(t, (_request, socket) => socket.write(okAnswer));
  t.deepEqual(await results([ok], { port }), [
    {
      title: 'Test Case 1: hello',
      passed: true,
      problems: [],
      request: Buffer.from(
        'GET / HTTP/1.1\r\nHost: 127.0.0.1/\r\nContent-Type: text/html\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n',
      ),
      response: Buffer.from(okAnswer),
    },
  ]);
});

test('each difference is reported', async (t) => {
  t.deepEqual(await problemsWith(t, classicAnswer(404, 'NOT FOUND', '?/?', 'No data in db!')), [
    'status: expected 200, received 404',
    'reason: expected "OK", received "NOT FOUND"',
    'Host: expected "127.0.0.1/", received "?/?"',
    'Content-Length: expected "13", received "14"',
    'body: differs from octet 12 on; expected 13 octets "No data in DB", received 14 octets "No data in db!"',
  ]);
});

test('the field lines have a fixed order and fixed values', async (t) => {
  const [status = '', host = '', ...rest] = okAnswer.split('\r\n');
  t.deepEqual(await problemsWith(t, [status, ...rest.slice(0, 1), host, ...rest.slice(1)].join('\r\n')), [
    'field lines: expected "Host, Content-Type, Connection, Content-Length, Date", ' +
      'received "Content-Type, Host, Connection, Content-Length, Date"',
  ]);
  t.deepEqual(
    await problemsWith(t, okAnswer.replace('keep-alive', 'close').replace('text/html', 'text/plain')),
    [
      'Content-Type: expected "text/html", received "text/plain"',
      'Connection: expected "keep-alive", received "close"',
    ],
  );
});

test('the date is in Korean time, with the right weekday', async (t) => {
  for (const date of [
    'Tue, 03 May 2022 12:11:44 GMT',
    'Mon, 03 May 2022 12:11:44 KST',
    'Tue, 31 Feb 2023 12:11:44 KST',
    'Tue, 03 May 2022 24:11:44 KST',
    'Tue, 3 May 2022 12:11:44 KST',
  ]) {
    t.deepEqual(await problemsWith(t, classicAnswer(200, 'OK', '127.0.0.1/', 'No data in DB', date)), [
      `Date: expected the form "Tue, 03 May 2022 12:11:44 KST", received "${date}"`,
    ]);
  }
});

test('a missing or malformed answer is reported', async (t) => {
  t.deepEqual(await problemsWith(t, (socket) => socket.end()), [
    'expected a response, received nothing before the connection closed',
  ]);
  t.deepEqual(await problemsWith(t, (socket) => socket.end('HTTP/1.1 200 OK\r\n')), [
    'expected a response, received only 17 octets before the connection closed',
  ]);
  t.deepEqual(await problemsWith(t, 'hello'), [
    'expected a response, received something else: the response is not HTTP: it begins with "hello"',
  ]);
  t.deepEqual(await problemsWith(t, `${okAnswer}!`), ['1 octets follow the response']);
});

test('an answer that does not arrive in time is reported', async (t) => {
  const { port } = await cannedServer(t, () => {});
  const [result] = await results([ok], { port, timeoutMs: 500 });
  t.deepEqual(result?.problems, ['expected a response, received nothing within 500 ms']);
  const begun = { kind: 'timeout', afterMs: 20, octets: Buffer.from('HTTP/1.1 2') } as const;
  t.deepEqual(compareClassic(ok.response, begun), [
    'expected a response, received no whole response within 20 ms',
  ]);
});

test('a case without a response expects the connection to close without an octet', async (t) => {
  const { port } = await cannedServer(t, (_request, socket, count) => {
    if (count === 0) socket.end();
    else socket.write(okAnswer);
  });
  const [right, wrong] = await results([end, end], { port });
  t.deepEqual(right?.problems, []);
  t.deepEqual(wrong?.problems, [
    'expected the connection to close without an answer, received a response with status 200',
  ]);
});

test('each exchange has its own connection, unless one is used for all', async (t) => {
  const { port, received } = await cannedServer(t, (_request, socket) => socket.write(okAnswer));
  t.true((await results([ok, ok, ok], { port })).every((result) => result.passed));
  t.is(received.length, 3);
  t.true((await results([ok, ok, ok], { port, oneConnection: true })).every((result) => result.passed));
  t.is(received.length, 4);
});

test('with one connection, a close by the server fails the next exchange, except after a case without a response', async (t) => {
  const { port, received } = await cannedServer(t, (request, socket, count) => {
    if (request.startsWith('END')) socket.end();
    else if (count === 2) socket.end(okAnswer);
    else socket.write(okAnswer);
  });
  const all = await results([ok, end, ok, ok], { port, oneConnection: true });
  // The client may see the close before or after it sends the next request; either way the exchange fails.
  t.deepEqual(
    all.map(({ passed }) => passed),
    [true, true, true, false],
  );
  t.regex(all[3]?.problems[0] ?? '', /the server closed the connection|before the connection closed/);
  t.true(received.length >= 2);
});

test('an unreachable server ends the run', async (t) => {
  await t.throwsAsync(results([ok], { port: await deadPort() }), { code: 'SERVER_UNREACHABLE' });
});
