/** The behaviour of a connection that a plugin has taken over. */

import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import test, { type ExecutionContext } from 'ava';
import { WebSocket, WebSocketServer } from 'ws';
import type { TakeOver } from '../../../core/api/answer.js';
import type { Outcome } from '../../../core/api/plugin.js';
import type { Request } from '../../../core/api/request.js';
import { createLog } from '../../../core/log.js';
import { createServer } from '../../../core/server.js';
import { ONE } from '../../support/certificates.js';
import { handlers, plugin, type RawClient, request, type Served, serve } from '../../support/raw-client.js';
import { isStartWarning } from '../../support/start-warnings.js';

const ASKS = ['Connection: Upgrade', 'Upgrade: x'];

interface Taken {
  readonly served: Served;
  readonly client: RawClient;
  readonly stream: Duplex;
  readonly incoming: Request;
}

/** A connection that was taken over, from both ends. */
async function taken(t: ExecutionContext, limits = {}): Promise<Taken> {
  let tell: (both: { stream: Duplex; incoming: Request }) => void = () => {};
  const both = new Promise<{ stream: Duplex; incoming: Request }>((resolve) => {
    tell = resolve;
  });
  const served = await serve(t, {
    limits,
    plugins: [
      handlers({
        'GET /x': (incoming) => ({
          status: 101,
          headers: { Upgrade: 'x' },
          takeOver: (stream) => tell({ stream, incoming }),
        }),
      }),
    ],
  });
  const client = await served.connect();
  client.send(request('GET /x', ASKS));
  await client.response();
  return { served, client, ...(await both) };
}

test('a client that sends while nobody reads is paused, and nothing is lost', async (t) => {
  const { client, stream } = await taken(t);
  const octets = 8_000_000;
  client.send('x'.repeat(octets));
  client.end();
  await once(stream, 'readable');
  // The rest waits in the client and the kernel.
  while (stream.readableLength < stream.readableHighWaterMark) await once(stream, 'readable');
  // As many turns as reading all of it would take.
  for (let turns = 0; turns < 500; turns += 1) await new Promise(setImmediate);
  t.true(stream.readableLength < 200_000, `${stream.readableLength}`);
  t.true(client.unsent > 0);
  let heard = 0;
  for await (const piece of stream) heard += (piece as Buffer).length;
  t.is(heard, octets);
});

test('a stream with an encoding gives text, however the octets are cut', async (t) => {
  const { client, stream } = await taken(t);
  stream.setEncoding('utf8');
  const texts: unknown[] = [];
  stream.on('data', (piece) => texts.push(piece));
  const octets = Buffer.from('tea: thé, 茶').toString('latin1');
  await client.sendInPieces(octets);
  client.end();
  await once(stream, 'end');
  t.is(texts.join(''), 'tea: thé, 茶');
  t.true(texts.every((piece) => typeof piece === 'string'));
});

test('a client that does not read makes the plugin wait, and no HTTP deadline aborts that', async (t) => {
  const { client, stream, served } = await taken(t, {
    writeTimeoutMs: 40,
    idleTimeoutMs: 40,
    handlerTimeoutMs: 40,
  });
  client.stopReading();
  let written = 0;
  for (let turns = 0; turns < 50 && written < 100_000_000; turns += 1) {
    if (!stream.writableNeedDrain) {
      stream.write(Buffer.alloc(65_536));
      written += 65_536;
      turns = 0;
    }
    await new Promise(setImmediate);
  }
  t.true(written < 100_000_000);
  t.true(stream.writableNeedDrain);
  // Several ticks of the deadlines pass while a deadline closes another connection.
  const idle = await served.connect();
  await idle.closed();
  const again = await served.connect();
  await again.closed();
  t.false(stream.destroyed);
});

test('a client that resets destroys the stream and aborts the signal of the request', async (t) => {
  const { client, stream, incoming } = await taken(t);
  client.reset();
  const [error] = await once(stream, 'error');
  t.is((error as { code?: string }).code, 'CONNECTION_LOST');
  t.true(incoming.signal.aborted);
  t.true(stream.destroyed);
});

