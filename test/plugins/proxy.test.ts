import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { webSockets } from '../../plugins/websocket.js';
import { tempFolder } from '../core/temp-folder.js';
import { ONE, TWO } from '../support/certificates.js';
import {
  chunked,
  field,
  plugin,
  type RawClient,
  request,
  type Served,
  type ServeOptions,
  serve,
  type WireResponse,
  withBody,
} from '../support/raw-client.js';
import { served } from './served.js';

/** An upstream over a raw socket, which reads and writes every octet itself. */
class Upstream {
  readonly port: number;
  readonly sockets: net.Socket[] = [];
  readonly #waiting: ((socket: net.Socket) => void)[] = [];
  #taken = 0;

  private constructor(server: net.Server) {
    // It listens on a port.
    this.port = (server.address() as net.AddressInfo).port;
    server.on('connection', (socket) => {
      socket.on('error', () => {});
      this.sockets.push(socket);
      this.#waiting.shift()?.(socket);
    });
  }

  static async listen(t: ExecutionContext): Promise<Upstream> {
    const server = net.createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const upstream = new Upstream(server);
    t.teardown(() => {
      for (const socket of upstream.sockets) socket.destroy();
      server.close();
    });
    return upstream;
  }

  get target(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The next connection. */
  async connection(): Promise<Connection> {
    const at = this.#taken++;
    const socket =
      this.sockets[at] ?? (await new Promise<net.Socket>((resolve) => this.#waiting.push(resolve)));
    return new Connection(socket);
  }
}

class Connection {
  readonly socket: net.Socket;
  received = '';

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.received += text;
      socket.emit('more');
    });
  }

  async until(text: string): Promise<void> {
    while (!this.received.includes(text)) await once(this.socket, 'more');
  }

  /** A request without a body. @returns its lines. */
  async request(): Promise<string[]> {
    await this.until('\r\n\r\n');
    const end = this.received.indexOf('\r\n\r\n');
    const lines = this.received.slice(0, end).split('\r\n');
    this.received = this.received.slice(end + 4);
    return lines;
  }

  send(...lines: string[]): void {
    this.socket.write(lines.join('\r\n'), 'latin1');
  }

  answer(body: string, fields: readonly string[] = [], status = '200 OK'): void {
    this.send(
      `HTTP/1.1 ${status}`,
      'Content-Type: text/plain',
      `Content-Length: ${body.length}`,
      ...fields,
      '',
      body,
    );
  }

  /** Resolves when the proxy has closed the connection. */
  async closed(): Promise<void> {
    if (this.socket.destroyed || this.socket.readableEnded) return;
    await new Promise<void>((resolve) => {
      this.socket.once('end', resolve).once('close', () => resolve());
    });
  }
}

interface Proxied extends Served {
  readonly upstream: Upstream;
  /** Sends a request. @returns the upstream's end of the connection on which it arrived. */
  ask(octets: string): Promise<{ client: RawClient; connection: Connection; lines: string[] }>;
}

async function proxied(t: ExecutionContext, options = {}, more: ServeOptions = {}): Promise<Proxied> {
  const upstream = await Upstream.listen(t);
  const mount = { target: upstream.target, ...options };
  const all = await serve(t, {
    ...more,
    plugins: [{ use: 'proxy', options: { mounts: [mount] } }, ...(more.plugins ?? [])],
  });
  return {
    ...all,
    upstream,
    ask: async (octets) => {
      const client = await all.connect();
      client.send(octets);
      const connection = await upstream.connection();
      return { client, connection, lines: await connection.request() };
    },
  };
}

/** The answers of a proxy in front of this handler of node:http. */
async function before(
  t: ExecutionContext,
  handler: http.RequestListener,
  options = {},
  more: ServeOptions = {},
): Promise<Served & { readonly http: http.Server }> {
  const server = http.createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as net.AddressInfo;
  const mount = { target: `http://127.0.0.1:${port}`, ...options };
  const all = await serve(t, { ...more, plugins: [{ use: 'proxy', options: { mounts: [mount] } }] });
  return { ...all, http: server };
}

async function exchange(all: Served, octets: string, method = 'GET'): Promise<WireResponse> {
  const client = await all.connect();
  client.send(octets);
  return client.response(method);
}

test('request and answer are forwarded, and both carry Via', async (t) => {
  const { ask, upstream } = await proxied(t);
  const { client, connection, lines } = await ask(request('GET /a%2fb?x=1&y', ['X-A: 1', 'Via: 1.0 first']));
  t.is(lines[0], 'GET /a%2Fb?x=1&y HTTP/1.1');
  const fields = lines.slice(1).sort();
  t.deepEqual(fields, [
    'Connection: keep-alive',
    'forwarded: for=127.0.0.1;proto=http;host=localhost',
    `host: 127.0.0.1:${upstream.port}`,
    'via: 1.0 first, 1.1 jackfield',
    'x-a: 1',
    'x-forwarded-for: 127.0.0.1',
    'x-forwarded-host: localhost',
    'x-forwarded-proto: http',
  ]);
  connection.answer('hello', ['Set-Cookie: a=1', 'Set-Cookie: b=2', 'Server: theirs', 'Via: 1.1 inner']);
  const answer = await client.response();
  t.is(answer.status, 200);
  t.is(answer.body, 'hello');
  t.is(answer.framing, 'length');
  t.deepEqual(answer.fields.get('set-cookie'), ['a=1', 'b=2']);
  t.is(field(answer, 'server'), 'theirs');
  t.is(field(answer, 'via'), '1.1 inner, 1.1 jackfield');
});

test('fields about one connection are not forwarded, also those that Connection names', async (t) => {
  const { ask } = await proxied(t);
  const { client, connection, lines } = await ask(
    request('GET /', [
      'Connection: keep-alive, X-Hop, Content-Length, Host, X-Forwarded-For, Via',
      'X-Hop: 1',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic x',
      'TE: trailers',
      'Trailer: X',
      'Upgrade: x',
      'Expect: 100-continue',
      'Content-Length: 0',
    ]),
  );
  const names = lines.slice(1).map((line) => line.slice(0, line.indexOf(':')).toLowerCase());
  t.deepEqual(names.sort(), [
    'connection',
    'content-length',
    'forwarded',
    'host',
    'via',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-forwarded-proto',
  ]);
  connection.answer('x', [
    'Connection: close, X-Hop',
    'X-Hop: 1',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: x',
    'X-End: 1',
  ]);
  const answer = await client.response();
  t.is(answer.body, 'x');
  for (const name of ['x-hop', 'proxy-connection']) t.is(field(answer, name), undefined, name);
  // These two are about our own connection to the client.
  t.is(field(answer, 'connection'), 'keep-alive');
  t.is(field(answer, 'keep-alive'), 'timeout=64');
  t.is(field(answer, 'x-end'), '1');
  // The upstream closes its connection, which is not the client's.
  client.send(request('GET /probe'));
  t.is((await client.response()).body, 'alive');
});

