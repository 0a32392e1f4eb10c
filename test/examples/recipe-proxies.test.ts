/** Starts each reverse proxy of examples/recipes with the file of its recipe, in front of the server of the recipe. */
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import path from 'node:path';
import { json, text } from 'node:stream/consumers';
import { constants, createGunzip } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { readConfig } from '../../core/config/config-file.js';
import { createServer, definePlugin } from '../../core/index.js';
import { ROOT } from '../repository.js';
import { reportMissing } from '../support/missing.js';
import { isInstalled, REVERSE_PROXIES, startReverseProxy } from '../support/reverse-proxies.js';

const HOST = 'tea.example.com';

/** Requests that a proxy sends by itself. */
class Checks {
  readonly #waiting: ((status: number) => void)[] = [];
  readonly #statuses: number[] = [];

  add(status: number): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#statuses.push(status);
    else waiting(status);
  }

  next(): Promise<number> {
    const status = this.#statuses.shift();
    if (status !== undefined) return Promise.resolve(status);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** A handler waits here until its client has read something. */
class Gate {
  #open: () => void = () => {};
  readonly opened = new Promise<void>((resolve) => {
    this.#open = resolve;
  });

  open(): void {
    this.#open();
  }
}

interface Site {
  readonly port: number;
  readonly checks: Checks;
  readonly gate: Gate;
}

/** A copy of a recipe inside the repository, so that it can import the package. */
async function copyOf(t: ExecutionContext, name: string): Promise<string> {
  const folder = await mkdtemp(path.join(ROOT, 'dist/recipe-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  await cp(path.join(ROOT, 'examples/recipes', name), folder, { recursive: true });
  return folder;
}

async function siteOf(t: ExecutionContext, name: string, { tls = false } = {}): Promise<Site> {
  const proxy = REVERSE_PROXIES[name]!;
  const folder = await copyOf(t, name);
  await cp(path.join(ROOT, 'examples/web/chat.js'), path.join(folder, 'chat.js'));
  const { config, source } = await readConfig(undefined, folder);
  const checks = new Checks();
  const gate = new Gate();
  const probe = definePlugin({
    name: 'probe',
    setup({ handle, hook }) {
      handle('*', '/echo/*', async ({ method, target, body }) => {
        let octets = 0;
        for await (const part of body) octets += part.length;
        return { json: { method, target, octets } };
      });
      let count = 0;
      handle('GET', '/count', () => String(++count));
      handle('GET', '/events', () => ({
        headers: { 'Content-Type': 'text/event-stream' },
        body: (async function* () {
          yield 'data: first\n\n';
          await gate.opened;
          yield 'data: second\n\n';
        })(),
      }));
      hook('close', ({ path }, { status }) => {
        if (path === '/health/ready') checks.add(status);
      });
    },
  });
  const sockets = { use: 'websocket', options: { mounts: [{ path: '/chat', module: './chat.js' }] } };
  const listen = name === 'nginx' ? config.listen : { port: 0 };
  // More proxies hold back compressed event streams than uncompressed ones.
  const plugins = [...(config.plugins ?? []), 'compress' as const, sockets, probe];
  const server = createServer({ ...config, ...(listen && { listen }), plugins }, { source });
  t.teardown(() => server.close());
  const { port: origin } = await server.listen();
  return { port: await startReverseProxy(t, proxy, folder, origin, { tls }), checks, gate };
}

/** Sends a request through the proxy. @returns its answer, as soon as the head has arrived. */
async function ask(
  { port }: { readonly port: number },
  method: string,
  target: string,
  { headers = {}, body }: { headers?: Record<string, string>; body?: Buffer } = {},
): Promise<http.IncomingMessage> {
  const request = http.request({
    host: '127.0.0.1',
    port,
    method: 'GET',
    path: target,
    headers: { Host: HOST, ...(body && { 'Content-Length': body.length }), ...headers },
    agent: false,
  });
  // Node refuses methods that are not in its list, so the method is set afterwards.
  request.method = method;
  request.end(body);
  const [answer] = await once(request, 'response');
  return answer;
}

for (const [name, proxy] of Object.entries(REVERSE_PROXIES)) {
  if (!isInstalled(proxy)) {
    reportMissing(test, `recipes: ${name} is not installed`);
    continue;
  }
  const throughProxy = (title: string, run: (t: ExecutionContext, site: Site) => Promise<void>): void => {
    test.serial(`recipes: ${name}: ${title}`, async (t) => run(t, await siteOf(t, name)));
  };

  throughProxy('the server sees the real client, whatever fields the client forges', async (t, site) => {
    const forged = {
      'X-Forwarded-For': '192.0.2.7',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-Host': 'evil.example',
      Forwarded: 'for=192.0.2.8;proto=https;host=evil.example',
    };
    t.deepEqual(await json(await ask(site, 'GET', '/who', { headers: forged })), {
      remoteAddress: '127.0.0.1',
      protocol: 'http',
      host: HOST,
    });
  });

  // Varnish has no TLS.
  if (name !== 'varnish')
    test.serial(`recipes: ${name}: the server sees that its client speaks TLS`, async (t) => {
      const { port } = await siteOf(t, name, { tls: true });
      const headers = { Host: HOST, 'X-Forwarded-Proto': 'http' };
      const options = { host: '127.0.0.1', port, path: '/who', headers, servername: HOST, agent: false };
      const request = https.get({ ...options, rejectUnauthorized: false });
      const [answer] = await once(request, 'response');
      t.deepEqual(await json(answer), { remoteAddress: '127.0.0.1', protocol: 'https', host: HOST });
    });

  throughProxy('a request after a refused upgrade cannot forge its fields either', async (t, { port }) => {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const head = (target: string, fields: string): string =>
      `GET ${target} HTTP/1.1\r\nHost: ${HOST}\r\n${fields}\r\n`;
    // Not a valid handshake: the version and the key are missing.
    socket.write(head('/chat', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'));
    socket.write(head('/who', 'X-Forwarded-For: 192.0.2.7\r\nConnection: close\r\n'));
    const received = await text(socket);
    socket.destroy();
    t.regex(received, /^HTTP\/1\.1 4\d\d /);
    t.false(received.includes('192.0.2.7'), received);
  });

  throughProxy('methods and paths arrive as they were sent', async (t, site) => {
    for (const method of ['PUT', 'DELETE', 'PATCH', 'QUERY', 'PURGE', 'FROBNICATE']) {
      const target = '/echo/a%2Fb%20c?d=%2F';
      t.deepEqual(await json(await ask(site, method, target)), { method, target, octets: 0 }, method);
    }
  });

  const CLIENTS: readonly Record<string, string>[] = [
    { Accept: 'text/event-stream' },
    { 'Accept-Encoding': 'gzip' },
    // Proxies that ask for gzip themselves have to unpack it for this client.
    {},
  ];
  for (const headers of CLIENTS) {
    const sent = Object.entries(headers).flat().join(': ') || 'nothing';
    throughProxy(
      `an event arrives before the next one is written, if the client sends ${sent}`,
      async (t, site) => {
        const answer = await ask(site, 'GET', '/events', { headers });
        const isPacked = answer.headers['content-encoding'] === 'gzip';
        t.is(isPacked, headers['Accept-Encoding'] === 'gzip');
        const content = isPacked ? answer.pipe(createGunzip({ flush: constants.Z_SYNC_FLUSH })) : answer;
        const reader = content.setEncoding('utf8')[Symbol.asyncIterator]();
        t.is((await reader.next()).value, 'data: first\n\n');
        site.gate.open();
        t.is((await reader.next()).value, 'data: second\n\n');
        t.true((await reader.next()).done);
      },
    );
  }

  throughProxy('nothing is answered from a cache unless the server allows it', async (t, site) => {
    t.is(await text(await ask(site, 'GET', '/count')), '1');
    t.is(await text(await ask(site, 'GET', '/count')), '2');
  });

  throughProxy('a WebSocket is opened and carries messages', async (t, site) => {
    const socket = new WebSocket(`ws://127.0.0.1:${site.port}/chat`, { headers: { Host: HOST } });
    await once(socket, 'open');
    socket.send('tea');
    const [message] = await once(socket, 'message');
    t.is(String(message), 'tea');
    socket.close();
    await once(socket, 'close');
  });

  throughProxy('a body up to the limit arrives whole, and a larger one is 413', async (t, site) => {
    const body = Buffer.alloc(1_048_576, 'x');
    const { octets } = (await json(await ask(site, 'POST', '/echo/', { body }))) as { octets: number };
    t.is(octets, body.length);
    const tooLarge = Buffer.alloc(body.length + 1, 'x');
    t.is((await ask(site, 'POST', '/echo/', { body: tooLarge })).statusCode, 413);
  });

  test.serial(`recipes: ${name}: a method that may change something is never sent twice`, async (t) => {
    const folder = await copyOf(t, name);
    const arrived: string[] = [];
    const origin = http.createServer(({ url, method = '', socket }, response) => {
      if (url !== '/once') return response.end();
      arrived.push(method);
      return socket.destroy();
    });
    t.teardown(() => origin.close());
    origin.listen(name === 'nginx' ? { path: path.join(folder, 'jackfield.sock') } : { port: 0 });
    await once(origin, 'listening');
    const address = origin.address();
    const port = await startReverseProxy(t, proxy, folder, typeof address === 'object' ? address?.port : 0);
    // Each over a kept connection: there proxies repeat requests.
    for (const method of ['POST', 'PATCH', 'QUERY', 'PURGE']) {
      t.is((await ask({ port }, 'GET', '/')).statusCode, 200);
      const answer = await ask({ port }, method, '/once', { body: Buffer.from('x') });
      t.true(answer.statusCode === 502 || answer.statusCode === 503, method);
    }
    t.deepEqual(arrived, ['POST', 'PATCH', 'QUERY', 'PURGE']);
  });

  if (name === 'nginx' || name === 'apache') continue;
  throughProxy('its health checks are answered 200', async (t, site) => {
    t.is(await site.checks.next(), 200);
    t.is(await site.checks.next(), 200);
    t.is(await text(await ask(site, 'GET', '/health/live')), '{"status":"live"}');
  });
}