test('destroying the stream aborts the connection', async (t) => {
  const { client, stream } = await taken(t);
  stream.destroy(new Error('nobody listens to this one'));
  t.is(await client.closed(), '');
});

test('a failure after the takeover is logged with its plugin, and harms no other connection', async (t) => {
  const fails: Readonly<Record<string, TakeOver>> = {
    '/throws': () => {
      throw new Error('a');
    },
    '/rejects': async () => {
      throw new Error('b');
    },
    '/listener': (stream) => {
      stream.on('data', () => {
        throw new Error('c');
      });
    },
  };
  const { connect, get, log } = await serve(t, {
    plugins: [
      handlers({
        'GET /:how': ({ path }) => ({
          status: 101,
          headers: { Upgrade: 'x' },
          takeOver: fails[path] ?? (() => {}),
        }),
      }),
    ],
  });
  for (const [at, path] of Object.keys(fails).entries()) {
    const client = await connect();
    client.send(request(`GET ${path}`, ASKS));
    await client.response();
    // Not together with the request: errors of listeners for waiting octets end the process, like any late error.
    await new Promise(setImmediate);
    client.send('octets');
    t.is(await client.closed(), '', path);
    t.is(log.length, at + 1, path);
    t.is(log[at]?.plugin, 'handlers');
  }
  t.is((await get('/probe')).body, 'alive');
});

test('a stream listener that fails on a later tick, or rejects, costs its connection and not the process', async (t) => {
  const fail = (): never => {
    throw new Error('listener');
  };
  const { connect, log } = await serve(t, {
    plugins: [
      handlers({
        'GET /:how': ({ params: { how } }) => ({
          status: 101,
          headers: { Upgrade: 'x' },
          takeOver: (stream) => {
            // Early octets are emitted on the next tick, without any caller above.
            if (how === 'data') stream.on('data', fail);
            else if (how === 'readable') stream.on('readable', fail);
            else if (how === 'async') stream.on('data', async () => fail());
            else if (how === 'end') stream.resume().on('end', fail);
            else if (how === 'close') stream.resume().on('close', fail).destroy();
            else if (how === 'finish') stream.on('finish', fail).end('bye');
            else stream.on('error', fail).destroy(new Error('own'));
          },
        }),
      }),
    ],
  });
  const other = await connect();
  const ways = ['data', 'readable', 'async', 'end', 'close', 'finish', 'error'];
  for (const how of ways) {
    const client = await connect();
    client.send(`${request(`GET /${how}`, ASKS)}early`);
    client.end();
    await client.closed();
  }
  other.send(request('GET /probe'));
  t.is((await other.response()).body, 'alive');
  t.is(log.length, ways.length);
});

test('a stop notifies the plugin, waits for the stream within the drain time, and then aborts it', async (t) => {
  for (const ends of [true, false]) {
    let broken: unknown;
    const told = plugin('told', ({ handle, signal }) => {
      handle('GET', '/x', () => ({
        status: 101,
        headers: { Upgrade: 'x' },
        takeOver: (stream) => {
          stream.on('error', (error) => {
            broken = error;
          });
          if (!ends) return;
          stream.resume();
          signal.addEventListener('abort', () => stream.end('bye'));
        },
      }));
    });
    const { server, connect } = await serve(t, {
      plugins: [told],
      limits: { shutdownTimeoutMs: ends ? 60_000 : 20 },
    });
    const client = await connect();
    client.send(request('GET /x', ASKS));
    await client.response();
    const closing = server.close();
    t.is(await client.closed(), ends ? 'bye' : '');
    client.end();
    await closing;
    t.is((broken as { code?: string } | undefined)?.code, ends ? undefined : 'CONNECTION_LOST');
  }
});

