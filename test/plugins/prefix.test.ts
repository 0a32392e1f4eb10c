/** Every built-in plugin under a `prefix` of its entry, and twice under two names. */
import { readdir, readFile } from 'node:fs/promises';
import { createServer as createUpstream } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { PluginEntry } from '../../core/config/server-config.js';
import type { InjectRequest } from '../../core/inject.js';
import { definePlugin } from '../../core/plugin-api.js';
import { hashToken } from '../../plugins/auth.js';
import { tempFolder } from '../core/temp-folder.js';
import { type Server, served } from './served.js';

/** The prefix of a plugin, or `''`. */
interface Place {
  readonly server: Server;
  readonly base: string;
  readonly folder: string;
  /** Sends a request below the base; `''` is the base itself. */
  ask(below: string, request?: Omit<InjectRequest, 'target'>): ReturnType<Server['inject']>;
}

interface Row {
  /** @param folder Contains `app.mjs`, `socket.mjs` and `site/`. */
  readonly options?: (folder: string, upstream: string, name: string) => unknown;
  /** Other plugins that the check needs, under the same prefix. */
  readonly with?: readonly PluginEntry[];
  readonly check: (t: ExecutionContext, place: Place) => Promise<void>;
}

const TEXT = 'text '.repeat(1_000);
const content = definePlugin({
  name: 'content',
  setup({ handle }) {
    handle('GET', '/text', () => TEXT);
  },
});

