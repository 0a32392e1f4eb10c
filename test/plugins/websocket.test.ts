import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type ClientOptions, WebSocket } from 'ws';
import type { PluginContext } from '../../core/api/plugin.js';
import { type ServeSocket, type WebSocketOptions, webSockets } from '../../plugins/websocket.js';
import { tempFolder } from '../core/temp-folder.js';
import { field, plugin, request, type Served, type ServeOptions, serve } from '../support/raw-client.js';
import { served } from './served.js';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const HANDSHAKE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${KEY}`,
];

const echo: ServeSocket = (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
};

interface Serving extends Served {
  open(options?: ClientOptions & { protocols?: string[]; path?: string }): Promise<WebSocket>;
  readonly context: PluginContext;
}

/** A plugin that serves its sockets with this function. */
async function serving(
  t: ExecutionContext,
  serveSocket: ServeSocket = echo,
  options: WebSocketOptions = {},
  more: ServeOptions = {},
): Promise<Serving> {
  let context: PluginContext | undefined;
  const all = await serve(t, {
    ...more,
    plugins: [
      plugin('chatter', (given) => {
        context = given;
        const webSocket = webSockets(given, options);
        given.handle('GET', '/ws', (incoming) => webSocket(incoming, serveSocket));
        given.handle('GET', '/count', () => String(webSocket.sockets.size));
      }),
      ...(more.plugins ?? []),
    ],
  });
  const open: Serving['open'] = async ({ protocols = [], path: at = '/ws', ...rest } = {}) => {
    const socket = new WebSocket(`ws://127.0.0.1:${all.port}${at}`, protocols, rest);
    t.teardown(() => socket.terminate());
    await once(socket, 'open');
    return socket;
  };
  return { ...all, open, context: context! };
}

async function said(socket: WebSocket, data: string | Buffer): Promise<string> {
  socket.send(data);
  const [answer] = await once(socket, 'message');
  return String(answer);
}

async function closed(socket: WebSocket): Promise<number> {
  const [code] = await once(socket, 'close');
  return code as number;
}

test('client and plugin exchange messages, and the connection is counted', async (t) => {
  const { open, get } = await serving(t);
  const socket = await open();
  t.is(await said(socket, 'héllo'), 'héllo');
  t.is(await said(socket, Buffer.alloc(100_000, 'x')), 'x'.repeat(100_000));
  t.is((await get('/count')).body, '1');
  socket.close(1000);
  t.is(await closed(socket), 1000);
});

test('the handshake is that of RFC 6455 §1.3, and octets that arrive with it are not lost', async (t) => {
  const { connect } = await serving(t);
  const client = await connect();
  // A masked text frame "Hello" (§5.7) in the octets of the request.
  client.send(`${request('GET /ws', HANDSHAKE)}\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58`);
  await client.receive('\x81\x05Hello');
  t.true(client.unread.startsWith('HTTP/1.1 101 Switching Protocols\r\n'));
  t.true(client.unread.includes('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n'));
});

for (const [what, lines, status] of [
  ['no handshake', [], 426],
  ['another protocol', ['Connection: Upgrade', 'Upgrade: h2c'], 426],
  ['another version', HANDSHAKE.with(2, 'Sec-WebSocket-Version: 8'), 426],
  ['no version', HANDSHAKE.toSpliced(2, 1), 426],
  ['no key', HANDSHAKE.slice(0, 3), 400],
  ['a short key', HANDSHAKE.with(3, 'Sec-WebSocket-Key: abc='), 400],
  ['two keys', [...HANDSHAKE, `Sec-WebSocket-Key: ${KEY}`], 400],
  ['a subprotocol that is not a token', [...HANDSHAKE, 'Sec-WebSocket-Protocol: a b'], 400],
  ['a subprotocol twice', [...HANDSHAKE, 'Sec-WebSocket-Protocol: a, a'], 400],
  ['a foreign origin', [...HANDSHAKE, 'Origin: https://evil.example'], 403],
  ['an opaque origin', [...HANDSHAKE, 'Origin: null'], 403],
  ['an origin on another port', [...HANDSHAKE, 'Origin: http://localhost:1'], 403],
] as const) {
  test(`a request with ${what} is answered ${status}, and the connection goes on`, async (t) => {
    const { connect } = await serving(t);
    const client = await connect();
    client.send(request('GET /ws', lines));
    const answer = await client.response();
    t.is(answer.status, status);
    if (status === 426) {
      t.is(field(answer, 'upgrade'), 'websocket');
      t.is(field(answer, 'sec-websocket-version'), '13');
    }
    client.send(request('GET /probe'));
    t.is((await client.response()).body, 'alive');
  });
}

