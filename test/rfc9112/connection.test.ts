/** RFC 9112 §9 over a socket: when a connection persists, in which order it answers, and how it closes. */
import test, { type ExecutionContext } from 'ava';
import {
  chunked,
  field,
  handlers,
  plugin,
  request,
  type Served,
  serve,
  withBody,
} from '../support/raw-client.js';

/** A handler that waits until the test opens the gate. */
function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

const numbered = (t: ExecutionContext): Promise<Served> =>
  serve(t, {
    plugins: [
      handlers({
        'GET /:n': ({ params }) => `${params.n}`,
        'HEAD /:n': ({ params }) => ({ body: `${params.n}` }),
        'POST /:n': async (incoming) => `${incoming.params.n}:${await incoming.text()}`,
        'GET /slow/:n': async ({ params }) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          return `slow ${params.n}`;
        },
        'GET /stream/:n': async function* ({ params }) {
          yield 'stream ';
          await new Promise((resolve) => setTimeout(resolve, 5));
          yield String(params.n);
        },
        'GET /last': () => ({ headers: { Connection: 'Close' }, body: 'last' }),
        'GET /nothing': () => ({ status: 204 }),
      }),
    ],
  });

// §9.3, persistence

test('§9.3: an HTTP/1.1 connection persists, and its answers say for how long', async (t) => {
  const { connect } = await numbered(t);
  const client = await connect();
  for (const n of ['1', '2', '3']) {
    client.send(request(`GET /${n}`));
    const response = await client.response();
    t.is(response.body, n);
    t.is(field(response, 'connection'), 'keep-alive');
    // A second less than limits.idleTimeoutMs.
    t.is(field(response, 'keep-alive'), 'timeout=64');
  }
});

test('§9.3: an HTTP/1.0 connection closes after its answer', async (t) => {
  const { connect } = await numbered(t);
  const client = await connect();
  client.send(request('GET /1 HTTP/1.0') + request('GET /2 HTTP/1.0'));
  const response = await client.response();
  t.is(response.body, '1');
  t.is(field(response, 'connection'), 'close');
  t.is(await client.closed(), '');
});

test('§9.3: an HTTP/1.0 connection persists on request, and the answer says so', async (t) => {
  const { connect } = await numbered(t);
  const client = await connect();
  client.send(request('GET /1 HTTP/1.0', ['Connection: Keep-Alive']));
  const response = await client.response();
  t.is(field(response, 'connection'), 'keep-alive');
  client.send(request('GET /2 HTTP/1.0', ['Connection: foo, KEEP-ALIVE']));
  t.is((await client.response()).body, '2');
  client.send(request('GET /3 HTTP/1.0'));
  t.is(field(await client.response(), 'connection'), 'close');
  t.is(await client.closed(), '');
});

test('§9.3: keep-alive with close closes', async (t) => {
  const { connect } = await numbered(t);
  const client = await connect();
  client.send(request('GET /1 HTTP/1.0', ['Connection: keep-alive, close']) + request('GET /2'));
  t.is(field(await client.response(), 'connection'), 'close');
  t.is(await client.closed(), '');
});

// §9.6, close

test('§9.6: after a request with close, in any case, list or line, the answer says close and nothing else is served', async (t) => {
  const { connect } = await numbered(t);
  const spellings = [
    ['Connection: close'],
    ['connection: CLOSE'],
    ['Connection: foo,\tClose , bar'],
    ['Connection: foo', 'Connection: close'],
  ];
  for (const fields of spellings) {
    const client = await connect();
    client.send(request('GET /1', fields) + request('GET /2'));
    const response = await client.response();
    t.is(response.body, '1');
    t.is(field(response, 'connection'), 'close', fields.join());
    t.is(await client.closed(), '');
  }
});

test('§9.6: an answer with close ends the connection, and nothing after it is served', async (t) => {
  const { connect } = await numbered(t);
  const client = await connect();
  client.send(request('GET /last') + request('GET /2'));
  const response = await client.response();
  t.is(response.body, 'last');
  t.is(field(response, 'connection'), 'close');
  t.is(await client.closed(), '');
});

test('§9.6: an option that only contains the word close does not close', async (t) => {
  const { connect } = await numbered(t);
  const client = await connect();
  client.send(request('GET /1', ['Connection: closed, not-close']) + request('GET /2'));
  t.is(field(await client.response(), 'connection'), 'keep-alive');
  t.is((await client.response()).body, '2');
});

test('§9.6: the last answer is not lost to a reset while the client is still sending', async (t) => {
  const { connect } = await serve(t, {
    limits: { maxBodyOctets: 1_000 },
    plugins: [handlers({ 'POST /': () => 'x' })],
  });
  const client = await connect();
  client.send(withBody('POST /', 'x'.repeat(1_000_000)));
  t.is((await client.response()).status, 413);
  t.is(await client.closed(), '');
  t.is(client.error, undefined, 'ended, not reset');
});

// §9.3.2, pipelining