const ROWS: Readonly<Record<string, Row>> = {
  'access-log': {
    options: (folder, _, name) => ({
      destination: { file: path.join(folder, `${name}.log`) },
      skip: ['/skipped', '/skipped-too/*'],
    }),
    async check(t, { ask, server, base, folder }) {
      for (const below of ['/skipped', '/skipped-too/a', '/seen']) await ask(below);
      await server.close();
      const logs = (await readdir(folder)).filter((name) => name.endsWith('.log'));
      const lines = await Promise.all(logs.map((name) => readFile(path.join(folder, name), 'utf8')));
      const seen = lines
        .join('')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { target: string }).target);
      t.deepEqual(seen, [`${base}/seen`]);
    },
  },
  auth: {
    options: () => ({
      identities: [{ name: 'ann', tokens: [hashToken('t')], roles: ['reader'] }],
      rules: [
        { path: '/open', allow: 'anyone' },
        { path: '/admin/*', allow: ['admin'] },
      ],
    }),
    with: [content],
    async check(t, { ask }) {
      const headers = { Authorization: 'Bearer t' };
      t.is((await ask('/open')).status, 404);
      t.is((await ask('/other')).status, 401);
      t.is((await ask('/other', { headers })).status, 404);
      t.is((await ask('/admin/x', { headers })).status, 403);
    },
  },
  compress: {
    with: [content],
    async check(t, { ask }) {
      const { headers } = await ask('/text', { headers: { 'Accept-Encoding': 'gzip' } });
      t.is(headers['content-encoding'], 'gzip');
    },
  },
  cors: {
    options: () => ({ origins: ['https://a.example'] }),
    with: [content],
    async check(t, { ask }) {
      const { headers } = await ask('/text', { headers: { Origin: 'https://a.example' } });
      t.is(headers['access-control-allow-origin'], 'https://a.example');
    },
  },
  create: {
    with: ['post'],
    async check(t, { ask }) {
      const { status, text } = await ask('/create', { method: 'POST', body: 'a: 1' });
      t.is(status, 200, text);
    },
  },
  end: {
    async check(t, { ask }) {
      t.is((await ask('', { method: 'END' })).status, 204);
    },
  },
  fetch: {
    options: (folder) => ({
      mounts: [
        { module: path.join(folder, 'app.mjs') },
        { module: path.join(folder, 'app.mjs'), prefix: '/kept' },
        { module: path.join(folder, 'app.mjs'), prefix: '/cut', stripPrefix: true },
      ],
    }),
    async check(t, { ask }) {
      t.is((await ask('')).text, '/');
      t.is((await ask('/')).text, '/');
      t.is((await ask('/a%20b/c?d=1')).text, '/a%20b/c?d=1');
      t.is((await ask('/kept/a')).text, '/kept/a');
      t.is((await ask('/cut/a?b')).text, '/a?b');
      t.is((await ask('/cut')).text, '/');
    },
  },
  get: {
    with: ['post', 'create'],
    async check(t, { ask, base }) {
      await ask('/create', { method: 'POST', body: 'a: 1&b: 2' });
      t.is((await ask('', { headers: { Accept: 'application/json' } })).text, '{"a":"1","b":"2"}');
      const { headers } = await ask('?limit=1');
      t.is(headers.link, `<${base === '' ? '/' : base}?after=1&limit=1>; rel="next"`);
    },
  },
  head: {
    with: [content],
    async check(t, { ask }) {
      const { status, headers, text } = await ask('/text', { method: 'HEAD' });
      t.deepEqual([status, headers['content-length'], text], [200, String(TEXT.length), '']);
    },
  },
  health: {
    async check(t, { ask }) {
      t.is((await ask('/health/live')).status, 200);
      t.is((await ask('/health/ready', { method: 'HEAD' })).status, 200);
    },
  },
  keys: {
    async check(t, { ask, base }) {
      const { status, headers } = await ask('/keys/a%20b', { method: 'PUT', body: '1' });
      t.deepEqual([status, headers.location], [201, `${base}/keys/a%20b`]);
      await ask('/keys/c', { method: 'PUT', body: '2' });
      t.is((await ask('/keys/a%20b')).text, '1');
      t.is((await ask('/keys?limit=1')).headers.link, `<${base}/keys?after=1&limit=1>; rel="next"`);
    },
  },
  metrics: {
    async check(t, { ask }) {
      await ask('/none');
      t.regex(
        (await ask('/metrics')).text,
        /jackfield_requests_total\{method="GET",route="none",status="404"\} 1/,
      );
    },
  },
  options: {
    with: [content],
    async check(t, { ask }) {
      t.is((await ask('/text', { method: 'OPTIONS' })).headers.allow, 'GET, OPTIONS');
    },
  },
  post: {
    async check(t, { ask, base }) {
      t.is(
        (await ask('/x', { method: 'POST' })).text,
        `Select the appropriate path(Create mode => ${base}/create)`,
      );
      t.is((await ask('/create', { method: 'POST' })).text, 'Create mode is not configured');
    },
  },
  proxy: {
    options: (_, upstream) => ({
      mounts: [
        { target: upstream },
        { target: upstream, prefix: '/kept' },
        { target: `${upstream}/deep`, prefix: '/cut', stripPrefix: true },
      ],
    }),
    async check(t, { ask, base }) {
      const seen = async (below: string): Promise<unknown[]> => {
        const { text, headers } = await ask(below);
        const { url, prefix = '' } = JSON.parse(text) as { url: string; prefix?: string };
        return [url, prefix, headers.location];
      };
      t.deepEqual(await seen(''), ['/', base, `${base}/moved`]);
      t.deepEqual(await seen('/a%20b/c?d=1'), ['/a%20b/c?d=1', base, `${base}/moved`]);
      t.deepEqual(await seen('/kept/a'), ['/kept/a', base, `${base}/moved`]);
      t.deepEqual(await seen('/cut/a?b'), ['/deep/a?b', `${base}/cut`, '/moved']);
      t.deepEqual(await seen('/cut'), ['/deep/', `${base}/cut`, '/moved']);
    },
  },
  put: {
    async check(t, { ask }) {
      const { status, text } = await ask('/x', { method: 'PUT' });
      t.is(status, 404, text);
    },
  },
  'rate-limit': {
    options: () => ({
      rules: [
        { name: 'one', path: '/limited', limit: 1, windowSeconds: 86_400 },
        { name: 'many', limit: 100, windowSeconds: 86_400 },
      ],
    }),
    with: [content],
    async check(t, { ask }) {
      t.is((await ask('/limited')).status, 404);
      t.is((await ask('/limited')).status, 429);
      t.is((await ask('/other')).status, 404);
    },
  },
  'request-id': {
    async check(t, { ask }) {
      t.truthy((await ask('/x')).headers['x-request-id']);
    },
  },
  'static-files': {
    options: (folder) => ({
      mounts: [
        { root: path.join(folder, 'site'), listing: true },
        { root: path.join(folder, 'site/sub'), prefix: '/other' },
      ],
    }),
    async check(t, { ask, base }) {
      t.is((await ask('/a.txt')).text, 'a');
      t.is((await ask('/sub/b%20c.txt')).text, 'b c');
      t.is((await ask('/other/b%20c.txt')).text, 'b c');
      t.is((await ask('/sub')).headers.location, `${base}/sub/`);
      t.regex((await ask('/')).text, /<a href="a\.txt">/);
      if (base === '') return;
      // Relative links of the listing need the slash.
      const { status, headers } = await ask('?x=1');
      t.deepEqual([status, headers.location], [308, `${base}/?x=1`]);
    },
  },
  update: {
    with: ['put'],
    async check(t, { ask }) {
      const { status, text } = await ask('/update', { method: 'PUT', body: 'a: 1' });
      t.is(status, 200, text);
    },
  },
  watch: {
    async check(t, { ask }) {
      const { status, text } = await ask('/watch?after=99');
      t.deepEqual([status, text.includes('The query parameter after is "99"')], [410, true], text);
    },
  },
  websocket: {
    options: (folder) => ({ mounts: [{ path: '/socket', module: path.join(folder, 'socket.mjs') }] }),
    async check(t, { ask }) {
      t.is((await ask('/socket')).status, 426);
    },
  },
};

