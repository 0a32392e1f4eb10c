import test, { type ExecutionContext } from 'ava';
import { definePlugin } from '../../core/api/plugin.js';
import { DEFAULT_CONFIG } from '../../core/config/server-config.js';
import { originMatcher } from '../../plugins/cors/origins.js';
import { vary } from '../../plugins/shared/vary.js';
import { field, plugin, request, serve } from '../support/raw-client.js';
import { type Server, served } from './served.js';

const ORIGIN = 'https://a.example';

const pages = definePlugin({
  name: 'pages',
  setup({ handle }) {
    handle('GET', '/vary', () => ({ headers: { Vary: 'Accept' }, body: 'x' }));
    handle('PURGE', '/keys/:key', () => '');
    handle('*', '/any', ({ method }) => method);
  },
});

const withOptions = (t: ExecutionContext, options: object): Promise<Server> =>
  served(t, { plugins: [{ use: 'cors', options }, ...DEFAULT_CONFIG.plugins, pages] });

const preflight = (server: Server, headers: Record<string, string> = {}, target = '/') =>
  server.inject({
    method: 'OPTIONS',
    target,
    headers: { Origin: ORIGIN, 'Access-Control-Request-Method': 'GET', ...headers },
  });

/** The fields of the protocol, by the part of the name after `access-control-`. */
function fieldsOf({
  headers,
}: {
  headers: Readonly<Record<string, string | undefined>>;
}): Record<string, string | undefined> {
  const found = Object.entries(headers).filter(([name]) => name.startsWith('access-control-'));
  return Object.fromEntries(found.map(([name, value]) => [name.slice('access-control-'.length), value]));
}

test('a page of a listed origin may read answers, errors too', async (t) => {
  const server = await withOptions(t, {
    origins: ['https://b.example', ORIGIN],
    exposedHeaders: ['X-A', 'X-B'],
  });
  for (const target of ['/', '/none']) {
    const answer = await server.inject({ target, headers: { Origin: ORIGIN } });
    t.deepEqual(fieldsOf(answer), { 'allow-origin': ORIGIN, 'expose-headers': 'X-A, X-B' }, target);
    t.is(answer.headers.vary?.includes('Origin'), true, target);
  }
});

test('other origins, and requests without one, get no such field, but Vary', async (t) => {
  const server = await withOptions(t, { origins: [ORIGIN] });
  const others = [
    'https://b.example',
    'http://a.example',
    'https://a.example:444',
    'https://a.example.evil.test',
    'null',
    'https://A.example',
    `${ORIGIN}/`,
  ];
  for (const headers of [{}, ...others.map((Origin) => ({ Origin }))]) {
    const answer = await server.inject({ target: '/create', headers });
    t.deepEqual(fieldsOf(answer), {}, JSON.stringify(headers));
    t.is(answer.headers.vary, 'Origin', JSON.stringify(headers));
  }
});

test('two origins in one field count as none', async (t) => {
  const server = await withOptions(t, { origins: [ORIGIN] });
  const answer = await server.inject({ headers: { Origin: [ORIGIN, 'https://evil.test'] } });
  t.deepEqual(fieldsOf(answer), {});
});

test('with * every origin is allowed, and answers are the same for all', async (t) => {
  const server = await withOptions(t, { origins: '*' });
  for (const headers of [{}, { Origin: ORIGIN }]) {
    const answer = await server.inject({ target: '/create', headers });
    t.deepEqual(fieldsOf(answer), { 'allow-origin': '*' });
    t.is(answer.headers.vary, undefined);
  }
});

test('a preflight is answered with the methods of the path', async (t) => {
  const server = await withOptions(t, { origins: [ORIGIN] });
  const answer = await preflight(server, { 'Access-Control-Request-Method': 'PURGE' }, '/keys/a');
  t.is(answer.status, 204);
  t.is(answer.body.length, 0);
  t.deepEqual(fieldsOf(answer), {
    'allow-origin': ORIGIN,
    'allow-methods': 'PURGE',
    'allow-headers': 'Content-Type',
    'max-age': '600',
  });
  t.is(answer.headers.vary, 'Origin');
  t.is(
    fieldsOf(await preflight(server, { 'Access-Control-Request-Method': 'LIST' }, '/any'))['allow-methods'],
    'LIST',
  );
  t.is(fieldsOf(await preflight(server, {}, '/none'))['allow-methods'], undefined);
});

test('the answer to a preflight of another origin has none of the fields', async (t) => {
  const answer = await preflight(await withOptions(t, { origins: [ORIGIN] }), {
    Origin: 'https://evil.test',
  });
  t.is(answer.status, 204);
  t.deepEqual(fieldsOf(answer), {});
});

