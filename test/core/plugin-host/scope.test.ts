/** `prefix` and `as` of an entry of `plugins`. */
import test, { type ExecutionContext } from 'ava';
import { createServer, definePlugin, type PluginEntry, type ServerConfig } from '../../../core/index.js';

async function served(t: ExecutionContext, plugins: readonly PluginEntry[], more: ServerConfig = {}) {
  const server = createServer({ storage: 'memory', plugins, ...more });
  t.teardown(() => server.close());
  await server.ready();
  return server;
}

const paths = definePlugin({
  name: 'paths',
  setup({ handle }) {
    handle('ROOT', '/', () => 'root');
    handle('NAMED', '/keys/:key', ({ params, path }) => `${params.key} of ${path}`);
    handle('REST', '/files/*', ({ params }) => params['*']);
    handle('ALL', '*', ({ params }) => params['*']);
  },
});

test('a prefix is added to every pattern that a plugin claims', async (t) => {
  const server = await served(t, [{ use: paths, prefix: '/api/v1' }]);
  const text = async (method: string, target: string) => (await server.inject({ method, target })).text;
  t.is(await text('ROOT', '/api/v1'), 'root');
  t.is(await text('NAMED', '/api/v1/keys/a%2Fb'), 'a/b of /api/v1/keys/a%2Fb');
  t.is(await text('REST', '/api/v1/files/a/b'), 'a/b');
  for (const [method, target] of [
    ['ROOT', '/'],
    ['NAMED', '/keys/a'],
    ['REST', '/files/a'],
    ['ALL', '/api/v10'],
    ['ALL', '/'],
  ] as const)
    t.is((await server.inject({ method, target })).status, 404, `${method} ${target}`);
});

test('"*" under a prefix is the prefix and everything below it; its rest is the path below', async (t) => {
  const server = await served(t, [{ use: paths, prefix: '/api' }]);
  const rest = async (target: string) => (await server.inject({ method: 'ALL', target })).text;
  t.is(await rest('/api'), '/');
  t.is(await rest('/api/'), '/');
  t.is(await rest('/api/a/b'), '/a/b');
  t.deepEqual(
    server.plugins[0]?.claims.map(({ method, pattern }) => `${method} ${pattern}`),
    ['ROOT /api', 'NAMED /api/keys/:key', 'REST /api/files/*', 'ALL /api', 'ALL /api/*'],
  );
  t.is(server.plugins[0]?.prefix, '/api');
});

test('hooks of a plugin with a prefix see only requests under it', async (t) => {
  const guard = definePlugin({
    name: 'guard',
    setup({ hook }) {
      hook('request', () => ({ status: 401 }));
      hook('response', (_request, response) => ({ ...response, headers: { 'x-guarded': 'yes' } }));
    },
  });
  const server = await served(t, ['get', { use: paths, prefix: '/api' }, { use: guard, prefix: '/api' }]);
  t.like(await server.inject({ target: '/' }), { status: 200 });
  t.is((await server.inject({ target: '/' })).headers['x-guarded'], undefined);
  t.is((await server.inject({ target: '/apis' })).headers['x-guarded'], undefined);
  for (const target of ['/api', '/api/', '/api/x', '/%61pi/x']) {
    const { status, headers } = await server.inject({ method: 'ALL', target });
    t.deepEqual([status, headers['x-guarded']], [401, 'yes'], target);
  }
});

test('one plugin can be used twice, with different prefixes, names and options', async (t) => {
  const lines: unknown[] = [];
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (fields: unknown) => lines.push(fields),
    child: () => log,
  };
  const failing = definePlugin({
    name: 'failing',
    setup({ handle }) {
      handle('FAIL', '/', () => {
        throw new Error('no way');
      });
    },
  });
  const plugins = [
    { use: failing, prefix: '/one' },
    { use: failing, prefix: '/other', as: 'failing-too' },
  ];
  const server = createServer({ storage: 'memory', plugins }, { log });
  t.teardown(() => server.close());
  t.is((await server.inject({ method: 'FAIL', target: '/other' })).status, 500);
  t.like(lines[0], { plugin: 'failing-too', path: '/other' });
});

test('plugins under two prefixes share one store', async (t) => {
  const server = await served(t, [
    'get',
    'post',
    { use: 'create', prefix: '/a' },
    { use: 'get', as: 'get-b', prefix: '/b' },
  ]);
  const { status } = await server.inject({ method: 'POST', target: '/a/create', body: 'k: v' });
  t.is(status, 200);
  t.regex((await server.inject({ target: '/b' })).text, /k:v/);
  t.is((await server.inject({ target: '/b' })).text, (await server.inject({ target: '/' })).text);
});

test('a repeated claim under a prefix is reported with the whole pattern', async (t) => {
  const plugins = [
    { use: paths, prefix: '/api' },
    { use: paths, prefix: '/api', as: 'again' },
  ];
  await t.throwsAsync(served(t, plugins), {
    code: 'HANDLER_REPEATED',
    message: /^Two plugins claim the same method and path: ROOT \/api by "paths" and "again"\./,
  });
});

test('a prefix has literal segments and no slash at the end', (t) => {
  for (const prefix of ['', '/', 'api', '/api/', '//api', '/a//b', '/:id', '/*', '/a?b', '/a b', '/%zz'])
    t.throws(() => createServer({ plugins: [{ use: 'get', prefix }] }), { code: 'CONFIG_INVALID' }, prefix);
  for (const prefix of ['/api', '/api/v1', '/~me', '/%7Eme', '/a:b'])
    t.notThrows(() => createServer({ plugins: [{ use: 'get', prefix }] }), prefix);
});