/** A wire dialect has no paths, so it takes no prefix. */
const WITHOUT_PATHS = ['classic'];

test('every built-in plugin is in this table', async (t) => {
  const files = await readdir(new URL('../../plugins/', import.meta.url));
  const names = files.filter((file) => file.endsWith('.js')).map((file) => file.slice(0, -3));
  t.deepEqual([...Object.keys(ROWS), ...WITHOUT_PATHS].sort(), names.sort());
});

async function placeOf(
  t: ExecutionContext,
  name: string,
  bases: readonly string[],
  base: string,
): Promise<Place> {
  const { options, with: others = [] } = ROWS[name]!;
  const folder = await tempFolder(t, {
    'app.mjs':
      'export default ({ url }) => { const { pathname, search } = new URL(url); return new Response(pathname + search); };',
    'socket.mjs': 'export default () => {};',
    'site/a.txt': 'a',
    'site/sub/b c.txt': 'b c',
  });
  const upstream = name === 'proxy' ? await echo(t) : '';
  const plugins = bases.flatMap((prefix, at) => {
    const where = prefix === '' ? {} : { prefix };
    return [
      ...others.map((use) => ({ use: use as string, as: `other-${nameOf(use)}-${at}`, ...where })),
      {
        use: name,
        ...(at === 0 ? {} : { as: `${name}-${at}` }),
        ...where,
        ...(options === undefined ? {} : { options: options(folder, upstream, `${name}-${at}`) }),
      },
    ];
  });
  const server = await served(t, { plugins });
  return {
    server,
    base,
    folder,
    ask: (below, request) =>
      server.inject({
        ...request,
        target: base + below === '' ? '/' : base + below.replace(/^(?=\?)/, base === '' ? '/' : ''),
      }),
  };
}

function nameOf(use: PluginEntry): string {
  return typeof use === 'string' ? use : 'content';
}

/** Returns the request, and redirects within itself. */
async function echo(t: ExecutionContext): Promise<string> {
  const upstream = createUpstream(({ url, headers }, response) => {
    response.setHeader('Location', '/moved');
    response.end(JSON.stringify({ url, prefix: headers['x-forwarded-prefix'] }));
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  t.teardown(() => upstream.close());
  return `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
}

for (const [name, { check }] of Object.entries(ROWS)) {
  for (const [title, bases, base] of [
    ['without a prefix', [''], ''],
    ['under a prefix', ['/some/where'], '/some/where'],
    ['under a prefix with an escape', ['/a%20b'], '/a%20b'],
    ['twice under two prefixes, the first', ['/one', '/other-one'], '/one'],
    ['twice under two prefixes, the second', ['/one', '/other-one'], '/other-one'],
    ['twice, without a prefix and with one', ['', '/other-one'], '/other-one'],
  ] as const) {
    // A hook without a prefix sees every request, so it also counts and guards those under the other prefix.
    if (bases[0] === '' && bases.length > 1 && ['access-log', 'auth', 'rate-limit'].includes(name)) continue;
    // One after the other: a hundred servers at once would starve each other.
    test.serial(`${name} works ${title}`, async (t) => {
      await check(t, await placeOf(t, name, bases, base));
    });
  }
}

test('a rule whose path repeats the prefix is refused, because it would never match', async (t) => {
  for (const [use, options] of [
    [
      'auth',
      { identities: [{ name: 'a', tokens: [hashToken('t')] }], rules: [{ path: '/api/x', allow: 'anyone' }] },
    ],
    ['rate-limit', { rules: [{ name: 'x', path: '/api/x', limit: 1 }] }],
    ['access-log', { skip: ['/api/x'] }],
  ] as const)
    await t.throwsAsync(served(t, { plugins: [{ use, options, prefix: '/api' }] }), {
      code: 'PLUGIN_SETUP_FAILED',
      message: /"\/api\/x" repeats the prefix .* write "\/x"/,
    });
});

test('a wire dialect takes no prefix', async (t) => {
  await t.throwsAsync(served(t, { plugins: [{ use: 'classic', prefix: '/a' }] }), {
    code: 'PLUGIN_SETUP_FAILED',
  });
});