test('a handshake with a body is refused', async (t) => {
  const { connect } = await serving(t);
  const client = await connect();
  client.send(request('GET /ws', [...HANDSHAKE, 'Content-Length: 1'], 'x'));
  t.is((await client.response()).status, 400);
});

test('a client that names websocket among other protocols is switched to it', async (t) => {
  const { connect } = await serving(t);
  const client = await connect();
  client.send(request('GET /ws', HANDSHAKE.with(1, 'Upgrade: h2c, WebSocket')));
  t.is((await client.response()).status, 101);
});

test('origins may be the same host, a list or all', async (t) => {
  const same = await serving(t);
  const own = await same.open({ origin: `http://127.0.0.1:${same.port}` });
  t.is(await said(own, 'a'), 'a');
  const named = await serving(t, echo, { origins: ['https://a.example'] });
  await named.open({ origin: 'https://a.example' });
  await named.open();
  const refused = new WebSocket(`ws://127.0.0.1:${named.port}/ws`, {
    origin: `http://127.0.0.1:${named.port}`,
  });
  const [error] = await once(refused, 'error');
  t.regex(String(error), /403/);
  const all = await serving(t, echo, { origins: '*' });
  await all.open({ origin: 'https://anybody.example' });
});

test('the first subprotocol of the client that the server supports is selected, or none', async (t) => {
  const { open, connect } = await serving(t, echo, { protocols: ['v1', 'v2'] });
  t.is((await open({ protocols: ['v3', 'v2', 'v1'] })).protocol, 'v2');
  const client = await connect();
  client.send(request('GET /ws', [...HANDSHAKE, 'Sec-WebSocket-Protocol: v9']));
  const answer = await client.response();
  t.is(answer.status, 101);
  t.is(field(answer, 'sec-websocket-protocol'), undefined);
});

test('a message that is too long closes its socket with 1009, and no other', async (t) => {
  const { open } = await serving(t, echo, { maxPayloadOctets: 10 });
  const [greedy, modest] = [await open(), await open()];
  greedy.send('x'.repeat(11));
  t.is(await closed(greedy), 1009);
  t.is(await said(modest, 'x'.repeat(10)), 'x'.repeat(10));
});

test('invalid frames close their socket, and no other', async (t) => {
  const { connect, open, get } = await serving(t);
  const other = await open();
  for (const octets of [
    '\xff\xff\xff\xff',
    '\x81\x05Hello',
    '\x81\x85\x00\x00\x00\x00\xff\xff\xff\xff\xff',
    '\x88\x81\x00\x00\x00\x00x',
  ]) {
    const client = await connect();
    client.send(request('GET /ws', HANDSHAKE));
    await client.response();
    client.send(octets);
    await client.closed();
  }
  t.is(await said(other, 'a'), 'a');
  t.is((await get('/probe')).body, 'alive');
});

const FAULTS: Readonly<Record<string, ServeSocket>> = {
  'throws at once': () => {
    throw new Error('my fault');
  },
  'rejects at once': async () => {
    throw new Error('my fault');
  },
  'throws in a listener': (socket) => {
    socket.on('message', () => {
      throw new Error('my fault');
    });
  },
  'rejects in a listener': (socket) => {
    socket.on('message', async () => {
      await new Promise(setImmediate);
      throw new Error('my fault');
    });
  },
  'throws in a listener of one message': (socket) => {
    socket.once('message', () => {
      throw new Error('my fault');
    });
  },
  'rejects in a listener of addEventListener': (socket) => {
    socket.addEventListener('message', async () => {
      throw new Error('my fault');
    });
  },
  'throws in onmessage': (socket) => {
    socket.onmessage = () => {
      throw new Error('my fault');
    };
  },
};

