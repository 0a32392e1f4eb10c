/** RFC 9110 §6.5 and RFC 9112 §7.1.2 over a socket: fields after the body of an answer. */
import { createHash } from 'node:crypto';
import test from 'ava';
import type { ResponseParts, ResponseValue } from '../../core/api/answer.js';
import { field, handlers, plugin, request, serve } from '../support/raw-client.js';

async function* parts(): AsyncGenerator<string> {
  yield 'ab';
  yield 'c';
}

test('§6.5: trailers follow a chunked body, and are announced if their names are known', async (t) => {
  const hash = createHash('sha256');
  const answers: Readonly<Record<string, ResponseParts>> = {
    '/known': { body: parts(), trailers: { 'X-One': '1', 'X-Two': () => 'two' } },
    '/late': { body: parts(), trailers: async () => ({ 'X-Late': 'late' }) },
    '/text': { body: 'abc', trailers: { 'X-Sum': () => hash.update('abc').digest('hex').slice(0, 4) } },
    '/bytes': { body: Buffer.from('abc'), trailers: { ETag: '"v1"' } },
    '/json': { json: 'abc', trailers: { 'X-One': '1' } },
    '/empty': { body: '', trailers: { 'X-One': '1' } },
    '/promised': { headers: { 'Content-Length': '3' }, body: parts(), trailers: { 'X-One': '1' } },
    '/none': { body: parts(), trailers: () => ({}) },
  };
  const { connect } = await serve(t, {
    plugins: [handlers({ 'GET /:at': ({ path }) => answers[path] as ResponseParts })],
  });
  const client = await connect();
  const expected: readonly (readonly [string, string | undefined, string])[] = [
    ['/known', 'X-One, X-Two', '2\r\nab\r\n1\r\nc\r\n0\r\nX-One: 1\r\nX-Two: two\r\n\r\n'],
    ['/late', undefined, '2\r\nab\r\n1\r\nc\r\n0\r\nX-Late: late\r\n\r\n'],
    ['/text', 'X-Sum', '3\r\nabc\r\n0\r\nX-Sum: ba78\r\n\r\n'],
    ['/bytes', 'ETag', '3\r\nabc\r\n0\r\nETag: "v1"\r\n\r\n'],
    ['/json', 'X-One', '5\r\n"abc"\r\n0\r\nX-One: 1\r\n\r\n'],
    ['/empty', 'X-One', '0\r\nX-One: 1\r\n\r\n'],
    ['/promised', 'X-One', '2\r\nab\r\n1\r\nc\r\n0\r\nX-One: 1\r\n\r\n'],
    ['/none', undefined, '2\r\nab\r\n1\r\nc\r\n0\r\n\r\n'],
  ];
  for (const [target, announced, octets] of expected) {
    client.send(request(`GET ${target}`));
    await client.receive(octets);
    const head = client.unread.slice(0, client.unread.indexOf('\r\n\r\n') + 4);
    t.is(client.unread, head + octets, target);
    t.true(head.includes('\r\nTransfer-Encoding: chunked\r\n'), target);
    t.false(head.includes('Content-Length'), target);
    t.is(/\r\nTrailer: (.*)\r\n/.exec(head)?.[1], announced, target);
    client.skip(client.unread.length);
  }
  client.send(request('GET /probe'));
  t.is((await client.response()).body, 'alive');
});

test('§6.5: if an answer is not chunked, its trailers are omitted and their functions are not called', async (t) => {
  let asked = 0;
  const trailers = {
    'X-One': () => {
      asked += 1;
      return '1';
    },
  };
  const { connect } = await serve(t, {
    plugins: [
      'head',
      handlers({
        'GET /text': () => ({ body: 'abc', trailers }),
        'GET /stream': () => ({ body: parts(), trailers }),
        'GET /204': () => ({ trailers }),
        'GET /304': () => ({ status: 304, trailers }),
      }),
    ],
  });
  const client = await connect();
  for (const [line, framing] of [
    ['HEAD /text', 'length'],
    ['HEAD /stream', 'none'],
    ['GET /204', 'none'],
    ['GET /304', 'none'],
  ] as const) {
    client.send(request(line));
    const response = await client.response(line.split(' ')[0]);
    t.is(response.framing, framing, line);
    t.is(field(response, 'trailer'), undefined);
  }
  client.send(request('GET /text HTTP/1.0', ['Connection: keep-alive']));
  const whole = await client.response();
  t.is(whole.framing, 'length');
  t.is(whole.body, 'abc');
  client.send(request('GET /stream HTTP/1.0'));
  const old = await client.response();
  t.is(old.framing, 'close');
  t.is(old.body, 'abc');
  t.is(asked, 0);
});

test('§6.5.1: fields about framing, routing, authentication or the content are not allowed as trailers', async (t) => {
  const names = [
    'Content-Length',
    'transfer-encoding',
    'Host',
    'Set-Cookie',
    'Authorization',
    'Content-Type',
  ];
  const more = ['Cache-Control', 'WWW-Authenticate', 'Trailer', 'TE', 'Content-Encoding', 'Age', 'If-Match'];
  const bad: readonly unknown[] = [
    ...[...names, ...more].map((name) => ({ [name]: '1' })),
    { 'X A': '1' },
    { 'X-A': 'a\r\nX-Evil: 1' },
    { 'X-A': 1 },
    ['X-A'],
    'X-A: 1',
  ];
  const { connect, log } = await serve(t, {
    plugins: [
      handlers({
        'GET /:at': ({ params }) => ({ body: 'x', trailers: bad[Number(params.at)] }) as ResponseValue,
      }),
    ],
  });
  const client = await connect();
  for (const at of bad.keys()) {
    client.send(request(`GET /${at}`));
    const response = await client.response();
    t.is(response.status, 500, `${at}`);
    t.false(/evil/i.test(response.head));
  }
  t.is(log.length, bad.length);
});

test('§6.5.1: an invalid trailer after the body cuts the answer off, and the log names the plugin', async (t) => {
  const { connect, log } = await serve(t, {
    plugins: [
      handlers({
        'GET /name': () => ({ body: 'abc', trailers: () => ({ 'Set-Cookie': 'a=1' }) }),
        'GET /value': () => ({ body: 'abc', trailers: { 'X-A': () => 'a\r\nX-Evil: 1' } }),
        'GET /throws': () => ({
          body: 'abc',
          trailers: () => {
            throw new Error('x');
          },
        }),
      }),
    ],
  });
  for (const path of ['/name', '/value', '/throws']) {
    const client = await connect();
    client.send(request(`GET ${path}`) + request('GET /probe'));
    const received = await client.closed();
    t.true(received.endsWith('3\r\nabc\r\n'), received);
  }
  t.deepEqual(
    log.map((line) => line.plugin),
    ['handlers', 'handlers', 'handlers'],
  );
});

test('§6.5: response hooks get the trailers and may add to them', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      plugin('hook', ({ hook }) => {
        hook('response', (_request, response) => ({
          ...response,
          trailers: { ...(response.trailers as Record<string, string>), 'X-Two': '2' },
        }));
      }),
      handlers({ 'GET /': () => ({ body: 'abc', trailers: { 'X-One': '1' } }) }),
    ],
  });
  const client = await connect();
  client.send(request('GET /'));
  await client.receive('3\r\nabc\r\n0\r\nX-One: 1\r\nX-Two: 2\r\n\r\n');
  t.pass();
});