test('methods, headers, age and credentials follow the options', async (t) => {
  const server = await withOptions(t, {
    origins: [ORIGIN],
    credentials: true,
    methods: ['GET', 'FROBNICATE'],
    headers: ['X-A', 'Authorization'],
    maxAgeSeconds: 5,
  });
  t.deepEqual(fieldsOf(await preflight(server)), {
    'allow-origin': ORIGIN,
    'allow-credentials': 'true',
    'allow-methods': 'GET, FROBNICATE',
    'allow-headers': 'X-A, Authorization',
    'max-age': '5',
  });
  t.deepEqual(fieldsOf(await server.inject({ headers: { Origin: ORIGIN } })), {
    'allow-origin': ORIGIN,
    'allow-credentials': 'true',
  });
});

test('headers "any" allows the requested fields, if they are a list of names', async (t) => {
  const server = await withOptions(t, { origins: [ORIGIN], headers: 'any' });
  const allowed = async (asked: string) =>
    fieldsOf(await preflight(server, { 'Access-Control-Request-Headers': asked }))['allow-headers'];
  t.is(await allowed('x-a, x-b'), 'x-a, x-b');
  for (const asked of ['', 'a b', 'a,,b', 'a;b', '"a"', 'ä']) t.is(await allowed(asked), undefined, asked);
});

test('OPTIONS without the fields of a preflight is not a preflight', async (t) => {
  const server = await withOptions(t, { origins: [ORIGIN] });
  t.is(
    (await server.inject({ method: 'OPTIONS', target: '/any', headers: { Origin: ORIGIN } })).text,
    'OPTIONS',
  );
  t.is((await server.inject({ method: 'OPTIONS', target: '/any' })).text, 'OPTIONS');
});

test('a pattern has to match the whole origin', (t) => {
  const isAllowed = originMatcher([{ pattern: 'https://[a-z]+\\.a\\.example|http://localhost:\\d+' }]);
  for (const good of ['https://www.a.example', 'http://localhost:3000']) t.true(isAllowed(good), good);
  for (const bad of [
    'https://www.a.example.evil.test',
    'https://evil.test/https://www.a.example',
    'xhttps://www.a.example',
    'http://localhost:3000.evil.test',
    'https://www.a.example\n',
    'https://www-a.example',
  ])
    t.false(isAllowed(bad), bad);
});

test('Vary keeps its fields, and has Origin once', async (t) => {
  const server = await withOptions(t, { origins: [ORIGIN] });
  t.is((await server.inject({ target: '/vary' })).headers.vary, 'Accept, Origin');
  t.is(vary(undefined, 'Origin'), 'Origin');
  t.is(vary('accept, ORIGIN', 'Origin'), 'accept, ORIGIN');
  t.is(vary(['Accept', 'Cookie'], 'Origin'), 'Accept, Cookie, Origin');
  t.is(vary('*', 'Origin'), '*');
});

test('* with credentials is refused at the start, with a solution', async (t) => {
  const error = await t.throwsAsync(withOptions(t, { origins: '*', credentials: true }));
  t.like(error, { code: 'PLUGIN_OPTIONS_INVALID' });
  t.regex(error?.message ?? '', /credentials: with origins .*list the origins/);
});

test('an invalid origin is refused at the start, because it would never match', async (t) => {
  for (const origins of [
    [],
    ['https://a.example/'],
    ['a.example'],
    ['https://a.example:443'],
    ['https://A.example'],
    ['*'],
    [{ pattern: '(' }],
    undefined,
  ]) {
    const error = await t.throwsAsync(withOptions(t, { origins }));
    t.like(error, { code: 'PLUGIN_OPTIONS_INVALID' }, JSON.stringify(origins));
  }
  await t.notThrowsAsync(withOptions(t, { origins: ['null', 'capacitor://localhost', 'http://[::1]:8080'] }));
});

let keys = 0;

/** The status of a POST that creates an entry. */
const posted = async (server: Server, headers: Record<string, string>, target = '/create') =>
  (await server.inject({ method: 'POST', target, headers, body: `key-${++keys}: b` })).status;