for (const [what, faulty] of Object.entries(FAULTS)) {
  test(`a plugin that ${what} closes this socket with 1011, and the log names it`, async (t) => {
    let count = 0;
    const { open, log } = await serving(t, (socket) => (count++ === 0 ? faulty(socket) : echo(socket)));
    const socket = await open();
    const over = closed(socket);
    socket.send('x');
    t.is(await over, 1011);
    const line = log.find(({ level }) => level === 'error');
    t.is(line?.plugin, 'chatter');
    t.true(JSON.stringify(line).includes('my fault'));
    t.is(await said(await open(), 'a'), 'a');
  });
}

test('listeners added with addEventListener can be removed', async (t) => {
  const { open } = await serving(t, (socket) => {
    const listener = (): void => socket.send('twice');
    socket.addEventListener('message', listener);
    socket.removeEventListener('message', listener);
    echo(socket);
  });
  t.is(await said(await open(), 'once'), 'once');
});

test('a client that does not answer pings is broken off', async (t) => {
  const { open, server } = await serving(t, echo, { pingIntervalMs: 10, pongTimeoutMs: 10 });
  t.is(await closed(await open({ autoPong: false })), 1006);
  t.is((await server.inject({ target: '/count' })).text, '0');
});

test('a client that answers pings is not broken off, even if the next ping comes before the deadline of the last', async (t) => {
  const { open } = await serving(t, echo, { pingIntervalMs: 5, pongTimeoutMs: 1_000 });
  const socket = await open();
  let pings = 0;
  socket.on('ping', () => {
    pings += 1;
    if (pings === 300) socket.close(1000);
  });
  t.is(await closed(socket), 1000);
});

test('a stop closes sockets with 1001 and ends when the clients have closed', async (t) => {
  const { open, server } = await serving(t, echo, {}, { limits: { shutdownTimeoutMs: 60_000 } });
  const sockets = [await open(), await open()];
  const codes = Promise.all(sockets.map(closed));
  await server.close();
  t.deepEqual(await codes, [1001, 1001]);
});

test('a client that does not answer the close does not delay the stop', async (t) => {
  const { connect, server } = await serving(
    t,
    echo,
    { closeTimeoutMs: 20 },
    { limits: { shutdownTimeoutMs: 60_000 } },
  );
  const client = await connect();
  client.send(request('GET /ws', HANDSHAKE));
  await client.response();
  await server.close();
  // A close frame with 1001.
  t.true((await client.closed()).includes('\x03\xe9'));
});

test('a client that reads nothing is broken off when too many octets wait for it', async (t) => {
  let over: (code: number) => void = () => {};
  const ended = new Promise<number>((resolve) => {
    over = resolve;
  });
  const { connect, log } = await serving(
    t,
    (socket) => {
      socket.on('close', over);
      const flood = (): void => {
        if (socket.readyState !== socket.OPEN) return;
        socket.send(Buffer.alloc(100_000));
        setImmediate(flood);
      };
      flood();
    },
    { maxBufferedOctets: 1_000_000 },
  );
  const client = await connect();
  client.stopReading();
  client.send(request('GET /ws', HANDSHAKE));
  t.is(await ended, 1006);
  t.true(log.some((line) => JSON.stringify(line).includes('1000000 octets wait')));
});

test('compression is off by default', async (t) => {
  t.is((await (await serving(t)).open({ perMessageDeflate: true })).extensions, '');
  const { open } = await serving(t, echo, { perMessageDeflate: true });
  const socket = await open({ perMessageDeflate: true });
  t.is(socket.extensions, 'permessage-deflate');
  t.is(await said(socket, 'x'.repeat(10_000)), 'x'.repeat(10_000));
});

