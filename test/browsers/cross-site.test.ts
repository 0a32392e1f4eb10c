/** Requests that real browsers send for pages of other sites, and the answers. */
import { EventEmitter, once } from 'node:events';
import test, { type ExecutionContext, type TestFn } from 'ava';
import type { PluginEntry } from '../../core/config/server-config.js';
import { createServer } from '../../core/server.js';
import { webSockets } from '../../plugins/websocket.js';
import { browserTest } from '../support/browser.js';
import { plugin } from '../support/raw-client.js';

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly origin: string | undefined;
  readonly site: string | undefined;
}

interface Stored {
  readonly port: number;
  /** The next exchange with one of these methods. */
  next(...methods: readonly string[]): Promise<Seen>;
  listing(): Promise<string>;
}

/** A server with entries, sockets at /ws, and its own pages at /page. */
async function storing(t: ExecutionContext, more: readonly PluginEntry[] = []): Promise<Stored> {
  const exchanges = new EventEmitter();
  const own = plugin('own', (context) => {
    const webSocket = webSockets(context);
    context.handle('GET', '/ws', (request) => webSocket(request, (socket) => socket.send('hello')));
    context.handle('GET', '/page', ({ query }) => page(query.get('policy') ?? ''));
    context.hook('close', ({ method, path, headers }, { status }) => {
      const { origin, 'sec-fetch-site': site } = headers;
      exchanges.emit(method, { method, path, status, origin, site } satisfies Seen);
    });
  });
  const server = createServer({
    listen: { port: 0 },
    storage: 'memory',
    plugins: ['get', 'post', 'create', own, ...more],
  });
  t.teardown(() => server.close());
  const { port } = await server.listen();
  return {
    port,
    next: async (method) => {
      const [seen] = await once(exchanges, method ?? 'POST');
      return seen as Seen;
    },
    listing: async () => (await server.inject()).text,
  };
}

const page = (policy: string) => ({
  headers: { 'Content-Type': 'text/html', ...(policy === '' ? {} : { 'Referrer-Policy': policy }) },
  body: '<!doctype html><title>page</title><body>',
});

/** Another site: its pages are at / of `http://localhost:PORT` and of `http://127.0.0.1:PORT`. */
async function otherSite(t: ExecutionContext): Promise<number> {
  const pages = plugin('pages', ({ handle }) => handle('GET', '/', () => page('')));
  const server = createServer({ listen: { port: 0 }, storage: 'memory', plugins: [pages] });
  t.teardown(() => server.close());
  return (await server.listen()).port;
}

/** Posts a form with one pair, as a click on its button does. */
const postForm = (url: string, key: string): string => `(() => {
  const frame = document.createElement('iframe');
  frame.name = 'answer';
  const form = document.createElement('form');
  Object.assign(form, { method: 'POST', action: ${JSON.stringify(url)}, target: 'answer' });
  const input = document.createElement('input');
  Object.assign(input, { name: ${JSON.stringify(key)}, value: 'value' });
  form.append(input);
  document.body.append(frame, form);
  form.submit();
})()`;

const openSocket = (url: string): string => `new Promise((resolve) => {
  const socket = new WebSocket(${JSON.stringify(url)});
  socket.onmessage = ({ data }) => resolve(data);
  socket.onerror = () => resolve('refused');
})`;

// One browser at a time. The type lacks only members that `browserTest` does not use.
const serial = test.serial as unknown as TestFn;

for (const name of ['chromium', 'firefox'] as const) {
  browserTest(serial, name, 'pages of other sites and ports change nothing', async (t, browser) => {
    const server = await storing(t);
    const port = await otherSite(t);
    const url = `http://127.0.0.1:${server.port}/create`;
    for (const [host, site] of [
      ['localhost', 'cross-site'],
      ['127.0.0.1', 'same-site'],
    ] as const) {
      const origin = `http://${host}:${port}`;
      const refused = { method: 'POST', path: '/create', status: 403, origin, site };
      await browser.goto(`${origin}/`);
      const form = server.next('POST');
      await browser.evaluate(postForm(url, 'form'));
      t.deepEqual(await form, refused);
      const fetched = server.next('POST');
      const text = `fetch(${JSON.stringify(url)}, { method: 'POST', mode: 'no-cors', body: 'fetch: value' })`;
      await browser.evaluate(`${text}.then(({ type }) => type)`);
      t.deepEqual(await fetched, refused);
      const socket = server.next('GET');
      t.is(await browser.evaluate(openSocket(`ws://127.0.0.1:${server.port}/ws`)), 'refused');
      t.like(await socket, { path: '/ws', status: 403, origin });
    }
    t.is(await server.listing(), 'No data in DB');
  });

  browserTest(serial, name, 'pages of the server itself are allowed', async (t, browser) => {
    const server = await storing(t);
    const own = `http://127.0.0.1:${server.port}`;
    for (const policy of ['', 'no-referrer', 'same-origin']) {
      await browser.goto(`${own}/page?policy=${policy}`);
      const posted = server.next('POST');
      await browser.evaluate(postForm(`${own}/create`, `key-${policy}`));
      const seen = await posted;
      // `null` is allowed with `same-origin`, because both browsers send it for forms of such a page.
      t.is(seen.origin, policy === 'no-referrer' ? 'null' : own);
      t.like(seen, { path: '/create', status: 200, site: 'same-origin' }, JSON.stringify(seen));
      const fetched = `fetch('/create', { method: 'POST', body: 'fetch-${policy}: value' })`;
      t.is(await browser.evaluate(`${fetched}.then(({ status }) => status)`), 200);
      t.is(await browser.evaluate(openSocket(`ws://127.0.0.1:${server.port}/ws`)), 'hello');
    }
  });

  browserTest(
    serial,
    name,
    'a page that cors allows stores and reads, with a preflight and without',
    async (t, browser) => {
      const port = await otherSite(t);
      const origins = [`http://localhost:${port}`];
      const server = await storing(t, [{ use: 'cors', options: { origins } }]);
      const url = JSON.stringify(`http://127.0.0.1:${server.port}/create`);
      const post = (type: string, body: string) =>
        `fetch(${url}, { method: 'POST', headers: { 'Content-Type': '${type}' }, body: '${body}' }).then((a) => a.text(), String)`;
      await browser.goto(`http://localhost:${port}/`);
      const preflight = server.next('OPTIONS');
      t.regex(String(await browser.evaluate(post('application/json', '{"a":"b"}'))), /^a:b\r\n/);
      t.like(await preflight, { status: 204, origin: origins[0] });
      t.regex(String(await browser.evaluate(post('text/plain', 'c: d'))), /^c:d\r\n/);
      const form = server.next('POST');
      await browser.evaluate(postForm(`http://127.0.0.1:${server.port}/create`, 'e'));
      t.like(await form, { status: 200, origin: origins[0], site: 'cross-site' });
      // The same page at another origin.
      await browser.goto(`http://127.0.0.1:${port}/`);
      const refused = server.next('POST');
      t.regex(String(await browser.evaluate(post('text/plain', 'f: g'))), /TypeError/);
      t.like(await refused, { status: 403 });
    },
  );
}