test('a server that is stopping hands no connection over', async (t) => {
  let go: () => void = () => {};
  const waiting = new Promise<void>((resolve) => {
    go = resolve;
  });
  const { server, connect } = await serve(t, {
    limits: { shutdownTimeoutMs: 60_000 },
    plugins: [
      handlers({
        'GET /x': async () => {
          await waiting;
          return { status: 101, headers: { Upgrade: 'x' }, takeOver: () => t.fail() };
        },
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /probe') + request('GET /x', ASKS));
  await client.response();
  const closing = server.close();
  go();
  t.is((await client.response()).status, 503);
  client.end();
  await closing;
});

test('hooks see the answer that takes over, and the end of the connection with its octets and its time', async (t) => {
  let told: (of: { path: string } & Outcome) => void = () => {};
  const closed = new Promise<{ path: string } & Outcome>((resolve) => {
    told = resolve;
  });
  let isOpen = true;
  const { connect } = await serve(t, {
    plugins: [
      plugin('hooks', ({ hook }) => {
        hook('response', (_request, response) => ({
          ...response,
          headers: { ...response.headers, 'X-Seen': '1' },
        }));
        hook('close', ({ path }, outcome) => {
          t.false(isOpen);
          told({ path, ...outcome });
        });
      }),
      handlers({
        'GET /x': () => ({
          status: 101,
          headers: { Upgrade: 'x' },
          takeOver: (stream) => {
            stream.write('hello ');
            stream.on('data', () => {
              isOpen = false;
              stream.end('and bye');
            });
          },
        }),
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /x', ASKS));
  t.deepEqual((await client.response()).fields.get('x-seen'), ['1']);
  await client.receive('hello ');
  client.send('?');
  await client.receive('and bye');
  client.end();
  const { durationMs, ...outcome } = await closed;
  t.deepEqual(outcome, {
    path: '/x',
    status: 101,
    contentOctets: 13,
    isComplete: true,
    route: '/x',
    code: undefined,
  });
  t.true(durationMs > 0);
});

test('a head that the plugin writes itself does not count as content', async (t) => {
  let told: (of: Outcome) => void = () => {};
  const closed = new Promise<Outcome>((resolve) => {
    told = resolve;
  });
  const { connect } = await serve(t, {
    plugins: [
      plugin('hooks', ({ hook }) => hook('close', (_request, outcome) => told(outcome))),
      handlers({
        'GET /x': () => ({
          takeOver: (stream) => {
            stream.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nabc');
            stream.end('defg');
          },
        }),
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /x', ASKS));
  await client.receive('defg');
  client.end();
  t.like(await closed, { status: 101, contentOctets: 7, isComplete: true });
});

test('the end of a connection goes to the hooks of its time, also after a reload', async (t) => {
  const seen: string[] = [];
  let end: () => void = () => {};
  let told: () => void = () => {};
  const isTold = new Promise<void>((resolve) => {
    told = resolve;
  });
  const witness = (name: string) =>
    plugin(name, ({ hook, onClose }) => {
      hook('close', ({ path }) => {
        seen.push(`${name} ${path}`);
        told();
      });
      onClose(() => void seen.push(`${name} closed`));
    });
  const taker = handlers({
    'GET /x': () => ({
      status: 101,
      headers: { Upgrade: 'x' },
      takeOver: (stream) => {
        end = () => void stream.end();
      },
    }),
  });
  const { server, connect } = await serve(t, { plugins: [taker, witness('old')] });
  const client = await connect();
  client.send(request('GET /x', ASKS));
  await client.response();
  const rest = { listen: { port: 0 }, storage: 'memory', limits: { shutdownTimeoutMs: 0 } };
  await server.reload({ ...rest, plugins: [taker, witness('new')] });
  end();
  client.end();
  await isTold;
  t.deepEqual(seen, ['old closed', 'new /x']);
});

test('a connection belongs to the plugin that takes it over, whichever hooks handled the answer later', async (t) => {
  const adding = plugin('adding', ({ hook }) =>
    hook('response', (_, { headers, ...rest }) => ({ ...rest, headers: { ...headers, 'X-Added': '1' } })),
  );
  const { connect, log } = await serve(t, {
    plugins: [
      adding,
      handlers({
        'GET /head': () => ({
          status: 101,
          headers: { Upgrade: 'x' },
          takeOver: () => Promise.reject(new Error('mine')),
        }),
        'GET /none': () => ({
          takeOver: async (stream) => {
            stream.write('HTTP/1.1 101 By itself\r\n\r\n');
            throw new Error('mine');
          },
        }),
      }),
    ],
  });
  for (const path of ['/head', '/none']) {
    const client = await connect();
    client.send(request(`GET ${path}`, ASKS));
    const response = await client.response();
    t.is(response.status, 101);
    t.deepEqual(response.fields.get('x-added'), path === '/head' ? ['1'] : undefined);
    await client.closed();
  }
  t.deepEqual(
    log.map(({ plugin: name }) => name),
    ['handlers', 'handlers'],
  );
});

test('the tap sees the octets of both directions', async (t) => {
  const seen = { received: '', sent: '' };
  const server = createServer(
    {
      listen: { port: 0 },
      storage: 'memory',
      plugins: [
        handlers({
          'GET /x': () => ({ takeOver: (stream) => void stream.end('HTTP/1.1 101 By itself\r\n\r\nbye') }),
        }),
      ],
    },
    {
      tap: {
        received: (_connection, octets) => {
          seen.received += Buffer.from(octets).toString('latin1');
        },
        sent: (_connection, octets) => {
          seen.sent += Buffer.from(octets).toString('latin1');
        },
      },
    },
  );
  t.teardown(() => server.close());
  const injected = await server.inject({ target: '/x', headers: { Connection: 'upgrade', Upgrade: 'x' } });
  t.is(injected.reason, 'By itself');
  t.is(seen.sent, 'HTTP/1.1 101 By itself\r\n\r\nbye');
  t.true(seen.received.endsWith('\r\n\r\n'));
});

test('inject: the client has ended, and the output of the plugin until it ends is the body', async (t) => {
  const server = createServer({
    storage: 'memory',
    plugins: [
      handlers({
        'GET /x': () => ({
          status: 101,
          headers: { Upgrade: 'x' },
          takeOver: async (stream) => {
            await pipeline(
              stream,
              async function* (octets) {
                yield 'said: ';
                yield* octets;
              },
              stream,
            );
          },
        }),
      }),
    ],
  });
  t.teardown(() => server.close());
  const response = await server.inject({ target: '/x', headers: { Connection: 'upgrade', Upgrade: 'x' } });
  t.is(response.status, 101);
  t.is(response.headers.upgrade, 'x');
  t.is(response.text, 'said: ');
});

for (const secure of [false, true]) {
  test(`a WebSocket server of the package ws works on it, ${secure ? 'over TLS' : 'without TLS'}`, async (t) => {
    const sockets = new WebSocketServer({ noServer: true });
    const lines: string[] = [];
    const server = createServer(
      {
        listen: { port: 0, ...(secure ? { tls: ONE } : {}) },
        storage: 'memory',
        limits: { shutdownTimeoutMs: 60_000 },
        plugins: [
          plugin('chat', ({ handle, signal }) => {
            handle('GET', '/chat', ({ method, target, headers }) => ({
              takeOver: (stream) => {
                // ws reads only these three properties of a request.
                const incoming = { method, url: target, headers } as never;
                sockets.handleUpgrade(incoming, stream, Buffer.alloc(0), (socket) => {
                  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
                  signal.addEventListener('abort', () => socket.close(1001));
                });
              },
            }));
          }),
        ],
      },
      {
        log: createLog((line) => {
          if (!isStartWarning(JSON.parse(line))) lines.push(line);
        }),
      },
    );
    t.teardown(() => server.close());
    const { port } = await server.listen();
    const client = new WebSocket(`${secure ? 'wss' : 'ws'}://127.0.0.1:${port}/chat`, {
      rejectUnauthorized: false,
      perMessageDeflate: true,
    });
    await once(client, 'open');
    for (const sent of ['hello', 'é'.repeat(70_000), 'x'.repeat(1_000_000)]) {
      client.send(sent);
      const [data] = await once(client, 'message');
      t.is(String(data), sent);
    }
    const over = once(client, 'close');
    const closing = server.close();
    t.is((await over)[0], 1001);
    await closing;
    t.deepEqual(lines, []);
  });
}