test('modules of the configuration get their sockets, all sockets of the path, and the store', async (t) => {
  const folder = await tempFolder(t, {
    'chat.mjs': `export default (socket, request, { sockets, storage, log, signal }) => {
      socket.on('message', async (data, binary) => {
        await storage.commit({ puts: [{ key: 'last', value: String(data) }] });
        for (const other of sockets) other.send(request.params.room + ': ' + data, { binary });
      });
    };`,
  });
  const module = path.join(folder, 'chat.mjs');
  const options = { mounts: [{ path: '/rooms/:room', module, maxPayloadOctets: 100 }] };
  const { port, connect, server } = await serve(t, { plugins: [{ use: 'websocket', options }, 'get'] });
  const [a, b] = ['tea', 'tea'].map((room) => new WebSocket(`ws://127.0.0.1:${port}/rooms/${room}`));
  t.teardown(() => {
    for (const socket of [a, b]) socket?.terminate();
  });
  await Promise.all([once(a!, 'open'), once(b!, 'open')]);
  const heard = Promise.all([once(a!, 'message'), once(b!, 'message')]);
  a!.send('green');
  t.deepEqual(
    (await heard).map(([data]) => String(data)),
    ['tea: green', 'tea: green'],
  );
  const { text } = await server.inject({ target: '/' });
  t.true(text.includes('last:green'));
  const client = await connect();
  client.send(request('GET /rooms/tea'));
  t.is((await client.response()).status, 426);
});

test('a module that is missing, or exports no function, is reported at the start', async (t) => {
  const folder = await tempFolder(t, { 'none.mjs': 'export const x = 1;', 'broken.mjs': 'export default (' });
  for (const [name, sentence] of [
    ['missing.mjs', /could not be imported/],
    ['none.mjs', /no function \(socket, request\)/],
    ['broken.mjs', /could not be imported/],
  ] as const) {
    const options = { mounts: [{ path: '/ws', module: path.join(folder, name) }] };
    const error = await t.throwsAsync(served(t, { plugins: [{ use: 'websocket', options }] }));
    t.is(Reflect.get(error, 'code'), 'PLUGIN_SETUP_FAILED');
    t.regex(error.message, sentence);
  }
});

test('invalid options are refused', async (t) => {
  for (const mount of [
    { path: 'ws', module: './a.js' },
    { path: '/ws' },
    { path: '/', module: 'a', protocols: ['a b'] },
    { path: '/', module: 'a', origin: '*' },
  ]) {
    const error = await t.throwsAsync(
      served(t, { plugins: [{ use: 'websocket', options: { mounts: [mount] } }] }),
    );
    t.is(Reflect.get(error, 'code'), 'PLUGIN_OPTIONS_INVALID', JSON.stringify(mount));
  }
});

test('plugins that add fields to every answer do not break or change the handshake', async (t) => {
  const adding = (name: string): ServeOptions => ({
    plugins: [
      { use: 'rate-limit', options: {} },
      { use: 'cors', options: { origins: ['https://a.example'] } },
      'request-id',
      plugin(name, ({ hook }) =>
        hook('response', (_, { headers, ...rest }) => ({ ...rest, headers: { ...headers, 'X-Added': '1' } })),
      ),
    ],
  });
  const faulty: ServeSocket = (socket) => {
    socket.on('message', () => {
      throw new Error('my fault');
    });
  };
  const { open, log, connect } = await serving(t, faulty, { origins: '*' }, adding('adding'));
  const socket = await open({ origin: 'https://a.example' });
  const over = closed(socket);
  socket.send('x');
  t.is(await over, 1011);
  t.deepEqual(
    log.filter(({ level }) => level === 'error').map(({ plugin: name }) => name),
    ['chatter'],
  );
  // They are added to other answers.
  const client = await connect();
  client.send(request('GET /ws'));
  const refused = await client.response();
  t.is(refused.status, 426);
  t.is(field(refused, 'x-added'), '1');
});

/** A gate that a module waits at. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** Sends masked text frames (RFC 6455 §5.3) with the handshake, so that they are there before any module runs. */
function framesOf(...texts: readonly string[]): string {
  return texts.map((text) => `\x81${String.fromCharCode(0x80 | text.length)}\0\0\0\0${text}`).join('');
}

