/** Pages of other sites: the requests they may not send, and how a server allows them. */
import test, { type ExecutionContext } from 'ava';
import type { PluginContext } from '../../../core/api/plugin.js';
import { testPlugin } from '../../../core/testing/test-plugin.js';
import { listing, type Server, served } from '../../plugins/served.js';
import { plugin, request, serve } from '../../support/raw-client.js';

type Fields = Readonly<Record<string, string | readonly string[]>>;

const OWN = 'http://127.0.0.1';
const EVIL = 'https://evil.example';

let keys = 0;

/** Stores a new entry. */
const post = (server: Server, headers: Fields, more: object = {}) =>
  server.inject({ method: 'POST', target: '/create', headers, body: `key-${++keys}: value`, ...more });

/** Has the handlers of the test, and counts the requests that reach it. */
function counting(calls: string[], options: object = {}) {
  return plugin('counting', ({ handle, hook }) => {
    hook('request', ({ method, path }) => void calls.push(`${method} ${path}`));
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'PURGE', 'DELETE', 'query'])
      handle(method, '/x', () => 'reached', options);
  });
}

test('a page of another site stores nothing, and no plugin sees its request', async (t) => {
  for (const headers of [
    { Origin: EVIL },
    { Origin: 'null' },
    { Origin: '' },
    { Origin: 'http://localhost' },
    { Origin: 'http://127.0.0.1:5173' },
    { Origin: [OWN, EVIL] },
    { Origin: [OWN, OWN] },
    { 'Sec-Fetch-Site': 'cross-site' },
    { 'Sec-Fetch-Site': 'same-site' },
    { 'Sec-Fetch-Site': ['same-origin', 'cross-site'] },
    { 'Sec-Fetch-Site': 'cross-site', Origin: OWN },
    { 'Sec-Fetch-Site': 'same-origin', Origin: EVIL },
    { 'Sec-Fetch-Site': 'none', Origin: 'null' },
  ] as readonly Fields[]) {
    const calls: string[] = [];
    const server = await served(t, { plugins: ['get', 'post', 'create', counting(calls)] });
    const { status, text } = await post(server, headers);
    t.is(status, 403, JSON.stringify(headers));
    t.regex(text, /"cors".*"crossSite": "allow"/);
    t.deepEqual(calls, []);
    t.is(await listing(server), 'No data in DB');
  }
});

test('the answer names the origin of the page and the host that it differs from', async (t) => {
  const server = await served(t);
  const origin = 'http://localhost:5173';
  const { text } = await post(server, { Host: 'localhost:10000', Origin: origin });
  t.true(text.endsWith(`: ${origin}, sent to localhost:10000`), text);
  // The fields from nginx, unless it is configured to pass Host on.
  const page = { Origin: 'https://shop.example', 'Sec-Fetch-Site': 'same-origin' };
  const proxied = await post(server, { Host: '127.0.0.1:10000', ...page });
  t.true(proxied.text.endsWith(': https://shop.example, sent to 127.0.0.1:10000'), proxied.text);
  t.true(
    (await post(server, { 'Sec-Fetch-Site': 'same-site' })).text.endsWith(': Sec-Fetch-Site: same-site'),
  );
});

test("programs, users and the server's own pages are allowed", async (t) => {
  for (const headers of [
    {},
    { Origin: OWN },
    { Origin: `${OWN}:80`, Host: '127.0.0.1' },
    { Origin: 'http://localhost:10000', Host: 'LOCALHOST:10000' },
    { Origin: 'http://[::1]:10000', Host: '[::1]:10000' },
    { 'Sec-Fetch-Site': 'same-origin', Origin: OWN },
    { 'Sec-Fetch-Site': 'none' },
    // A page of our own with the referrer policy no-referrer.
    { 'Sec-Fetch-Site': 'same-origin', Origin: 'null' },
  ] as readonly Fields[])
    t.is((await post(await served(t), headers)).status, 200, JSON.stringify(headers));
});

test('RFC 9110 §9.2.1: safe methods are allowed, all other methods are refused, registered or not', async (t) => {
  const calls: string[] = [];
  const server = await served(t, { plugins: [counting(calls)] });
  const ask = async (method: string) =>
    (await server.inject({ method, target: '/x', headers: { Origin: EVIL } })).status;
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']) t.is(await ask(method), 200, method);
  t.is(calls.length, 5);
  for (const method of ['PURGE', 'DELETE', 'query', 'UNHEARD', 'POST']) t.is(await ask(method), 403, method);
  t.is(calls.length, 5);
  const connect = { method: 'CONNECT', target: '127.0.0.1:80', headers: { Origin: EVIL } };
  t.is((await server.inject(connect)).status, 403);
});

test('END from a page of another site does not stop the server', async (t) => {
  const server = await served(t);
  t.is((await server.inject({ method: 'END', headers: { Origin: EVIL } })).status, 403);
  t.is((await server.inject()).status, 200);
});

