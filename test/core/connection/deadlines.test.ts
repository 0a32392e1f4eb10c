/**
 * Deadlines, limits and the end of a server. Limits are small, and tests wait for events on the wire: no test reads a
 * clock.
 */
import ava from 'ava';
import {
  chunked,
  field,
  handlers,
  type RawClient,
  request,
  type Served,
  serve,
  type WireResponse,
  withBody,
} from '../../support/raw-client.js';

/** Serial: the deadlines are short, and many servers at once would miss them. */
const test = ava.serial;

/** Sends an octet repeatedly until the server ends the connection. */
async function drip(client: RawClient, octets: string): Promise<string> {
  let at = 0;
  const dripping = setInterval(() => {
    if (!client.isOver) client.send(octets[at++ % octets.length]!);
  }, 5);
  try {
    return await client.closed();
  } finally {
    clearInterval(dripping);
  }
}

async function lastResponse(client: RawClient, method?: string): Promise<WireResponse> {
  const response = await client.response(method);
  if (client.unread !== '') throw new Error(`More came: ${client.unread}`);
  return response;
}

const reading = {
  'POST /': async (incoming: { text(): Promise<string> }) => incoming.text(),
  'POST /early': () => 'early',
};

test('a head that arrives too slowly is answered 408 and closes', async (t) => {
  const { connect } = await serve(t, { limits: { headerTimeoutMs: 60 } });
  const client = await connect();
  client.send('GET / HTTP/1.1\r\nHost: localhost\r\nX-Drip: ');
  await drip(client, 'x');
  const response = await lastResponse(client);
  t.is(response.status, 408);
  t.is(field(response, 'connection'), 'close');
  t.truthy(field(response, 'date'));
});