test('a client cannot forge its address', async (t) => {
  const inventions = [
    'Forwarded: for=10.0.0.1',
    'X-Forwarded-For: 10.0.0.1',
    'X-Forwarded-Host: evil.example',
    'X-Forwarded-Proto: https',
    'X-Forwarded-Anything: 1',
    'X-Real-IP: 10.0.0.1',
  ];
  for (const [forwarded, expected] of [
    [
      'both',
      [
        'forwarded: for=127.0.0.1;proto=http;host="localhost:80"',
        'x-forwarded-for: 127.0.0.1',
        'x-forwarded-host: localhost:80',
        'x-forwarded-proto: http',
      ],
    ],
    [
      'x-forwarded',
      ['x-forwarded-for: 127.0.0.1', 'x-forwarded-host: localhost:80', 'x-forwarded-proto: http'],
    ],
    ['forwarded', ['forwarded: for=127.0.0.1;proto=http;host="localhost:80"']],
    ['none', []],
  ] as const) {
    const { ask } = await proxied(t, { forwarded });
    const { lines } = await ask(`GET / HTTP/1.1\r\nHost: localhost:80\r\n${inventions.join('\r\n')}\r\n\r\n`);
    t.deepEqual(lines.filter((line) => /^(?:forwarded|x-forwarded|x-real)/.test(line)).sort(), [...expected]);
  }
});

test('with appendForwarded the hops that a trusted proxy names are kept, and it is added to them', async (t) => {
  const told = async (trusted: boolean, fields: readonly string[], options = {}) => {
    const { ask } = await proxied(
      t,
      { appendForwarded: true, ...options },
      { trustedProxies: trusted ? ['127.0.0.1'] : [] },
    );
    const { lines } = await ask(['GET / HTTP/1.1', 'Host: localhost:80', ...fields, '', ''].join('\r\n'));
    return lines.filter((line) => /^(?:forwarded|x-forwarded-for|x-real)/.test(line)).sort();
  };
  const older = 'X-Forwarded-For: 203.0.113.9, 192.0.2.7';
  const standard = 'Forwarded: for=203.0.113.9, for=192.0.2.7;proto=https';
  const ofClient = 'for=192.0.2.7;proto=http;host="localhost:80"';
  t.deepEqual(await told(true, [older, standard]), [
    'forwarded: for=203.0.113.9, for=192.0.2.7;proto=https, for=127.0.0.1',
    'x-forwarded-for: 203.0.113.9, 192.0.2.7, 127.0.0.1',
  ]);
  // The proxy in front writes only one of the two fields: the other gets the same hops.
  t.deepEqual(await told(true, [older]), [
    `forwarded: ${ofClient}, for=127.0.0.1`,
    'x-forwarded-for: 203.0.113.9, 192.0.2.7, 127.0.0.1',
  ]);
  t.deepEqual(await told(true, [standard], { forwarded: 'x-forwarded' }), [
    'x-forwarded-for: 192.0.2.7, 127.0.0.1',
  ]);
  // An unclosed quote would swallow the added element.
  t.deepEqual(await told(true, ['Forwarded: for="', 'X-Forwarded-For: 192.0.2.7']), [
    'forwarded: for=unknown;proto=http;host="localhost:80", for=127.0.0.1',
    'x-forwarded-for: 192.0.2.7, 127.0.0.1',
  ]);
  const own = ['forwarded: for=127.0.0.1;proto=http;host="localhost:80"', 'x-forwarded-for: 127.0.0.1'];
  // The proxy in front names no client: the upstream must not take that proxy for the client.
  t.deepEqual(await told(true, ['X-Real-IP: 192.0.2.7']), [
    'forwarded: for=unknown;proto=http;host="localhost:80", for=127.0.0.1',
    'x-forwarded-for: unknown, 127.0.0.1',
  ]);
  // The fields of an untrusted peer are dropped.
  t.deepEqual(await told(false, [older, standard]), own);
});

test('a request without a body reaches the upstream without one, and an empty body stays an empty body', async (t) => {
  const { connect, upstream } = await proxied(t);
  const client = await connect();
  const framing = (lines: readonly string[]): string[] =>
    lines.filter((line) => /^(?:content-length|transfer-encoding):/i.test(line));
  let connection: Connection | undefined;
  for (const [method, fields, expected] of [
    ['PUT', [], []],
    ['PATCH', [], []],
    ['PURGE', [], []],
    ['PUT', ['Content-Length: 0'], ['content-length: 0']],
    ['PUT', [], []],
  ] as const) {
    client.send(request(`${method} /a`, fields));
    connection ??= await upstream.connection();
    const lines = await connection.request();
    t.is(lines[0], `${method} /a HTTP/1.1`);
    t.deepEqual(framing(lines), expected, `${method} ${fields.join()}`);
    connection.answer('done');
    t.is((await client.response()).body, 'done');
  }
  t.is(upstream.sockets.length, 1, 'the connection to the upstream is kept');
});

test('Host is that of the upstream or of the client; the prefix stays or is stripped', async (t) => {
  const client = await proxied(t, { host: 'client', prefix: '/api' });
  const { lines } = await client.ask(request('GET /api/x?y'));
  t.is(lines[0], 'GET /api/x?y HTTP/1.1');
  t.true(lines.includes('host: localhost'));
  t.is((await client.get('/apix')).status, 404);
  const stripped = await proxied(t, { prefix: '/api', stripPrefix: true });
  for (const [target, path] of [
    ['/api', '/'],
    ['/api?x', '/?x'],
    ['/api/', '/'],
    ['/api/a/b', '/a/b'],
    ['http://localhost/api/a', '/a'],
  ]) {
    const asked = await stripped.ask(request(`GET ${target}`));
    t.is(asked.lines[0], `GET ${path} HTTP/1.1`);
    t.true(asked.lines.includes('x-forwarded-prefix: /api'));
  }
});

test('the path of the target is put before the path of the request', async (t) => {
  const upstream = await Upstream.listen(t);
  const mounts = [{ target: `${upstream.target}/base/`, prefix: '/a', stripPrefix: true }];
  const { connect } = await serve(t, { plugins: [{ use: 'proxy', options: { mounts } }] });
  const client = await connect();
  client.send(request('GET /a/x'));
  t.is((await (await upstream.connection()).request())[0], 'GET /base/x HTTP/1.1');
});