test('an upgrade from a page of another site is refused, whatever its method', async (t) => {
  const calls: string[] = [];
  const server = await served(t, { plugins: [counting(calls)] });
  const ask = async (Origin: string) => {
    const headers = { Origin, Upgrade: 'websocket', Connection: 'Upgrade' };
    return (await server.inject({ target: '/x', headers })).status;
  };
  t.is(await ask(EVIL), 403);
  t.is(calls.length, 0);
  t.is(await ask(OWN), 200);
});

test('the host of an absolute target is compared, not the Host field', async (t) => {
  const server = await served(t, { allowedHosts: '*' });
  const target = 'http://a.example/create';
  t.is((await post(server, { Origin: 'http://a.example', Host: 'b.example' }, { target })).status, 200);
  t.is((await post(server, { Origin: 'http://b.example', Host: 'b.example' }, { target })).status, 403);
});

test('HTTP/1.0 without Host matches no origin', async (t) => {
  const { connect } = await serve(t, { plugins: ['post', 'create'] });
  const client = await connect();
  client.send(`POST /create HTTP/1.0\r\nOrigin: http://127.0.0.1\r\nContent-Length: 4\r\n\r\na: b`);
  t.is((await client.response()).status, 403);
});

test('the refusal comes before 100 Continue, and the connection stays open', async (t) => {
  const { connect } = await serve(t, { plugins: ['post', 'create'] });
  const client = await connect();
  client.send(request('POST /create', [`Origin: ${EVIL}`, 'Expect: 100-continue', 'Content-Length: 10']));
  t.is((await client.response()).status, 403);
});

test('an equal header section on one connection is checked again for each method', async (t) => {
  const { connect } = await serve(t, { plugins: ['get', 'post', 'create'] });
  const client = await connect();
  const lines = [`Origin: ${EVIL}`, 'Content-Length: 4'];
  client.send(`${request('POST /create', lines)}a: b${request('GET /', lines)}a: b`.repeat(2));
  const statuses: number[] = [];
  for (let at = 0; at < 4; at++) statuses.push((await client.response()).status);
  t.deepEqual(statuses, [403, 200, 403, 200]);
});

test('behind a trusted proxy, the host and the scheme of the client are compared', async (t) => {
  const server = await served(t, { trustedProxies: ['127.0.0.1'], allowedHosts: ['a.example'] });
  const proxied = {
    'X-Forwarded-For': '203.0.113.9',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'a.example',
  };
  t.is((await post(server, { ...proxied, Origin: 'https://a.example' })).status, 200);
  t.is((await post(server, { ...proxied, Origin: 'http://a.example' })).status, 403);
  t.is((await post(server, { ...proxied, Origin: OWN })).status, 403);
  const direct = await served(t);
  t.is((await post(direct, { ...proxied, Origin: 'https://a.example' })).status, 403);
});

test('the classic dialect refuses in its own format', async (t) => {
  const server = await served(t);
  const classic = (headers: Fields) => post(server, { Host: '127.0.0.1:10000/create', ...headers });
  for (const headers of [{ Origin: EVIL }, { 'Sec-Fetch-Site': 'cross-site' }, { Origin: 'null' }]) {
    const refused = await classic(headers);
    t.is(refused.status, 403);
    t.is(refused.reason, 'FORBIDDEN');
    t.is(refused.headers.host, '127.0.0.1:10000/create');
  }
  t.is(await listing(server), 'No data in DB');
  t.is((await classic({ Origin: 'http://127.0.0.1:10000' })).status, 200);
  t.is((await classic({})).status, 200);
  const end = { method: 'END', headers: { Host: '127.0.0.1/', Origin: EVIL } };
  t.is((await server.inject(end)).status, 403);
});

test('"crossSite": "allow" allows everything, and a reload changes it in both directions', async (t) => {
  const config = { listen: { port: 0 }, storage: { adapter: 'memory' } } as const;
  const server = await served(t, { ...config, crossSite: 'allow' });
  t.is((await post(server, { Origin: EVIL })).status, 200);
  await server.reload(config);
  t.is((await post(server, { Origin: EVIL })).status, 403);
  await server.reload({ ...config, crossSite: 'allow' });
  t.is((await post(server, { Origin: EVIL })).status, 200);
});

test('an unknown value of crossSite is an error before anything listens', async (t) => {
  const config = { crossSite: 'deny' } as unknown as { crossSite: 'allow' };
  const error = await t.throwsAsync(async () => served(t, config));
  t.regex(error?.message ?? '', /crossSite: expected "refuse" or "allow"/);
});

