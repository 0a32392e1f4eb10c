/** RFC 9110 §10.1.1 over a socket: `Expect: 100-continue`. */
import test, { type ExecutionContext } from 'ava';
import { field, handlers, request, type Served, serve } from '../support/raw-client.js';

const waiting = ['Expect: 100-continue', 'Content-Length: 5'];

const reading = (t: ExecutionContext): Promise<Served> =>
  serve(t, {
    limits: { maxBodyOctets: 100 },
    plugins: [
      handlers({
        'POST /read': async (incoming) => incoming.text(),
        'POST /iterate': async (incoming) => {
          let body = '';
          for await (const part of incoming.body) body += Buffer.from(part).toString();
          return body;
        },
        'POST /late': async (incoming) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return incoming.text();
        },
        'POST /begin-first': (incoming) => ({
          body: (async function* () {
            yield 'begun ';
            for await (const part of incoming.body) yield part;
          })(),
        }),
        'POST /refuse': () => ({ status: 403, body: 'no' }),
        'POST /refuse-late': async () => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return { status: 403, body: 'no' };
        },
      }),
    ],
  });

test('§10.1.1: a waiting client gets 100 Continue when a handler reads the body', async (t) => {
  const { connect } = await reading(t);
  for (const path of ['/read', '/iterate', '/late']) {
    const client = await connect();
    client.send(request(`POST ${path}`, waiting));
    const interim = await client.response();
    t.is(interim.status, 100, path);
    t.is(interim.framing, 'none');
    client.send(`hello${request('GET /probe')}`);
    t.is((await client.response()).body, 'hello');
    t.is((await client.response()).body, 'alive');
  }
});

test('§10.1.1: a client that waits with a chunked body gets 100 Continue too', async (t) => {
  const { connect } = await reading(t);
  const client = await connect();
  client.send(request('POST /read', ['Expect: 100-Continue', 'Transfer-Encoding: chunked']));
  t.is((await client.response()).status, 100);
  client.send('5\r\nhello\r\n0\r\n\r\n');
  t.is((await client.response()).body, 'hello');
});

test('§10.1.1: if no handler reads the body, only the final answer is sent, and the connection closes', async (t) => {
  const { connect } = await reading(t);
  for (const path of ['/refuse', '/refuse-late']) {
    const client = await connect();
    client.send(request(`POST ${path}`, waiting));
    const response = await client.response();
    t.is(response.status, 403);
    t.is(field(response, 'connection'), 'close');
    t.is(await client.closed(), '', 'no interim answer behind the final one');
  }
});

test('§10.1.1: after the final answer has begun, reading the body sends no interim response', async (t) => {
  const { connect } = await reading(t);
  const client = await connect();
  client.send(request('POST /begin-first', waiting));
  await client.receive('begun ');
  // The client may send the body anyway.
  client.send('hello');
  const response = await client.response();
  t.is(response.status, 200);
  t.is(response.body, 'begun hello');
  t.is(field(response, 'connection'), 'close');
  t.is(await client.closed(), '');
});

test('§10.1.1: a body that came with its head needs no interim response', async (t) => {
  const { connect } = await reading(t);
  const client = await connect();
  client.send(request('POST /read', waiting, 'hello') + request('GET /probe'));
  t.is((await client.response()).body, 'hello');
  t.is((await client.response()).body, 'alive');
});

test('§10.1.1: a body that has partly arrived needs no interim response, and its connection stays open', async (t) => {
  for (const [framing, part, rest] of [
    ['Content-Length: 5', 'he', 'llo'],
    ['Transfer-Encoding: chunked', '5', '\r\nhello\r\n0\r\n\r\n'],
  ] as const) {
    const { connect } = await reading(t);
    const client = await connect();
    client.send(request('POST /read', ['Expect: 100-continue', framing], part));
    const other = await connect();
    other.send(request('GET /probe'));
    await other.response();
    client.send(rest + request('GET /probe'));
    const response = await client.response();
    t.is(response.status, 200);
    t.is(response.body, 'hello');
    t.is((await client.response()).body, 'alive');
  }
});

test('§10.1.1: there is at most one interim response', async (t) => {
  const { connect } = await reading(t);
  const client = await connect();
  client.send(request('POST /iterate', waiting));
  t.is((await client.response()).status, 100);
  await client.sendInPieces('hello');
  t.is((await client.response()).body, 'hello');
});

test('§10.1.1: an expectation in an HTTP/1.0 request is ignored', async (t) => {
  const { connect } = await reading(t);
  const client = await connect();
  client.send(request('POST /read HTTP/1.0', waiting));
  client.send('hello');
  const response = await client.response();
  t.is(response.status, 200);
  t.is(response.body, 'hello');
});

test('§10.1.1: an unknown expectation is answered 417 and closes', async (t) => {
  const { connect } = await reading(t);
  const client = await connect();
  client.send(request('POST /read', ['Expect: the-unexpected', 'Content-Length: 5']) + request('GET /probe'));
  const response = await client.response();
  t.is(response.status, 417);
  t.is(field(response, 'connection'), 'close');
  t.is(await client.closed(), '');
});

test('§10.1.1: a body that would be too large is refused without 100 Continue', async (t) => {
  const { connect } = await reading(t);
  const client = await connect();
  client.send(request('POST /read', ['Expect: 100-continue', 'Content-Length: 101']));
  t.is((await client.response()).status, 413);
  t.is(await client.closed(), '');
});

test('§10.1.1: a request without a body gets no 100 Continue', async (t) => {
  const { connect } = await reading(t);
  const client = await connect();
  client.send(request('POST /read', ['Expect: 100-continue', 'Content-Length: 0']) + request('GET /probe'));
  t.is((await client.response()).status, 200);
  t.is((await client.response()).body, 'alive');
});

test('§10.1.1: a waiting client after a slow exchange gets 100 Continue in its turn', async (t) => {
  const { connect } = await reading(t);
  const client = await connect();
  client.send(request('POST /late', ['Content-Length: 1'], 'a') + request('POST /read', waiting));
  t.is((await client.response()).body, 'a');
  t.is((await client.response()).status, 100);
  client.send('hello');
  t.is((await client.response()).body, 'hello');
});

test('§5.6.1: empty elements and repetitions in the list of expectations are ignored', async (t) => {
  const { connect } = await reading(t);
  for (const lines of [['Expect: ,100-continue ,,'], ['Expect: 100-continue', 'Expect: 100-CONTINUE']]) {
    const client = await connect();
    client.send(request('POST /read', [...lines, 'Content-Length: 5']));
    t.is((await client.response()).status, 100);
    client.send('hello');
    t.is((await client.response()).body, 'hello');
  }
  const other = await connect();
  other.send(request('POST /read', ['Expect: 100-continue, other', 'Content-Length: 5']));
  t.is((await other.response()).status, 417);
});