test('messages that come before an async module listens wait for it, in order', async (t) => {
  const { opened, open } = gate();
  const { connect } = await serving(t, async (socket) => {
    await opened;
    socket.on('message', (data) => socket.send(`heard ${data}`));
  });
  const client = await connect();
  client.send(request('GET /ws', HANDSHAKE) + framesOf('one', 'two'));
  await client.receive('101 Switching');
  open();
  await client.receive('heard one');
  await client.receive('heard two');
  client.send(framesOf('three'));
  await client.receive('heard three');
  t.true(client.unread.indexOf('heard one') < client.unread.indexOf('heard two'));
});

test('a listener for one message gets one, and the next waits while the module works', async (t) => {
  const { opened, open } = gate();
  const { connect } = await serving(t, async (socket) => {
    const [first] = await once(socket, 'message');
    socket.send(`first ${first}`);
    await opened;
    socket.addEventListener('message', ({ data }) => socket.send(`rest ${data}`));
  });
  const client = await connect();
  client.send(request('GET /ws', HANDSHAKE) + framesOf('one', 'two', 'three'));
  await client.receive('first one');
  open();
  await client.receive('rest two');
  await client.receive('rest three');
  t.false(client.unread.includes('first two'));
});

test('a client that sends much to a module that does not listen yet is held up, and nothing is lost', async (t) => {
  const { opened, open } = gate();
  const { open: connect } = await serving(
    t,
    async (socket) => {
      await opened;
      let octets = 0;
      socket.on('message', (data: Buffer) => {
        octets += data.length;
        if (octets === 40_000_000) socket.send('all');
      });
    },
    { maxPayloadOctets: 100_000 },
  );
  const socket = await connect();
  for (let at = 0; at < 400; at++) socket.send(Buffer.alloc(100_000));
  // The rest stays with the client and the system.
  for (let turns = 0; turns < 500; turns++) await new Promise(setImmediate);
  t.true(socket.bufferedAmount > 0);
  const all = once(socket, 'message');
  open();
  t.is(String((await all)[0]), 'all');
});

test('a module that only sends still sees its client close, also while it works', async (t) => {
  const { opened, open } = gate();
  const closed = gate();
  const { open: connect } = await serving(t, async (socket) => {
    socket.on('close', closed.open);
    socket.send('news');
    await opened;
  });
  const socket = await connect();
  socket.send('nobody listens to this');
  socket.close(1000);
  t.is((await once(socket, 'close'))[0], 1000);
  await closed.opened;
  open();
});

test('a socket is logged at its end: 101, with its time and the octets that were sent', async (t) => {
  const folder = await tempFolder(t);
  const file = path.join(folder, 'access.log');
  const all = await serving(
    t,
    echo,
    {},
    {
      plugins: [{ use: 'access-log', options: { destination: { file } } }, 'metrics'],
    },
  );
  const socket = await all.open();
  t.is((await all.get('/count')).body, '1');
  t.is(await said(socket, 'x'.repeat(100)), 'x'.repeat(100));
  socket.close(1000);
  await closed(socket);
  while ((await all.get('/count')).body !== '0');
  const { body: metrics } = await all.get('/metrics');
  t.true(metrics.includes('jackfield_requests_total{method="GET",route="/ws",status="101"} 1\n'));
  // A day of an open socket would hide how fast answers are.
  t.false(metrics.includes('jackfield_request_duration_seconds_count{method="GET",route="/ws"}'));
  await all.server.close();
  const lines = (await readFile(file, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const targets = lines.map(({ target }) => target);
  t.true(targets.indexOf('/ws') > targets.indexOf('/count'));
  const { status, contentOctets, durationMs, aborted } = lines[targets.indexOf('/ws')];
  // A frame of 100 octets with two before it, and the answer to the close with its code.
  t.deepEqual({ status, contentOctets, aborted }, { status: 101, contentOctets: 106, aborted: undefined });
  t.true(durationMs > 0);
});