test('a handler may decide itself, and then only that handler is open', async (t) => {
  const calls: string[] = [];
  const callback = plugin('callback', ({ handle }) => {
    handle('POST', '/callback/:id', () => 'taken', { crossSite: 'allow' });
    handle('POST', '/other', () => 'taken');
  });
  const server = await served(t, { plugins: [callback, counting(calls, { crossSite: 'allow' })] });
  const ask = async (method: string, target: string) =>
    (await server.inject({ method, target, headers: { Origin: EVIL } })).status;
  t.is(await ask('POST', '/callback/7'), 200);
  t.is(await ask('POST', '/other'), 403);
  t.is(await ask('POST', '/nowhere'), 403);
  t.is(await ask('PURGE', '/x'), 200);
  const wrong = plugin('wrong', ({ handle }) =>
    handle('POST', '/', () => '', { crossSite: 'deny' } as unknown as { crossSite: 'allow' }),
  );
  await t.throwsAsync(served(t, { plugins: [wrong] }), {
    message: /crossSite of POST \/ must be "allow", "refuse" or absent/,
  });
});

test('a handler that refuses pages of other sites refuses them whatever hooks and the configuration say', async (t) => {
  const calls: string[] = [];
  const closed = plugin('closed', ({ handle, hook }) => {
    handle('POST', '/closed', () => 'taken', { crossSite: 'refuse' });
    handle('POST', '/open', () => 'taken');
    hook('crossSite', () => true);
  });
  for (const crossSite of ['refuse', 'allow'] as const) {
    const server = await served(t, { plugins: [closed, counting(calls)], crossSite });
    const ask = async (target: string, headers: Record<string, string>) =>
      (await server.inject({ method: 'POST', target, headers })).status;
    t.is(await ask('/open', { Origin: EVIL }), 200);
    t.is(await ask('/closed', { Origin: EVIL }), 403);
    t.is(await ask('/closed', { 'Sec-Fetch-Site': 'cross-site' }), 403);
    t.is(await ask('/closed', {}), 200);
  }
});

test('no page stops a server, whatever the plugin cors allows; a program does', async (t) => {
  for (const origins of ['*', [EVIL]]) {
    const server = await served(t, {
      crossSite: 'allow',
      plugins: [{ use: 'cors', options: { origins } }, 'get', 'head', 'end'],
    });
    const { status } = await server.inject({ method: 'END', target: '/', headers: { Origin: EVIL } });
    t.is(status, 403);
    t.is((await server.inject({ target: '/' })).status, 200);
    t.is((await server.inject({ method: 'END', target: '/' })).status, 204);
    await server.closed;
  }
});

/** A server whose plugin has this hook. */
async function hooked(t: ExecutionContext, fn: Parameters<typeof addHook>[1], prefix?: string) {
  const hooking = plugin('hooking', (context) => addHook(context, fn));
  const entry = prefix === undefined ? hooking : { use: hooking, prefix };
  return serve(t, { plugins: [plugin('taker', ({ handle }) => handle('POST', '*', () => 'taken')), entry] });
}

function addHook(
  { hook }: PluginContext,
  fn: (headers: Readonly<Record<string, string | undefined>>) => unknown,
) {
  hook('crossSite', ({ headers }) => fn(headers) as boolean);
}

test('a hook allows requests for which it returns true, and is not called for others', async (t) => {
  const asked: unknown[] = [];
  const { server } = await hooked(t, ({ origin }) => {
    asked.push(origin);
    return origin === 'https://good.example';
  });
  const ask = async (method: string, Origin: string) =>
    (await server.inject({ method, headers: { Origin } })).status;
  t.is(await ask('POST', 'https://good.example'), 200);
  t.is(await ask('POST', EVIL), 403);
  await ask('POST', OWN);
  await ask('GET', EVIL);
  t.deepEqual(asked, ['https://good.example', EVIL]);
});

test('under a prefix, a hook decides only for paths below it', async (t) => {
  const { server } = await hooked(t, () => true, '/open');
  const ask = async (target: string) =>
    (await server.inject({ method: 'POST', target, headers: { Origin: EVIL } })).status;
  t.is(await ask('/open/x'), 200);
  t.is(await ask('/closed'), 403);
  t.is(await ask('/openx'), 403);
});

test('a hook that throws, returns a promise or no boolean allows nothing, and the log names it', async (t) => {
  for (const fn of [
    () => {
      throw new Error('broken');
    },
    async () => true,
    async () => {
      throw new Error('rejected');
    },
    () => 'yes',
    () => ({ status: 200 }),
  ]) {
    const { server, log } = await hooked(t, fn);
    t.is((await server.inject({ method: 'POST', headers: { Origin: EVIL } })).status, 403);
    t.is(log.length, 1);
    t.like(log[0], { plugin: 'hooking' });
  }
});

test('testPlugin answers like a server', async (t) => {
  const tested = await testPlugin(plugin('taker', ({ handle }) => handle('POST', '/', () => 'taken')));
  t.teardown(() => tested.close());
  t.is((await tested.inject({ method: 'POST', headers: { Origin: EVIL } })).status, 403);
  t.is((await tested.inject({ method: 'POST' })).status, 200);
});
