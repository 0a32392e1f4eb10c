/** RFC 9110 §15 over a socket: the rules of each status for its answer. */
import test from 'ava';
import { field, handlers, request, serve } from '../support/raw-client.js';

test('§15: only final statuses of three digits can be answered', async (t) => {
  const statuses = [0, 99, 100, 101, 103, 199, 600, 1000, -200, 200.5, Number.NaN, '200', null];
  const { connect, log } = await serve(t, {
    plugins: [
      handlers({
        'GET /:at': ({ params }) => ({ status: statuses[Number(params.at)] as number, body: 'x' }),
      }),
    ],
  });
  const client = await connect();
  for (const [at, status] of statuses.entries()) {
    client.send(request(`GET /${at}`));
    t.is((await client.response()).status, status === null ? 200 : 500, String(status));
  }
  t.is(log.length, statuses.length - 1);
});

test('§15: an unregistered status is sent with an empty reason phrase', async (t) => {
  const { get } = await serve(t, { plugins: [handlers({ 'GET /': () => ({ status: 299, body: 'x' }) })] });
  t.true((await get('/')).head.startsWith('HTTP/1.1 299 \r\n'));
});

test('§15.3.5: 204 has no body', async (t) => {
  const { connect, log } = await serve(t, {
    plugins: [
      handlers({
        'GET /good': () => ({ status: 204 }),
        'GET /bad': () => ({ status: 204, body: 'x' }),
        'GET /stream': () => ({
          status: 204,
          body: (async function* () {
            yield 'x';
          })(),
        }),
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /good') + request('GET /bad') + request('GET /stream') + request('GET /probe'));
  t.is((await client.response()).status, 204);
  t.is((await client.response()).status, 500);
  t.is((await client.response()).status, 500);
  t.is((await client.response()).body, 'alive');
  t.is(log.length, 2);
});

test('§15.3.6: 205 has no content and Content-Length 0', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      handlers({ 'GET /good': () => ({ status: 205 }), 'GET /bad': () => ({ status: 205, body: 'x' }) }),
    ],
  });
  const client = await connect();
  client.send(request('GET /good') + request('GET /bad'));
  const good = await client.response();
  t.is(good.status, 205);
  t.is(field(good, 'content-length'), '0');
  t.is((await client.response()).status, 500);
});

test('§15.4.5: 304 has no body and may have the length of the 200 answer', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'GET /plain': () => ({ status: 304, headers: { ETag: '"a"' } }),
        'GET /length': () => ({ status: 304, headers: { 'Content-Length': '1234' } }),
        'GET /bad': () => ({ status: 304, body: 'x' }),
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /plain') + request('GET /length') + request('GET /bad') + request('GET /probe'));
  const plain = await client.response();
  t.is(plain.status, 304);
  t.is(field(plain, 'etag'), '"a"');
  t.is(field(await client.response(), 'content-length'), '1234');
  t.is((await client.response()).status, 500);
  t.is((await client.response()).body, 'alive');
});

test('§15.5: the body of a client error says what was wrong', async (t) => {
  const { connect } = await serve(t, {
    plugins: [handlers({ 'POST /json': async (incoming) => ({ json: await incoming.json() }) })],
  });
  const client = await connect();
  client.send(request('POST /json', ['Content-Length: 1'], '{') + request('GET /absent'));
  const first = await client.response();
  t.is(first.status, 400);
  t.regex(first.body, /not valid JSON/);
  t.true((await client.response()).body.length > 0);
});

test('§15.6.1: a server error reveals nothing internal', async (t) => {
  const { get } = await serve(t, {
    plugins: [
      handlers({
        'GET /throws': () => {
          throw new Error('password=hunter2');
        },
        'GET /invalid': () => ({ headers: { 'X-A': 'hunter2\n' } }),
      }),
    ],
  });
  for (const path of ['/throws', '/invalid']) {
    const response = await get(path);
    t.is(response.status, 500);
    t.false(response.body.includes('hunter2'));
  }
});