test('redirects within the upstream lead back through the proxy', async (t) => {
  const { ask, upstream } = await proxied(t, { prefix: '/api', stripPrefix: true });
  for (const [location, expected] of [
    ['/login', '/api/login'],
    [`${upstream.target}/login?x`, '/api/login?x'],
    ['https://other.example/login', 'https://other.example/login'],
    ['//other.example/login', '//other.example/login'],
    ['login', 'login'],
  ] as const) {
    const { client, connection } = await ask(request('GET /api/x'));
    connection.answer('', [`Location: ${location}`, 'Connection: close'], '302 Found');
    t.is(field(await client.response(), 'location'), expected);
  }
});

test('octets after a response are not the response to a request that waits for the connection', async (t) => {
  const { ask, connect, upstream } = await proxied(t, { maxConnections: 1 });
  const { client, connection } = await ask(request('HEAD /first'));
  const second = await connect();
  second.send(request('GET /second'));
  for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
  connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n');
  // The head is read on its own, and these octets with the next read.
  await new Promise(setImmediate);
  connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong');
  t.is((await client.response('HEAD')).status, 200);
  const other = await upstream.connection();
  t.is((await other.request())[0], 'GET /second HTTP/1.1');
  other.answer('right');
  t.is((await second.response()).body, 'right');
});

test('a redirect within the upstream never names another host', async (t) => {
  const { ask, upstream } = await proxied(t, {});
  for (const [location, expected] of [
    [`${upstream.target}//other.example/`, '/.//other.example/'],
    [`${upstream.target}/\\other.example/`, '/./\\other.example/'],
    [`${upstream.target}/own/`, '/own/'],
  ] as const) {
    const { client, connection } = await ask(request('GET /x'));
    connection.answer('', [`Location: ${location}`, 'Connection: close'], '302 Found');
    t.is(field(await client.response(), 'location'), expected);
  }
});

test('no path leaves its prefix, and none that the upstream could read as another one is forwarded', async (t) => {
  const { get, upstream } = await proxied(t, { prefix: '/api' });
  for (const target of [
    '/api/../admin',
    '/api/%2e%2e/admin',
    '/api/x/../../admin',
    '/api/..%2fadmin',
    '/api/%2e%2e%5cadmin',
    '/api/..;/admin',
    '/api/..%3bx/admin',
    '/api/.',
    '/api/./x',
  ])
    t.is((await get(target)).status, 404, target);
  t.is(upstream.sockets.length, 0);
});

test('any method is forwarded, in its case', async (t) => {
  const { ask } = await proxied(t);
  for (const method of [
    'PURGE',
    'FROBNICATE',
    'M-SEARCH',
    'QUERY',
    'DELETE',
    'TRACE',
    'OPTIONS',
    'get',
    'Purge',
  ]) {
    const { client, connection, lines } = await ask(request(`${method} /`));
    t.is(lines[0], `${method} / HTTP/1.1`);
    connection.answer('x', ['Connection: close']);
    t.is((await client.response()).body, 'x');
  }
});

test('a body keeps its framing, whatever the method', async (t) => {
  const { ask } = await proxied(t);
  for (const method of ['GET', 'DELETE', 'POST', 'PURGE']) {
    const long = await ask(withBody(`${method} /`, 'hello'));
    await long.connection.until('hello');
    t.true(long.lines.includes('content-length: 5'));
    t.false(long.lines.some((line) => /^transfer-encoding/i.test(line)));
    long.connection.answer('x', ['Connection: close']);
    await long.client.response();
    const pieces = await ask(chunked(`${method} /`, ['hel', 'lo']));
    await pieces.connection.until('0\r\n\r\n');
    t.true(pieces.lines.includes('transfer-encoding: chunked'));
    t.false(pieces.lines.some((line) => /^content-length/i.test(line)));
    pieces.connection.answer('x', ['Connection: close']);
    t.is((await pieces.client.response()).body, 'x');
  }
  const none = await ask(request('POST /'));
  t.true(none.lines.some((line) => /^content-length: 0$/i.test(line)));
});