test('pages of an allowed origin may change entries, other pages may not', async (t) => {
  const listed = await withOptions(t, { origins: [ORIGIN, { pattern: 'https://[a-z]+\\.b\\.example' }] });
  for (const [origin, status] of [
    [ORIGIN, 200],
    ['https://x.b.example', 200],
    ['https://evil.test', 403],
    ['null', 403],
    ['http://127.0.0.1', 200],
  ] as const)
    t.is(
      await posted(listed, {
        Origin: origin,
        'Sec-Fetch-Site': origin.startsWith('http:') ? 'same-origin' : 'cross-site',
      }),
      status,
      origin,
    );
  t.is(await posted(listed, { 'Sec-Fetch-Site': 'cross-site' }), 403);
  const everybody = await withOptions(t, { origins: '*' });
  t.is(await posted(everybody, { Origin: 'https://evil.test' }), 200);
  t.is(await posted(everybody, { 'Sec-Fetch-Site': 'cross-site' }), 200);
  const opaque = await withOptions(t, { origins: ['null'] });
  t.is(await posted(opaque, { Origin: 'null' }), 200);
});

test('a refused page cannot read the reason, and an allowed page can read the answer', async (t) => {
  const server = await withOptions(t, { origins: [ORIGIN] });
  const ask = (Origin: string) =>
    server.inject({ method: 'POST', target: '/create', headers: { Origin }, body: 'a: b' });
  t.is((await ask(ORIGIN)).headers['access-control-allow-origin'], ORIGIN);
  const refused = await ask('https://evil.test');
  t.is(refused.status, 403);
  t.is(refused.headers['access-control-allow-origin'], undefined);
});

test('without credentials a page cannot use cookies and passwords of the browser', async (t) => {
  const bare = await withOptions(t, { origins: '*' });
  t.is(await posted(bare, { Origin: ORIGIN, Cookie: 'session=1' }), 403);
  t.is(await posted(bare, { Origin: ORIGIN, Authorization: 'Basic YTpi' }), 403);
  const token = await withOptions(t, { origins: '*', headers: ['authorization'] });
  t.is(await posted(token, { Origin: ORIGIN, Authorization: 'Bearer abc' }), 200);
  t.is(await posted(token, { Origin: ORIGIN, Cookie: 'session=1' }), 403);
  const trusted = await withOptions(t, { origins: [ORIGIN], credentials: true });
  t.is(await posted(trusted, { Origin: ORIGIN, Cookie: 'session=1', Authorization: 'Basic YTpi' }), 200);
});

test('pages may use the methods of the option, and no others', async (t) => {
  const server = await withOptions(t, { origins: [ORIGIN], methods: ['PUT'] });
  t.is(await posted(server, { Origin: ORIGIN }), 403);
});

test('under a prefix it allows pages only there, and a reload changes that', async (t) => {
  const config = (prefix: string) => ({
    listen: { port: 0 },
    storage: { adapter: 'memory' },
    plugins: [
      { use: 'cors', prefix, options: { origins: [ORIGIN] } },
      { use: 'create', prefix: '/a' },
      { use: 'create', prefix: '/b', as: 'second' },
      'post',
    ],
  });
  const server = await served(t, config('/a'));
  t.is(await posted(server, { Origin: ORIGIN }, '/a/create'), 200);
  t.is(await posted(server, { Origin: ORIGIN }, '/b/create'), 403);
  await server.reload(config('/b'));
  t.is(await posted(server, { Origin: ORIGIN }, '/a/create'), 403);
  t.is(await posted(server, { Origin: ORIGIN }, '/b/create'), 200);
});

test('a page may read a refusal by the server itself: 413 from Content-Length, 408, 503', async (t) => {
  const hang = plugin('hang', ({ handle }) => {
    handle('GET', '/hang', () => new Promise<string>(() => {}));
    handle('POST', '/text', (asked) => asked.text());
  });
  const { connect } = await serve(t, {
    plugins: [{ use: 'cors', options: { origins: [ORIGIN] } }, 'request-id', hang],
    limits: { maxBodyOctets: 10, handlerTimeoutMs: 50, requestTimeoutMs: 50, headerTimeoutMs: 50 },
  });
  const refusals = [
    [413, request('POST /text', [`Origin: ${ORIGIN}`, 'Content-Length: 11'], 'x'.repeat(11))],
    [408, request('POST /text', [`Origin: ${ORIGIN}`, 'Content-Length: 5'], 'ab')],
    [503, request('GET /hang', [`Origin: ${ORIGIN}`])],
  ] as const;
  for (const [status, sends] of refusals) {
    const client = await connect();
    client.send(sends);
    const answer = await client.response();
    t.is(answer.status, status);
    t.is(field(answer, 'access-control-allow-origin'), ORIGIN);
    t.is(field(answer, 'vary'), 'Origin');
    t.regex(field(answer, 'x-request-id') ?? '', /^[0-9a-f-]{36}$/);
  }
});