test('§9.3.2: pipelined requests are answered in order, after slow handlers, bodies, streams and HEAD', async (t) => {
  const { connect } = await numbered(t);
  const client = await connect();
  client.send(
    request('GET /slow/1') +
      withBody('POST /2', 'GET / HTTP/1.1\r\n\r\n') +
      request('HEAD /33') +
      chunked('POST /4', ['a', 'b']) +
      request('GET /nothing') +
      request('GET /stream/6') +
      request('GET /slow/7') +
      request('GET /8', ['Connection: close']) +
      request('GET /9'),
  );
  t.is((await client.response()).body, 'slow 1');
  t.is((await client.response()).body, '2:GET / HTTP/1.1\r\n\r\n');
  t.is(field(await client.response('HEAD'), 'content-length'), '2');
  t.is((await client.response()).body, '4:ab');
  t.is((await client.response()).status, 204);
  t.is((await client.response()).body, 'stream 6');
  t.is((await client.response()).body, 'slow 7');
  t.is((await client.response()).body, '8');
  t.is(await client.closed(), '');
});

test('§9.3.2: a pipelined request is not handled before the previous one is answered', async (t) => {
  const begun: string[] = [];
  const first = gate();
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'GET /first': async () => {
          begun.push('first');
          await first.opened;
          begun.push('first over');
          return '1';
        },
        'POST /second': () => {
          begun.push('second');
          return '2';
        },
      }),
    ],
  });
  const client = await connect();
  await client.sendInPieces(request('GET /first') + withBody('POST /second', 'abc'), 7);
  first.open();
  t.is((await client.response()).body, '1');
  t.is((await client.response()).body, '2');
  t.deepEqual(begun, ['first', 'first over', 'second']);
});

test('§9.3.2: a hundred pipelined requests are answered, wherever their octets are cut', async (t) => {
  const { connect } = await numbered(t);
  const octets = Array.from({ length: 100 }, (_, n) => request(`GET /${n}`)).join('');
  for (const cut of [13, 101, 997, 4_099]) {
    const client = await connect();
    await client.sendInPieces(octets, cut);
    for (let n = 0; n < 100; n++) t.is((await client.response()).body, String(n));
    client.destroy();
  }
});

test('§9.3.2: all pipelined requests are answered, even if they exceed the buffer', async (t) => {
  const { connect } = await serve(t, {
    limits: { maxBufferedOctets: 2_000 },
    plugins: [
      handlers({
        'GET /:n': async ({ params }) => {
          // Other connections are read meanwhile.
          if (Number(params.n) % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
          return `${params.n} ${'x'.repeat(100)}`;
        },
      }),
    ],
  });
  const client = await connect();
  // Enough for many reads, so that some wait for others, and the peer for all of them.
  const count = 8_000;
  client.send(Array.from({ length: count }, (_, n) => request(`GET /${n}`)).join(''));
  for (let n = 0; n < count; n++) t.true((await client.response()).body.startsWith(`${n} x`));
});

test('§9.3.2: after a refused request nothing is served; requests before it are', async (t) => {
  const { connect } = await numbered(t);
  const client = await connect();
  client.send(`${request('GET /slow/1')}${request('GET /2')}BAD\r\n\r\n${request('GET /3')}`);
  t.is((await client.response()).body, 'slow 1');
  t.is((await client.response()).body, '2');
  const refusal = await client.response();
  t.is(refusal.status, 400);
  t.is(field(refusal, 'connection'), 'close');
  t.is(await client.closed(), '');
});

// §9.5 and §9.6, half-closed clients

test('§9.6: a client that ends its sending side still gets every pipelined answer', async (t) => {
  const { connect } = await numbered(t);
  const client = await connect();
  client.send(
    request('GET /slow/1') + withBody('POST /2', 'abc') + request('GET /stream/3') + request('GET /4'),
  );
  client.end();
  t.is((await client.response()).body, 'slow 1');
  t.is((await client.response()).body, '2:abc');
  t.is((await client.response()).body, 'stream 3');
  t.is((await client.response()).body, '4');
  t.is(await client.closed(), '');
});

test('§9.6: a client that ends its sending side inside a head gets the answers to complete requests, then the end', async (t) => {
  const { connect } = await numbered(t);
  const client = await connect();
  client.send(`${request('GET /1')}GET /2 HTTP/1.1\r\nHo`);
  client.end();
  t.is((await client.response()).body, '1');
  t.is(await client.closed(), '');
});

test('§9.5: a client that ends a connection without sending anything gets the end and no answer', async (t) => {
  const { connect } = await numbered(t);
  const client = await connect();
  client.end();
  t.is(await client.closed(), '');
});

test('§9.5: a client that resets at any point harms no other client', async (t) => {
  const { connect, get, log } = await numbered(t);
  for (const octets of [
    'GET / HT',
    request('GET /slow/1'),
    withBody('POST /2', 'abc').slice(0, -1),
    request('GET /stream/3'),
  ]) {
    const client = await connect();
    client.send(octets);
    client.destroy();
    t.is((await get('/1')).body, '1');
  }
  t.deepEqual(log, []);
});

test('§9.5: the signal of a handler is aborted when the client disconnects', async (t) => {
  const gone = gate();
  const begun = gate();
  const { connect } = await serve(t, {
    plugins: [
      plugin('waits', ({ handle }) =>
        handle('GET', '/', ({ signal }) => {
          begun.open();
          signal.addEventListener('abort', () => gone.open());
          return new Promise<string>(() => {});
        }),
      ),
    ],
  });
  const client = await connect();
  client.send(request('GET /'));
  await begun.opened;
  client.reset();
  await gone.opened;
  t.pass();
});