test('a head that stops half way is answered 408 and closes', async (t) => {
  const { connect } = await serve(t, { limits: { headerTimeoutMs: 60 } });
  for (const octets of ['GE', 'GET / HTTP/1.1\r\n', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r']) {
    const client = await connect();
    client.send(octets);
    await client.closed();
    t.is((await lastResponse(client)).status, 408, octets);
  }
});

test('a HEAD that stops half way is answered 408 without a body', async (t) => {
  const { connect } = await serve(t, { limits: { headerTimeoutMs: 60 } });
  for (const octets of ['HEAD / HT', 'HEAD / HTTP/1.1\r\nHost']) {
    const client = await connect();
    client.send(octets);
    await client.closed();
    t.is((await lastResponse(client, 'HEAD')).status, 408, octets);
  }
});

test('a slow head after an answered request is answered 408 too', async (t) => {
  const { connect } = await serve(t, { limits: { headerTimeoutMs: 60 } });
  const client = await connect();
  client.send(`${request('GET /probe')}GET /pro`);
  t.is((await client.response()).body, 'alive');
  await drip(client, 'b');
  t.is((await lastResponse(client)).status, 408);
});

test('a body that arrives too slowly is answered 408 and closes, in both framings', async (t) => {
  const { connect } = await serve(t, {
    limits: { requestTimeoutMs: 80, handlerTimeoutMs: 40 },
    plugins: [handlers(reading)],
  });
  for (const fields of [['Content-Length: 100000'], ['Transfer-Encoding: chunked']]) {
    const client = await connect();
    client.send(request('POST /', fields));
    await drip(client, fields[0]?.startsWith('T') === true ? '1\r\nx\r\n' : 'x');
    const response = await lastResponse(client);
    t.is(response.status, 408);
    t.is(field(response, 'connection'), 'close');
  }
});

test('an answer made from a slow request body is cut off', async (t) => {
  const { connect, get } = await serve(t, {
    limits: { requestTimeoutMs: 80 },
    plugins: [handlers({ 'POST /': (incoming) => incoming.body })],
  });
  const client = await connect();
  client.send(request('POST /', ['Content-Length: 100000'], 'xxx'));
  await client.receive('xxx');
  await drip(client, 'x');
  await t.throwsAsync(client.response(), { message: /before a whole response/ });
  t.is((await get('/probe')).body, 'alive');
});

test('an answered request whose body never arrives is closed', async (t) => {
  const { connect } = await serve(t, { limits: { requestTimeoutMs: 60 }, plugins: [handlers(reading)] });
  const client = await connect();
  client.send(request('POST /early', ['Content-Length: 10'], 'abc'));
  t.is((await client.response()).body, 'early');
  t.is(await client.closed(), '');
});

test('an idle connection is closed without an answer, before and between requests', async (t) => {
  const { connect } = await serve(t, { limits: { idleTimeoutMs: 100 } });
  const silent = await connect();
  t.is(await silent.closed(), '');
  const used = await connect();
  used.send(request('GET /probe'));
  t.is((await used.response()).body, 'alive');
  t.is(await used.closed(), '');
  const almost = await connect();
  almost.send('\r\n');
  t.is(await almost.closed(), '');
});

// Peers that do not read

test('a peer that never reads a large answer is disconnected, and its source is not read further', async (t) => {
  let pulled = 0;
  let over: () => void = () => {};
  const closed = new Promise<void>((resolve) => {
    over = resolve;
  });
  const { connect, get } = await serve(t, {
    limits: { writeTimeoutMs: 100, maxBufferedOctets: 16_384 },
    plugins: [
      handlers({
        'GET /': async function* () {
          try {
            for (;;) {
              pulled++;
              yield 'x'.repeat(65_536);
            }
          } finally {
            over();
          }
        },
      }),
    ],
  });
  const client = await connect();
  client.stopReading();
  client.send(request('GET /'));
  await closed;
  // The kernel buffers some megabytes on both sides; without back-pressure there would be no limit.
  t.true(pulled < 500, `${pulled} parts were asked for`);
  t.is((await get('/probe')).body, 'alive');
});

test('a peer that never reads one large part of a stream is disconnected', async (t) => {
  let over: () => void = () => {};
  const closed = new Promise<void>((resolve) => {
    over = resolve;
  });
  const { connect, get } = await serve(t, {
    limits: { writeTimeoutMs: 100, maxBufferedOctets: 16_384 },
    plugins: [
      handlers({
        'GET /': async function* () {
          try {
            yield Buffer.alloc(50_000_000, 'x');
          } finally {
            over();
          }
        },
      }),
    ],
  });
  const client = await connect();
  client.stopReading();
  client.send(request('GET /'));
  await closed;
  t.is((await get('/probe')).body, 'alive');
});

test('a peer that reads slowly gets all of a large answer, whole or as one part of a stream', async (t) => {
  const size = 20_000_000;
  const { connect } = await serve(t, {
    // The variant of this test with its own clock (`connection.test.ts`) takes longer than the deadline as a whole.
    limits: { maxBufferedOctets: 16_384 },
    plugins: [
      handlers({
        'GET /part': async function* () {
          yield Buffer.alloc(size, 'x');
        },
        'GET /whole': () => Buffer.alloc(size, 'x'),
      }),
    ],
  });
  const clients = await Promise.all(
    ['/part', '/whole'].map(async (path) => {
      const client = await connect();
      client.readSlowly(1);
      client.send(request(`GET ${path}`));
      return client;
    }),
  );
  for (const client of clients) {
    // Parsed only once, when nearly all of it is here.
    await client.receive(size);
    t.is((await client.response()).body.length, size);
  }
});

test('the last answer of a connection is not cut short for a peer that reads slowly', async (t) => {
  const size = 20_000_000;
  const { connect } = await serve(t, {
    limits: { maxBufferedOctets: size },
    plugins: [handlers({ 'GET /': () => Buffer.alloc(size, 'x') })],
  });
  const client = await connect();
  client.readSlowly(1);
  client.send(request('GET /', ['Connection: close']));
  await client.closed();
  t.is((await client.response()).body.length, size);
});

test('a peer that pipelines and never reads is not read from any more', async (t) => {
  let handled = 0;
  const { connect } = await serve(t, {
    limits: { writeTimeoutMs: 200, maxBufferedOctets: 16_384 },
    plugins: [
      handlers({
        'GET /': () => {
          handled++;
          return 'x'.repeat(10_000);
        },
      }),
    ],
  });
  const client = await connect();
  client.stopReading();
  const count = 20_000;
  client.send(request('GET /').repeat(count));
  await drip(client, '\r\n');
  t.true(handled < count / 4, `${handled} requests were handled`);
});

// Number of connections

test('connections over the limit are refused and logged; open ones continue', async (t) => {
  const { connect, log } = await serve(t, { limits: { maxConnections: 2 } });
  const first = await connect();
  const second = await connect();
  first.send(request('GET /probe'));
  second.send(request('GET /probe'));
  t.is((await first.response()).body, 'alive');
  t.is((await second.response()).body, 'alive');
  const third = await connect();
  t.is(await third.closed(), '');
  t.true(log.some(({ message }) => message.startsWith('Connections were refused')));
  first.send(request('GET /probe', ['Connection: close']));
  t.is((await first.response()).body, 'alive');
  await first.closed();
  first.destroy();
  // Its place is free as soon as the server has seen the end.
  for (;;) {
    const fourth = await connect();
    fourth.send(request('GET /probe'));
    const answered = await fourth.response().then(
      ({ body }) => body,
      () => undefined,
    );
    if (answered === undefined) continue;
    t.is(answered, 'alive');
    break;
  }
});

// The end of a server

interface Busy extends Served {
  /** Resolves when the handler has begun. */
  readonly begun: Promise<void>;
  readonly letGo: () => void;
}

async function holding(t: Parameters<typeof serve>[0], shutdownTimeoutMs: number): Promise<Busy> {
  let begin: () => void = () => {};
  let letGo: () => void = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const served = await serve(t, {
    limits: { shutdownTimeoutMs },
    plugins: [
      handlers({
        'GET /held': async () => {
          begin();
          await held;
          return 'finished';
        },
        'GET /stream': async function* () {
          yield 'begun ';
          begin();
          await held;
          yield 'finished';
        },
        'POST /early': () => 'early',
      }),
    ],
  });
  return { ...served, begun, letGo };
}

test('a clean stop finishes exchanges in progress with Connection: close, and closes idle connections at once', async (t) => {
  const { server, connect, begun, letGo } = await holding(t, 60_000);
  const busy = await connect();
  busy.send(request('GET /held') + request('GET /probe'));
  const idle = await connect();
  idle.send(request('GET /probe'));
  await idle.response();
  const silent = await connect();
  await begun;
  const closing = server.close();
  t.is(await idle.closed(), '');
  t.is(await silent.closed(), '');
  await t.throwsAsync(connect(), { code: 'ECONNREFUSED' });
  letGo();
  const response = await busy.response();
  t.is(response.body, 'finished');
  t.is(field(response, 'connection'), 'close');
  t.is(await busy.closed(), '', 'what was pipelined behind is not begun');
  busy.destroy();
  await closing;
});

test('a clean stop finishes a stream that has begun, and then closes its connection', async (t) => {
  const { server, connect, begun, letGo } = await holding(t, 60_000);
  const busy = await connect();
  busy.send(request('GET /stream'));
  await begun;
  const closing = server.close();
  letGo();
  t.is((await busy.response()).body, 'begun finished');
  t.is(await busy.closed(), '');
  busy.destroy();
  await closing;
});

test('a clean stop waits for a request whose head or body is still arriving', async (t) => {
  const { server, connect } = await serve(t, {
    limits: { shutdownTimeoutMs: 60_000 },
    plugins: [handlers(reading)],
  });
  const head = await connect();
  head.send('GET /probe HTT');
  const body = await connect();
  body.send(withBody('POST /', 'hello').slice(0, -2));
  const chunks = await connect();
  chunks.send(chunked('POST /', ['hello']).slice(0, -2));
  // Each has arrived when a later request is answered.
  const other = await connect();
  for (let n = 0; n < 3; n++) {
    other.send(request('GET /probe'));
    await other.response();
  }
  const closing = server.close();
  head.send('P/1.1\r\nHost: localhost\r\n\r\n');
  body.send('lo');
  chunks.send('\r\n');
  for (const [client, text] of [
    [head, 'alive'],
    [body, 'hello'],
    [chunks, 'hello'],
  ] as const) {
    const response = await client.response();
    t.is(response.body, text);
    t.is(field(response, 'connection'), 'close');
    t.is(await client.closed(), '');
    client.destroy();
  }
  other.destroy();
  await closing;
});

test('a clean stop closes after an early answer as soon as the rest of the body is skipped', async (t) => {
  const { server, connect } = await holding(t, 60_000);
  const client = await connect();
  client.send(request('POST /early', ['Content-Length: 6'], 'abc'));
  t.is((await client.response()).body, 'early');
  const closing = server.close();
  client.send('def');
  t.is(await client.closed(), '');
  client.destroy();
  await closing;
});

test('a stop aborts everything that does not finish in time', async (t) => {
  const { server, connect, begun, log } = await holding(t, 50);
  const busy = await connect();
  busy.send(request('GET /held'));
  await begun;
  await server.close();
  t.is(await busy.closed(), '');
  t.true(log.some(({ message }) => message.includes('closed by force')));
});