test('a smuggled request never reaches an upstream', async (t) => {
  const { connect, upstream, get } = await proxied(t);
  for (const [lines, body] of [
    [['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n'],
    [['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'], '0\r\n\r\n'],
    [['Transfer-Encoding: xchunked'], '0\r\n\r\n'],
    [['Content-Length: 5', 'Content-Length: 6'], 'hello!'],
    [['Content-Length: +5'], 'hello'],
    [['Transfer-Encoding : chunked'], '0\r\n\r\n'],
    [['X: y\r\n Transfer-Encoding: chunked'], '0\r\n\r\n'],
    [['X: y\nTransfer-Encoding: chunked'], '0\r\n\r\n'],
  ] as const) {
    const client = await connect();
    client.send(request('POST /', lines, body));
    const { status } = await client.response();
    t.true(status === 400 || status === 501, `${lines.join()}: ${status}`);
  }
  t.is(upstream.sockets.length, 0);
  t.is((await get('/probe')).body, 'alive');
});

test('octets after a body are a separate request, also for the upstream', async (t) => {
  const { ask } = await proxied(t);
  const { client, connection } = await ask(
    withBody('POST /', 'GET /inner HTTP/1.1\r\n\r\n') + request('GET /outer'),
  );
  await connection.until('GET /inner HTTP/1.1\r\n\r\n');
  connection.received = '';
  connection.answer('first');
  t.is((await client.response()).body, 'first');
  t.is((await connection.request())[0], 'GET /outer HTTP/1.1');
  connection.answer('second');
  t.is((await client.response()).body, 'second');
});

test('answers of every framing arrive whole', async (t) => {
  const { ask } = await proxied(t);
  const chunks = await ask(request('GET /'));
  chunks.connection.send(
    'HTTP/1.1 200 OK',
    'Content-Type: a/b',
    'Transfer-Encoding: chunked',
    '',
    '3',
    'abc',
    '0',
    '',
    '',
  );
  const one = await chunks.client.response();
  t.is(one.body, 'abc');
  t.is(one.framing, 'chunked');
  chunks.connection.socket.destroy();
  const close = await ask(request('GET /'));
  close.connection.send('HTTP/1.1 200 OK', '', 'until the end');
  close.connection.socket.end();
  const other = await close.client.response();
  t.is(other.body, 'until the end');
  t.is(field(other, 'content-type'), undefined);
});

for (const [what, octets] of [
  ['octets that are not HTTP', 'SSH-2.0-x\r\n\r\n'],
  ['two framings', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['an invalid status', 'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd'],
  ['a field with a line end', 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n'],
  [
    'a protocol that was not requested',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
  ],
  ['426 without Upgrade', 'HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n'],
  ['nothing at all', ''],
  ['half a head', 'HTTP/1.1 200 OK\r\nContent-Le'],
] as const) {
  test(`an upstream that sends ${what} is 502, and the next request works`, async (t) => {
    const { ask, log } = await proxied(t);
    const { client, connection } = await ask(request('GET /'));
    connection.socket.end(octets, 'latin1');
    const answer = await client.response();
    t.is(answer.status, 502);
    t.regex(answer.body, /did not give a valid answer/);
    client.send(request('GET /probe'));
    t.is((await client.response()).body, 'alive');
    t.true(log.some((line) => line.plugin === 'proxy'));
  });
}

test('an answer that is cut is cut for the client too', async (t) => {
  const { ask } = await proxied(t);
  for (const head of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
    const { client, connection } = await ask(request('GET /'));
    connection.send('HTTP/1.1 200 OK', head, '', '3\r\nabc\r\n');
    await client.receive('abc');
    connection.socket.destroy();
    const rest = await client.closed();
    t.false(rest.endsWith('0\r\n\r\n'));
  }
});

test('RFC 9112 §8: a body that ends with its connection is cut for the client too if the upstream resets', async (t) => {
  const { ask } = await proxied(t);
  const { client, connection } = await ask(request('GET /'));
  connection.send('HTTP/1.1 200 OK', 'Content-Type: text/plain', '', 'abc');
  await client.receive('abc');
  connection.socket.resetAndDestroy();
  const rest = await client.closed();
  t.false(rest.endsWith('0\r\n\r\n'));
});

test('RFC 9112 §8: a reset together with the last octets does not end a body either', async (t) => {
  const { ask } = await proxied(t);
  for (const body of ['', 'abc']) {
    const { client, connection } = await ask(request('GET /', ['Connection: close']));
    // Both are in the kernel before the proxy reads again.
    connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n${body}`);
    connection.socket.resetAndDestroy();
    t.false((await client.closed()).endsWith('0\r\n\r\n'), body);
  }
});

test('a body that ends with its connection is cut for the client too if the upstream falls silent', async (t) => {
  const { ask } = await proxied(t, { idleTimeoutMs: 50 });
  const { client, connection } = await ask(request('GET /'));
  connection.send('HTTP/1.1 200 OK', 'Content-Type: text/plain', '', 'abc');
  const all = await client.closed();
  t.regex(all, /abc/);
  t.false(all.endsWith('0\r\n\r\n'));
  await connection.closed();
});

test('an unreachable upstream is 502, and the answer does not name it', async (t) => {
  const gone = net.createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as net.AddressInfo;
  gone.close();
  await once(gone, 'close');
  const mounts = [{ target: `http://127.0.0.1:${port}` }];
  const { get, log } = await serve(t, { plugins: [{ use: 'proxy', options: { mounts } }] });
  const { status, body } = await get('/');
  t.is(status, 502);
  t.regex(body, /cannot be reached/);
  t.false(body.includes(String(port)));
  t.true(JSON.stringify(log).includes('ECONNREFUSED'));
});

test('an upstream that does not answer in time is 504, and its connection is closed', async (t) => {
  const { ask } = await proxied(t, { responseTimeoutMs: 50 });
  const { client, connection } = await ask(request('GET /'));
  t.is((await client.response()).status, 504);
  await connection.closed();
});

test('an upstream without a free connection is 504 too', async (t) => {
  const { ask, connect, upstream } = await proxied(t, { maxConnections: 1, connectTimeoutMs: 2_000 });
  const first = await ask(request('GET /'));
  const second = await connect();
  second.send(request('GET /'));
  t.is((await second.response()).status, 504);
  t.is(upstream.sockets.length, 1);
  first.connection.answer('late');
  t.is((await first.client.response()).body, 'late');
});

test('an answer that stops midway is broken off after the idle timeout', async (t) => {
  const { ask } = await proxied(t, { idleTimeoutMs: 50 });
  const { client, connection } = await ask(request('GET /'));
  connection.send('HTTP/1.1 200 OK', 'Content-Length: 10', '', 'abc');
  t.true((await client.closed()).endsWith('abc'));
  await connection.closed();
});

test('an event stream ends when its client leaves, even if nothing is sent', async (t) => {
  const { ask, log } = await proxied(t);
  const { client, connection } = await ask(request('GET /'));
  connection.send('HTTP/1.1 200 OK', 'Content-Type: text/event-stream; charset=utf-8', '', 'data: 1\n\n');
  await client.receive('data: 1');
  client.end();
  await connection.closed();
  t.true((await client.closed()).endsWith('0\r\n\r\n'));
  t.deepEqual(
    log.filter(({ level }) => level !== 'info'),
    [],
  );
});

test('any other answer is still sent to a client that has ended its direction', async (t) => {
  const { ask } = await proxied(t);
  const { client, connection } = await ask(request('GET /'));
  client.end();
  connection.answer('late');
  t.is((await client.response()).body, 'late');
});

test('if the client leaves, the request to the upstream is broken off', async (t) => {
  const { ask } = await proxied(t);
  const waiting = await ask(request('GET /'));
  waiting.client.reset();
  await waiting.connection.closed();
  for (const type of ['X: y', 'Content-Type: text/plain']) {
    const streaming = await ask(request('GET /'));
    streaming.connection.send('HTTP/1.1 200 OK', 'Content-Length: 1000000', type, '', 'abc');
    await streaming.client.receive('abc');
    streaming.client.reset();
    await streaming.connection.closed();
  }
  const sending = await ask(request('POST /', ['Content-Length: 10'], 'abc'));
  await sending.connection.until('abc');
  sending.client.reset();
  await sending.connection.closed();
  t.false(sending.connection.received.includes('0\r\n\r\n'));
});

test.serial('a client that does not read pauses the upstream', async (t) => {
  const { ask } = await proxied(t);
  const { client, connection } = await ask(request('GET /'));
  client.stopReading();
  const total = 200_000_000;
  connection.send('HTTP/1.1 200 OK', `Content-Length: ${total}`, '', '');
  let written = 0;
  for (let turns = 0; turns < 2_000 && written < total; turns++) {
    if (!connection.socket.writableNeedDrain) {
      connection.socket.write(Buffer.alloc(65_536));
      written += 65_536;
      turns = 0;
    }
    await new Promise(setImmediate);
  }
  t.true(written < total / 2, `${written}`);
});

test.serial('an upstream that does not read pauses the client', async (t) => {
  const total = 200_000_000;
  const { ask } = await proxied(
    t,
    { maxBodyOctets: total, responseTimeoutMs: 60_000 },
    { limits: { handlerTimeoutMs: 90_000 } },
  );
  const { client, connection } = await ask(request('POST /', [`Content-Length: ${total}`]));
  connection.socket.pause();
  let sent = 0;
  for (let turns = 0; turns < 2_000 && sent < total; turns++) {
    if (client.unsent < 65_536) {
      client.send('x'.repeat(65_536));
      sent += 65_536;
      turns = 0;
    }
    await new Promise(setImmediate);
  }
  t.true(sent < total / 2, `${sent}`);
});

test('a body over the limit is 413, and the upstream does not take the received part for the whole', async (t) => {
  const { ask } = await proxied(t, { maxBodyOctets: 10 });
  const { client, connection } = await ask(
    request('POST /', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n'),
  );
  await connection.until('hello');
  client.send('6\r\nhello!\r\n0\r\n\r\n');
  t.is((await client.response()).status, 413);
  await connection.closed();
  t.false(connection.received.includes('0\r\n\r\n'));
});

test('an answer before the end of the request body is forwarded at once', async (t) => {
  const { ask } = await proxied(t);
  const { client, connection } = await ask(request('POST /', ['Content-Length: 10'], 'abc'));
  connection.answer('too much', ['Connection: close'], '413 Content Too Large');
  const answer = await client.response();
  t.is(answer.status, 413);
  t.is(answer.body, 'too much');
});

test('100 is sent when the upstream is connected, and Expect is not forwarded', async (t) => {
  const { ask } = await proxied(t);
  const { client, connection, lines } = await ask(
    request('POST /', ['Content-Length: 2', 'Expect: 100-continue']),
  );
  t.false(lines.some((line) => /^expect/i.test(line)));
  t.is((await client.response()).status, 100);
  client.send('ok');
  await connection.until('ok');
  connection.answer('fine');
  t.is((await client.response()).body, 'fine');
});

test('if the upstream cannot be reached, the client gets no 100', async (t) => {
  const mounts = [{ target: 'http://127.0.0.1:1' }];
  const { connect } = await serve(t, { plugins: [{ use: 'proxy', options: { mounts } }] });
  const client = await connect();
  client.send(request('POST /', ['Content-Length: 2', 'Expect: 100-continue']));
  t.is((await client.response()).status, 502);
});

test('interim answers and trailers are forwarded, as far as the RFC allows', async (t) => {
  const { ask } = await proxied(t);
  const { client, connection } = await ask(
    chunked('POST /', ['x']).replace(/0\r\n\r\n$/, '0\r\nX-Sum: 1\r\n\r\n'),
  );
  await connection.until('x-sum: 1');
  connection.send('HTTP/1.1 103 Early Hints', 'Link: </a.css>; rel=preload', 'Connection: x', '', '');
  const hint = await client.response();
  t.is(hint.status, 103);
  t.is(field(hint, 'link'), '</a.css>; rel=preload');
  connection.send(
    'HTTP/1.1 200 OK',
    'Content-Type: a/b',
    'Transfer-Encoding: chunked',
    'Trailer: X-Sum',
    '',
    '3',
    'abc',
    '0',
    'X-Sum: 2',
    'Set-Cookie: a=1',
    'Vary: X',
    '',
    '',
  );
  await client.receive('0\r\nx-sum: 2\r\n\r\n');
  t.false(client.unread.toLowerCase().includes('set-cookie'));
});

test('HEAD, 204 and 304 have no body, and a length if the upstream sends one', async (t) => {
  const all = await before(t, (incoming, response) => {
    if (incoming.url === '/204') response.writeHead(204).end();
    else if (incoming.url === '/304') response.writeHead(304, { ETag: '"1"' }).end();
    else
      response
        .writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 5, ETag: 'not one' })
        .end('hello');
  });
  const head = await exchange(all, request('HEAD /'), 'HEAD');
  t.is(head.status, 200);
  t.is(field(head, 'content-length'), '5');
  t.is((await all.get('/204')).status, 204);
  const same = await exchange(all, request('GET /304', ['If-None-Match: "1"']));
  t.is(same.status, 304);
  t.is(field(same, 'etag'), '"1"');
  t.is((await all.get('/')).body, 'hello');
});

test('connections to the upstream are kept and used again', async (t) => {
  const { ask, upstream, connect } = await proxied(t);
  const { client, connection } = await ask(request('GET /1'));
  connection.answer('1');
  t.is((await client.response()).body, '1');
  const other = await connect();
  other.send(request('GET /2'));
  t.is((await connection.request())[0], 'GET /2 HTTP/1.1');
  connection.answer('2');
  t.is((await other.response()).body, '2');
  t.is(upstream.sockets.length, 1);
});

test('if a kept connection closes, a GET is repeated and a POST is not sent twice', async (t) => {
  for (const [octets, status] of [
    [request('GET /2'), 200],
    [request('POST /2'), 502],
    [withBody('GET /2', 'x'), 502],
  ] as const) {
    const { ask, upstream, connect } = await proxied(t);
    const { client, connection } = await ask(request('GET /1'));
    connection.answer('1');
    await client.response();
    const other = await connect();
    other.send(octets);
    await connection.request();
    connection.socket.resetAndDestroy();
    if (status === 200) {
      const fresh = await upstream.connection();
      await fresh.request();
      fresh.answer('2');
    }
    t.is((await other.response()).status, status);
    t.is(upstream.sockets.length, status === 200 ? 2 : 1);
  }
});

test('a WebSocket works through the proxy, and each end sees the close of the other', async (t) => {
  const behind = await serve(t, {
    plugins: [
      plugin('echo', (context) => {
        const webSocket = webSockets(context, { origins: '*', protocols: ['v1'] });
        context.handle('GET', '/ws', (incoming) =>
          webSocket(incoming, (socket) =>
            socket.on('message', (data, binary) => {
              if (String(data) === 'bye') socket.close(4001);
              else socket.send(data, { binary });
            }),
          ),
        );
      }),
    ],
  });
  const mounts = [{ target: `http://127.0.0.1:${behind.port}`, prefix: '/ws' }];
  const { port, connect } = await serve(t, { plugins: [{ use: 'proxy', options: { mounts } }] });
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`, ['v1']);
  await once(socket, 'open');
  t.is(socket.protocol, 'v1');
  for (const text of ['hello', 'x'.repeat(500_000)]) {
    socket.send(text);
    const [data] = await once(socket, 'message');
    t.is(String(data), text);
  }
  socket.send('bye');
  const [code] = await once(socket, 'close');
  t.is(code, 4001);
  // The upstream answers a request that is not a handshake.
  const client = await connect();
  client.send(request('GET /ws'));
  const refused = await client.response();
  t.is(refused.status, 426);
  t.is(field(refused, 'upgrade'), 'websocket');
});

test('a switched connection is broken off on both sides if one side breaks it off or the server stops', async (t) => {
  const asks = request('GET /', ['Connection: Upgrade', 'Upgrade: x']);
  const { ask, server } = await proxied(t, { upgrade: ['x'] });
  const open = async (): Promise<{ client: RawClient; connection: Connection }> => {
    const { client, connection, lines } = await ask(asks);
    t.true(lines.some((line) => /^connection: upgrade$/i.test(line)));
    connection.send('HTTP/1.1 101 Switching Protocols', 'Connection: upgrade', 'Upgrade: X', '', 'early');
    t.is((await client.response()).status, 101);
    await client.receive('early');
    client.send('ping');
    await connection.until('ping');
    return { client, connection };
  };
  const one = await open();
  one.client.reset();
  await one.connection.closed();
  const two = await open();
  two.connection.socket.resetAndDestroy();
  await two.client.closed();
  const three = await open();
  three.connection.socket.end('last words');
  three.client.end();
  t.regex(await three.client.closed(), /last words$/);
  const four = await open();
  await server.close();
  await Promise.all([four.client.closed(), four.connection.closed()]);
});

test('an upstream that switches to another protocol than requested is 502; without upgrade no request switches', async (t) => {
  const asks = request('GET /', ['Connection: Upgrade', 'Upgrade: x']);
  const { ask } = await proxied(t, { upgrade: ['x'] });
  const { client, connection } = await ask(asks);
  connection.send('HTTP/1.1 101 Switching Protocols', 'Connection: upgrade', 'Upgrade: y', '', '');
  t.is((await client.response()).status, 502);
  await connection.closed();
  const plain = await proxied(t, { upgrade: false });
  const asked = await plain.ask(asks);
  t.false(asked.lines.some((line) => /upgrade/i.test(line)));
  asked.connection.answer('no');
  t.is((await asked.client.response()).body, 'no');
});

test('a stop finishes exchanges under way, then closes kept connections', async (t) => {
  const { ask, server } = await proxied(t, {}, { limits: { shutdownTimeoutMs: 20_000 } });
  const { client, connection } = await ask(request('GET /'));
  const closing = server.close();
  connection.answer('in time');
  t.is((await client.response()).body, 'in time');
  await closing;
  await connection.closed();
});

test('an upstream with an untrusted certificate is 502, and gets no request', async (t) => {
  let count = 0;
  const secure = https.createServer({ cert: ONE.cert, key: ONE.key }, (_, response) => {
    count += 1;
    response.end('x');
  });
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  t.teardown(() => secure.close());
  const { port } = secure.address() as net.AddressInfo;
  const mounts = [{ target: `https://127.0.0.1:${port}` }];
  const { get } = await serve(t, { plugins: [{ use: 'proxy', options: { mounts } }] });
  t.is((await get('/')).status, 502);
  t.is(count, 0);
});

/** An `https` server with a self-signed certificate, and the answers of a proxy in front of it. */
async function beforeSecure(t: ExecutionContext, options = {}): Promise<{ all: Served; names: unknown[] }> {
  const names: unknown[] = [];
  const secure = https.createServer({ cert: ONE.cert, key: ONE.key }, ({ socket }, response) => {
    names.push(Reflect.get(socket, 'servername'));
    response.end('secure');
  });
  secure.listen(0, '127.0.0.1');
  await once(secure, 'listening');
  t.teardown(() => {
    secure.closeAllConnections();
    secure.close();
  });
  const { port } = secure.address() as net.AddressInfo;
  const mounts = [{ target: `https://localhost:${port}`, ...options }];
  const all = await serve(t, { plugins: [{ use: 'proxy', options: { mounts } }], allowedHosts: '*' });
  return { all, names };
}

test('ca names the authorities for the upstream, and the checked name is that of the target', async (t) => {
  const folder = await tempFolder(t, { 'one.pem': ONE.cert, 'two.pem': TWO.cert });
  const ca = (name: string): string => path.join(folder, name);
  for (const [options, status] of [
    [{ ca: ca('one.pem') }, 200],
    [{ ca: [ca('two.pem'), ca('one.pem')], host: 'client' }, 200],
    [{ ca: ca('two.pem') }, 502],
  ] as const) {
    const { all, names } = await beforeSecure(t, options);
    const client = await all.connect();
    client.send(request('GET /', ['Host: other.example']).replace('Host: localhost\r\n', ''));
    t.is((await client.response()).status, status);
    t.deepEqual(names, status === 200 ? ['localhost'] : []);
  }
});

test('with an invalid file of authorities the server does not start, and the error names the file', async (t) => {
  const folder = await tempFolder(t, {
    'empty.pem': '',
    'broken.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  });
  for (const [name, says] of [
    ['missing.pem', /ENOENT/],
    ['empty.pem', /There is no certificate in .*empty\.pem\. Set "ca" to a PEM file\./],
    ['broken.pem', /A certificate in .*broken\.pem cannot be read\./],
  ] as const) {
    const mounts = [{ target: 'https://localhost', ca: path.join(folder, name) }];
    const error = await t.throwsAsync(served(t, { plugins: [{ use: 'proxy', options: { mounts } }] }));
    t.is(Reflect.get(error, 'code'), 'PLUGIN_SETUP_FAILED');
    t.regex(error.message, says);
  }
});

test('only named protocols are forwarded, websocket by default: the rules of other plugins see no HTTP/2', async (t) => {
  const h2c = request('GET /', [
    'Connection: Upgrade, HTTP2-Settings',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQAAP__',
  ]);
  for (const options of [{}, { upgrade: true }, { upgrade: ['websocket', 'x/1'] }]) {
    const { ask } = await proxied(t, options);
    const { client, connection, lines } = await ask(h2c);
    t.false(
      lines.some((line) => /upgrade|http2-settings/i.test(line)),
      JSON.stringify(options),
    );
    connection.answer('no', ['Connection: close']);
    t.is((await client.response()).body, 'no');
    const mixed = await ask(request('GET /', ['Connection: Upgrade', 'Upgrade: h2c, WebSocket, y']));
    t.true(mixed.lines.includes('Upgrade: websocket'));
  }
});

test('trailers pass without a Content-Type, and none is added', async (t) => {
  const { ask } = await proxied(t);
  const { client, connection } = await ask(request('GET /'));
  connection.send(
    'HTTP/1.1 200 OK',
    'Connection: close',
    'Transfer-Encoding: chunked',
    '',
    '1',
    'x',
    '0',
    'X-Sum: 1',
    '',
    '',
  );
  await client.receive('0\r\nx-sum: 1\r\n\r\n');
  t.false(/content-type/i.test(client.unread));
  const empty = await ask(request('GET /'));
  empty.connection.send('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '0', 'X-Sum: 0', '', '');
  await empty.client.receive('0\r\nx-sum: 0\r\n\r\n');
});

test('a large header section of the upstream passes up to maxHeaderSectionOctets', async (t) => {
  for (const [options, octets, status] of [
    [{}, 60_000, 200],
    [{}, 70_000, 502],
    [{ maxHeaderSectionOctets: 200_000 }, 190_000, 200],
  ] as const) {
    const { ask } = await proxied(t, options);
    const { client, connection } = await ask(request('GET /'));
    connection.answer('x', [`X-Large: ${'x'.repeat(octets)}`]);
    t.is((await client.response()).status, status, `${octets}`);
  }
});

test('RFC 9110 §7.6.2: Max-Forwards counts down for OPTIONS and TRACE, and at 0 the proxy answers', async (t) => {
  const { ask, connect, upstream } = await proxied(t);
  for (const [method, value, expected] of [
    ['OPTIONS', '5', '4'],
    ['TRACE', '1', '0'],
    ['GET', '0', '0'],
  ] as const) {
    const { client, connection, lines } = await ask(request(`${method} /`, [`Max-Forwards: ${value}`]));
    t.true(lines.includes(`max-forwards: ${expected}`), method);
    connection.answer('x', ['Connection: close']);
    await client.response();
  }
  const before = upstream.sockets.length;
  const client = await connect();
  client.send(request('TRACE /a?b', ['Max-Forwards: 0', 'Cookie: secret', 'X-A: 1']));
  const traced = await client.response();
  t.is(field(traced, 'content-type'), 'message/http');
  t.regex(traced.body, /^TRACE \/a\?b HTTP\/1\.1\r\n[\s\S]*x-a: 1\r\n/);
  t.false(traced.body.includes('secret'));
  client.send(request('OPTIONS /', ['Max-Forwards: 0']));
  t.is((await client.response()).status, 204);
  t.is(upstream.sockets.length, before);
});

test('RFC 9110 §7.6.3: Via names the version of the sender, in interim responses too', async (t) => {
  const { ask } = await proxied(t);
  const { client, connection } = await ask(request('GET /'));
  connection.send('HTTP/1.0 103 Early Hints', 'Link: </a>', 'Via: 1.1 inner', '', '');
  const hint = await client.response();
  t.deepEqual(hint.fields.get('via'), ['1.1 inner', '1.0 jackfield']);
  connection.send('HTTP/1.0 200 OK', 'Content-Length: 1', '', 'x');
  t.is(field(await client.response(), 'via'), '1.0 jackfield');
});

test('several lines of one name stay several, and values that are not valid pass as they are', async (t) => {
  const { ask } = await proxied(t);
  const { client, connection } = await ask(request('GET /'));
  connection.answer(
    'no',
    [
      'WWW-Authenticate: Negotiate',
      'WWW-Authenticate: Basic realm="a"',
      'ETag: not one',
      'Last-Modified: yesterday',
    ],
    '401 Unauthorized',
  );
  const answer = await client.response();
  t.deepEqual(answer.fields.get('www-authenticate'), ['Negotiate', 'Basic realm="a"']);
  t.is(field(answer, 'etag'), 'not one');
  t.is(field(answer, 'last-modified'), 'yesterday');
});

test('OPTIONS * goes to the upstream of /', async (t) => {
  for (const plugins of [[], ['options']]) {
    const { ask } = await proxied(t, {}, { plugins });
    const { client, connection, lines } = await ask(request('OPTIONS *'));
    t.is(lines[0], 'OPTIONS * HTTP/1.1');
    connection.answer('', ['Allow: GET, PURGE']);
    t.is(field(await client.response(), 'allow'), 'GET, PURGE');
  }
  const below = await proxied(t, { prefix: '/api' });
  const client = await below.connect();
  client.send(request('OPTIONS *'));
  t.is((await client.response()).status, 404);
});

test('interim responses are dropped if the mount says so', async (t) => {
  const { ask } = await proxied(t, { interim: false });
  const { client, connection } = await ask(request('GET /'));
  connection.send('HTTP/1.1 103 Early Hints', 'Link: </a>', '', '');
  connection.answer('x');
  t.is((await client.response()).status, 200);
});

test('a tunnel without data is closed on both sides', async (t) => {
  const { ask } = await proxied(t, { upgrade: ['x'], tunnelIdleTimeoutMs: 50 });
  const { client, connection } = await ask(request('GET /', ['Connection: Upgrade', 'Upgrade: x']));
  connection.send('HTTP/1.1 101 Switching Protocols', 'Connection: upgrade', 'Upgrade: x', '', 'early');
  await Promise.all([client.closed(), connection.closed()]);
  t.pass();
});

test.serial('a tunnel holds the faster side up, and loses nothing', async (t) => {
  const { ask } = await proxied(t, { upgrade: ['x'] });
  const { client, connection } = await ask(request('GET /', ['Connection: Upgrade', 'Upgrade: x']));
  connection.send('HTTP/1.1 101 Switching Protocols', 'Connection: upgrade', 'Upgrade: x', '', '');
  t.is((await client.response()).status, 101);
  const text = Array.from({ length: 300_000 }, (_, at) => `${at} `).join('');
  client.readSlowly(1);
  connection.socket.write(text);
  client.send(text);
  client.end();
  await connection.until(' 299999 ');
  t.is(connection.received, text);
  connection.socket.end();
  t.is(await client.closed(), text);
});

test('an event stream ends when the server stops', async (t) => {
  const { ask, server } = await proxied(t, {}, { limits: { shutdownTimeoutMs: 60_000 } });
  const { client, connection } = await ask(request('GET /'));
  connection.send('HTTP/1.1 200 OK', 'Content-Type: text/event-stream', '', 'data: 1\n\n');
  await client.receive('data: 1');
  await server.close();
  t.true((await client.closed()).endsWith('0\r\n\r\n'));
  await connection.closed();
});

test('more requests than may wait for a connection are 503', async (t) => {
  const { connect, upstream } = await proxied(t, { maxConnections: 1 });
  const clients = await Promise.all(Array.from({ length: 6 }, () => connect()));
  for (const client of clients) client.send(request('GET /'));
  const refused = await Promise.any(clients.map((client) => client.response()));
  t.is(refused.status, 503);
  t.regex(refused.body, /Too many requests wait for the upstream server/);
  t.is(upstream.sockets.length, 1);
});

test('an idle connection is closed before the upstream would, as its Keep-Alive says', async (t) => {
  const { ask, connect, upstream } = await proxied(t);
  const { client, connection } = await ask(request('GET /1'));
  connection.answer('1', ['Keep-Alive: timeout=1']);
  await client.response();
  await connection.closed();
  const other = await connect();
  other.send(request('GET /2'));
  const second = await upstream.connection();
  await second.request();
  second.answer('2', ['Keep-Alive: timeout=2, max=5']);
  t.is((await other.response()).body, '2');
  await second.closed();
});

test('octets that nobody asked for close a kept connection, and are no answer to the next request', async (t) => {
  const { ask, upstream, connect } = await proxied(t);
  const { client, connection } = await ask(request('GET /1'));
  connection.answer('1HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'.slice(0, 1));
  await client.response();
  connection.send('HTTP/1.1 200 OK', 'Content-Length: 4', '', 'evil');
  await connection.closed();
  const other = await connect();
  other.send(request('GET /2'));
  const second = await upstream.connection();
  await second.request();
  second.send(
    'HTTP/1.1 200 OK',
    'Content-Length: 1',
    '',
    '2HTTP/1.1 200 OK',
    'Content-Length: 4',
    '',
    'evil',
  );
  t.is((await other.response()).body, '2');
  await second.closed();
});

test('RFC 9110 §9.2.2: idempotent methods are sent again after a kept connection was closed, also in order', async (t) => {
  for (const method of ['PUT', 'DELETE', 'HEAD', 'OPTIONS']) {
    const { ask, upstream, connect } = await proxied(t);
    const { client, connection } = await ask(request('GET /1'));
    connection.answer('1');
    await client.response();
    const other = await connect();
    other.send(request(`${method} /2`));
    await connection.request();
    connection.socket.end();
    const fresh = await upstream.connection();
    t.is((await fresh.request())[0], `${method} /2 HTTP/1.1`);
    fresh.socket.end();
    t.is((await other.response(method)).status, 502, 'once');
    t.is(upstream.sockets.length, 2);
  }
});

test('an answer that has begun is not asked for again', async (t) => {
  const { ask, upstream, connect } = await proxied(t);
  const { client, connection } = await ask(request('GET /1'));
  connection.answer('1');
  await client.response();
  const other = await connect();
  other.send(request('GET /2'));
  await connection.request();
  connection.socket.write('H', () => connection.socket.resetAndDestroy());
  t.is((await other.response()).status, 502);
  t.is(upstream.sockets.length, 1);
});

for (const [framing, octets, leastOctets] of [
  ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', Number.POSITIVE_INFINITY],
  [
    'chunks',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n',
    Number.POSITIVE_INFINITY,
  ],
  [
    'the end of the connection',
    'HTTP/1.0 200 OK\r\nX: y\r\n\r\nhello',
    'HTTP/1.0 200 OK\r\nX: y\r\n\r\n'.length,
  ],
] as const) {
  for (const how of ['ends', 'resets'] as const) {
    test.serial(
      `an upstream that ${how} at every octet of an answer framed by ${framing} never looks complete`,
      async (t) => {
        const { ask } = await proxied(t);
        for (let at = 0; at < octets.length; at++) {
          const { client, connection } = await ask(request('GET /', ['Connection: close']));
          const { socket } = connection;
          await new Promise<void>((resolve) => socket.write(octets.slice(0, at), 'latin1', () => resolve()));
          if (how === 'ends') socket.end();
          else socket.resetAndDestroy();
          const text = await client.closed();
          const isFailure = text.startsWith('HTTP/1.1 502 ');
          const isWhole =
            text.endsWith('\r\n0\r\n\r\n') || /content-length: 5\r\n[\s\S]*\r\n\r\nhello$/i.test(text);
          if (how === 'ends' && at >= leastOctets) t.true(isWhole, `${at}: ${text}`);
          else t.true(isFailure || !isWhole, `${at}: ${text}`);
        }
      },
    );
  }
}

test.serial('large bodies pass unchanged in both directions at once, whichever side is slow', async (t) => {
  const all = await before(
    t,
    (incoming, response) => {
      response.writeHead(200, { 'Content-Length': incoming.headers['content-length'] });
      incoming.pipe(response);
    },
    { maxBodyOctets: 10_000_000 },
  );
  await Promise.all(
    Array.from({ length: 6 }, async (_, which) => {
      const client = await all.connect();
      const body = Array.from({ length: 250_000 }, (_, at) => `${which}-${at};`).join('');
      if (which % 2 === 0) client.readSlowly(1);
      client.send(request('POST /', [`Content-Length: ${body.length}`, 'Connection: close'], body));
      const text = await client.closed();
      t.true(text.slice(text.indexOf('\r\n\r\n') + 4) === body, `${which}`);
    }),
  );
});

test('invalid options are refused', async (t) => {
  for (const mount of [
    {},
    { target: '127.0.0.1:3000' },
    { target: 'ftp://a.example' },
    { target: 'http://user:secret@a.example' },
    { target: 'http://a.example/?x' },
    { target: 'http://a.example', via: 'a b' },
    { target: 'http://a.example', prefix: 'api' },
    { target: 'http://a.example', timeout: 1 },
    { target: 'http://a.example', upgrade: [] },
    { target: 'http://a.example', upgrade: ['a b'] },
    { target: 'http://a.example', maxHeaderSectionOctets: 10 },
    { target: 'http://a.example', interim: 1 },
    { target: 'http://a.example', ca: 'a.pem' },
    { target: 'https://a.example', ca: [] },
    { target: 'https://a.example', ca: '' },
  ]) {
    const error = await t.throwsAsync(
      served(t, { plugins: [{ use: 'proxy', options: { mounts: [mount] } }] }),
    );
    t.is(Reflect.get(error, 'code'), 'PLUGIN_OPTIONS_INVALID', JSON.stringify(mount));
  }
});
