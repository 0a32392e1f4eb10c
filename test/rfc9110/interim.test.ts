/** RFC 9110 §15.2 over a socket: interim responses before the answer. */
import test from 'ava';
import type { InterimResponse } from '../../core/api/request.js';
import { field, handlers, request, serve, withBody } from '../support/raw-client.js';

test('§15.2: a handler can send interim responses before its answer, at once and several times', async (t) => {
  let go: () => void = () => {};
  const sent: boolean[] = [];
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'GET /': async (incoming) => {
          sent.push(incoming.inform({ status: 102 }));
          sent.push(
            incoming.inform({ status: 103, headers: { Link: ['</a>; rel=preload', '</b>; rel=preload'] } }),
          );
          await new Promise<void>((resolve) => {
            go = resolve;
          });
          return 'done';
        },
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /') + request('GET /probe'));
  const processing = await client.response();
  t.is(processing.head, 'HTTP/1.1 102 Processing\r\n\r\n');
  const hints = await client.response();
  t.is(hints.head, 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nLink: </b>; rel=preload\r\n\r\n');
  go();
  t.is((await client.response()).body, 'done');
  t.is((await client.response()).body, 'alive');
  t.deepEqual(sent, [true, true]);
});

test('§15.2: interim responses also work with a synchronous handler, HEAD and a forwarded request', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      'head',
      handlers({
        'GET /': (incoming) => {
          incoming.inform({ status: 103 });
          return 'x';
        },
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /') + request('HEAD /') + request('GET /probe'));
  for (const [method, status] of [
    ['GET', 103],
    ['GET', 200],
    ['HEAD', 103],
    ['HEAD', 200],
    ['GET', 200],
  ] as const) {
    t.is((await client.response(method)).status, status);
  }
});

test('§15.2: an HTTP/1.0 client gets only the answer', async (t) => {
  let sent: boolean | undefined;
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'GET /': (incoming) => {
          sent = incoming.inform({ status: 103 });
          return 'x';
        },
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET / HTTP/1.0'));
  t.is((await client.response()).status, 200);
  t.is(await client.closed(), '');
  t.false(sent);
});

test('§15.2: no interim response is sent after the answer has begun, nor into the next exchange', async (t) => {
  const sent: boolean[] = [];
  let late: () => boolean = () => true;
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'GET /': (incoming) => {
          late = () => incoming.inform({ status: 103 });
          return (async function* () {
            yield 'a';
            await new Promise(setImmediate);
            sent.push(late());
            yield 'b';
          })();
        },
        'GET /next': async () => {
          sent.push(late());
          return 'next';
        },
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /') + request('GET /next'));
  t.is((await client.response()).body, 'ab');
  t.is((await client.response()).body, 'next');
  t.deepEqual([...sent, late()], [false, false, false]);
});

test('§15.2: an interim response cannot inject lines, frame a body or be final', async (t) => {
  const bad = [
    { status: 100 },
    { status: 101 },
    { status: 200 },
    { status: 102.5 },
    { status: '103 X\r\nX-Evil: 1' },
    { status: 103, headers: { 'X-A': 'a\r\nX-Evil: 1' } },
    { status: 103, headers: { 'X-A\r\nX-Evil': '1' } },
    { status: 103, headers: { 'Content-Length': '1' } },
    { status: 103, headers: { 'Transfer-Encoding': 'chunked' } },
    { status: 103, headers: { Connection: 'close' } },
    { status: 103, headers: { Upgrade: 'x' } },
  ] as readonly unknown[] as readonly InterimResponse[];
  const { connect, log } = await serve(t, {
    plugins: [
      handlers({
        'GET /:at': (incoming) => {
          incoming.inform(bad[Number(incoming.params.at)]!);
          return 'x';
        },
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

test('§15.2: an interim response may come before and after 100 Continue', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'POST /': async (incoming) => {
          incoming.inform({ status: 103 });
          const body = await incoming.text();
          incoming.inform({ status: 102 });
          return body;
        },
      }),
    ],
  });
  const client = await connect();
  client.send(request('POST /', ['Expect: 100-continue', 'Content-Length: 2']));
  t.is((await client.response()).status, 103);
  t.is((await client.response()).status, 100);
  client.send(`hi${withBody('POST /', 'ho')}`);
  t.is((await client.response()).status, 102);
  t.is((await client.response()).body, 'hi');
  t.is((await client.response()).status, 103);
  t.is((await client.response()).status, 102);
  const last = await client.response();
  t.is(last.body, 'ho');
  t.is(field(last, 'connection'), 'keep-alive');
});
