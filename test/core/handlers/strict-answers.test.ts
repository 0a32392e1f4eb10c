/**
 * Mistakes that JavaScript does not notice: each is an error of the plugin with a clear message, never a silent 200 or
 * 204.
 */
import test, { type ExecutionContext } from 'ava';
import {
  createServer,
  definePlugin,
  HttpError,
  type PluginContext,
  type PluginEntry,
} from '../../../core/index.js';
import { createLog } from '../../../core/log.js';
import { recognise } from '../../../core/plugin-host/recognise-plugin.js';

interface Line {
  readonly level: string;
  readonly plugin?: string;
  readonly message: string;
  readonly err?: { readonly message: string; readonly code?: string };
}

/** A server with one plugin, `author`, written in JavaScript: no types were checked. */
async function authored(
  t: ExecutionContext,
  setup: (context: PluginContext) => void,
  plugins: readonly PluginEntry[] = [],
) {
  const lines: Line[] = [];
  const author = definePlugin({ name: 'author', setup });
  const log = createLog((line) => lines.push(JSON.parse(line) as Line));
  const server = createServer({ storage: 'memory', plugins: ['head', author, ...plugins] }, { log });
  t.teardown(() => server.close());
  await server.ready();
  return { server, lines };
}

/** The log's message about a handler that returns this value. */
async function refusal(t: ExecutionContext, value: unknown): Promise<string> {
  const { server, lines } = await authored(t, ({ handle }) => handle('GET', '/', () => value as string));
  const { status, text } = await server.inject();
  t.is(status, 500, text);
  const line = lines.find(({ level }) => level === 'error');
  t.is(line?.plugin, 'author');
  return line?.err?.message ?? '';
}

test('an unknown member of an answer is refused, and the message suggests the right one', async (t) => {
  t.regex(await refusal(t, { boddy: 'x' }), /not "boddy"; did you mean "body"\?/);
  t.regex(await refusal(t, { header: {} }), /did you mean "headers"\?/);
  t.regex(await refusal(t, { stauts: 200 }), /did you mean "status"\?/);
});

test('json that JSON cannot represent is a 500 of the plugin', async (t) => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [Promise.resolve(1), /json is a promise. Await it first/],
    [undefined, /json is undefined/],
    [() => 1, /json is a function/],
    [Symbol('s'), /json is a symbol/],
    [1n, /cannot be written as JSON: .*BigInt/],
    [new Map([[1, 2]]), /json holds a Map/],
    [new Set([1]), /json holds a Set/],
    [new Error('lost'), /json holds a Error/],
    [{ user: { posts: Promise.resolve([]) } }, /json holds a promise at \/user\/posts/],
    [[{}, new Map()], /json holds a Map at \/1/],
    // biome-ignore lint/suspicious/noThenProperty: a promise of another library.
    [{ then: () => {}, sql: 'select' }, /json is a promise/],
  ];
  for (const [json, expected] of cases) t.regex(await refusal(t, { json }), expected);
});

test('empty json, and values with toJSON, are answered', async (t) => {
  class Empty {}
  const values = [
    {},
    [],
    { a: {} },
    new Empty(),
    { at: new Date(0), none: {} },
    '{}',
    { a: undefined, b: {} },
  ];
  for (const json of values) {
    const { server } = await authored(t, ({ handle }) => handle('GET', '/', () => ({ json })));
    const { status, text } = await server.inject();
    t.deepEqual([status, text], [200, JSON.stringify(json)]);
  }
  let deep: unknown = {};
  for (let at = 0; at < 1_000; at++) deep = [deep];
  const { server } = await authored(t, ({ handle }) => handle('GET', '/', () => ({ json: deep })));
  t.is((await server.inject()).status, 200);
});

test('returned errors and other unknown objects are refused', async (t) => {
  t.regex(await refusal(t, new HttpError(404, 'not here')), /returned an error; throw the error instead/);
  t.regex(await refusal(t, new Error('plain')), /throw the error instead. The error: plain/);
  t.regex(await refusal(t, Object.assign(new Error('with status'), { status: 404 })), /throw the error/);
  for (const value of [new Map(), new Date(), /x/]) t.regex(await refusal(t, value), /object of type/);
});

test('one field in two spellings is one field: the last one wins, and a list makes several lines', async (t) => {
  const headers = {
    'cache-control': 'no-store',
    'Content-Type': 'text/html',
    'Cache-Control': 'no-cache',
    'content-type': 'text/css',
    'Set-Cookie': ['a=1', 'b=2'],
  };
  const { server } = await authored(t, ({ handle }) => {
    handle('GET', '/', () => ({ headers, body: 'x' }));
    handle('GET', '/frozen', () => ({ headers: Object.freeze({ 'x-a': '1', 'X-A': '2' }), body: 'x' }));
    handle('GET', '/trailers', () => ({ body: 'x', trailers: { 'x-a': '1', 'X-A': '2' } }));
  });
  const answer = await server.inject();
  t.is(answer.headers['cache-control'], 'no-cache');
  t.is(answer.headers['content-type'], 'text/css');
  t.is(answer.headers['set-cookie'], 'a=1, b=2');
  t.is((await server.inject({ target: '/frozen' })).headers['x-a'], '2');
  t.is((await server.inject({ target: '/trailers' })).headers.trailer, 'X-A');
});

test('a response hook that adds a field in another spelling replaces it', async (t) => {
  const { server } = await authored(t, ({ handle, hook }) => {
    handle('GET', '/', () => ({ headers: { 'Cache-Control': 'no-store' }, body: 'x' }));
    hook('response', (_, response) => ({
      ...response,
      headers: { ...response.headers, 'Cache-Control': 'no-cache' },
    }));
  });
  t.is((await server.inject()).headers['cache-control'], 'no-cache');
});

test('the result of a hook is checked like an answer', async (t) => {
  for (const stage of ['request', 'handler', 'response'] as const) {
    const { server, lines } = await authored(t, ({ handle, hook }) => {
      handle('GET', '/', () => 'x');
      hook(stage, () => ({ boddy: 'y' }) as object);
    });
    t.is((await server.inject()).status, 500, stage);
    t.regex(lines.find(({ level }) => level === 'error')?.err?.message ?? '', /did you mean "body"\?/);
  }
});

test('calls with an unknown member are a 500 of the plugin that made them', async (t) => {
  const calls: Readonly<Record<string, (context: PluginContext) => unknown>> = {
    'commit takes checks, puts and deletes, not "put"; did you mean "puts"?': ({ storage }) =>
      storage.commit({ put: [{ key: 'a', value: '1' }] } as object),
    'did you mean "deletes"?': ({ storage }) => storage.commit({ delete: ['a'] } as object),
    'A put takes key, value and ttlMs, not "ttl"; did you mean "ttlMs"?': ({ storage }) =>
      storage.commit({ puts: [{ key: 'a', value: '1', ttl: 5 } as { key: string; value: string }] }),
    'A check takes key and revision, not "rev"': ({ storage }) =>
      storage.commit({ checks: [{ key: 'a', rev: 0 } as never] }),
    '"puts" is not a list': ({ storage }) => storage.commit({ puts: { key: 'a' } as never }),
    'commit must be an object, not null': ({ storage }) => storage.commit(null as never),
    'list takes prefix, after and limit, not "perfix"; did you mean "prefix"?': ({ storage }) =>
      storage.list({ limit: 1, perfix: 'a' } as never),
    'of type number, not a string': ({ storage }) => storage.get(5 as never),
    'may have 1024': ({ storage }) => storage.get('k'.repeat(1_025)),
    'is empty': ({ storage }) => storage.commit({ deletes: [''] }),
  };
  for (const [expected, call] of Object.entries(calls)) {
    const { server, lines } = await authored(t, (context) =>
      context.handle('GET', '/', async () => {
        await call(context);
        return 'done';
      }),
    );
    const { status, text } = await server.inject();
    t.is(status, 500, expected);
    t.false(text.includes(expected), 'the client is not told what is wrong inside');
    const line = lines.find(({ level }) => level === 'error');
    t.is(line?.plugin, 'author');
    t.true(line?.err?.message.includes(expected), line?.err?.message);
    const page = await server.inject({ target: '/nothing-stored' });
    t.is(page.status, 404, 'other exchanges go on');
  }
});

test('file, precondition and inform refuse unknown members', async (t) => {
  const { file, precondition } = await import('../../../core/index.js');
  const calls: Readonly<Record<string, (request: Parameters<typeof precondition>[0]) => unknown>> = {
    'did you mean "root"?': () => file('a', { rot: '/' } as object),
    'did you mean "etag"?': (request) => precondition(request, { etga: '"1"' } as object),
    'lastModified of the state': (request) => precondition(request, { lastModified: 'today' } as object),
    'did you mean "headers"?': (request) => request.inform({ status: 103, heders: {} } as never),
  };
  for (const [expected, call] of Object.entries(calls)) {
    const { server, lines } = await authored(t, ({ handle }) =>
      handle('GET', '/', async (request) => {
        await call(request);
        return 'done';
      }),
    );
    t.is((await server.inject()).status, 500, expected);
    const message = lines.find(({ level }) => level === 'error')?.err?.message ?? '';
    t.true(message.includes(expected), message);
  }
});

test('keys, values and prefixes from a client that the store refuses are 400', async (t) => {
  const server = createServer({
    storage: 'memory',
    plugins: ['get', 'head', 'post', 'put', 'create', 'update', 'keys'],
  });
  t.teardown(() => server.close());
  const long = 'k'.repeat(1_025);
  for (const [method, target, body] of [
    ['GET', `/keys/${long}`, ''],
    ['PUT', `/keys/${long}`, 'x'],
    ['DELETE', `/keys/${long}`, ''],
    ['GET', `/keys?prefix=${long}`, ''],
    ['GET', `/?prefix=${long}`, ''],
    ['GET', `/?limit=1&prefix=${long}`, ''],
    ['POST', '/create', `${long}: 1`],
    ['PUT', '/update', `${long}: 1`],
  ] as const) {
    const { status, text } = await server.inject({ method, target, body });
    t.is(status, 400, `${method} ${target.slice(0, 20)}`);
    t.regex(text, /has 1025 octets of UTF-8 and may have 1024/);
  }
});

test("with fromClient, a plugin marks a refused key as the client's, but not its own mistakes", async (t) => {
  const { fromClient } = await import('../../../core/index.js');
  const { server } = await authored(t, ({ handle, storage }) => {
    const get = (key: string) => {
      try {
        return String(storage.get(key));
      } catch (error) {
        throw fromClient(error);
      }
    };
    handle('GET', '/:key', ({ params }) => get(params.key));
    handle('GET', '/mine/typed', () => get(5 as never));
  });
  t.is((await server.inject({ target: `/${'k'.repeat(1_025)}` })).status, 400);
  t.is((await server.inject({ target: '/mine/typed' })).status, 500);
});

test('an unknown option of handle, or one of a wrong type, is an error at set-up', async (t) => {
  for (const [options, expected] of [
    [{ maxBodyOctet: 5 }, /not "maxBodyOctet"; did you mean "maxBodyOctets"\?/],
    [{ fallback: 'yes' }, /fallback of GET \/ is neither true nor false/],
    [{ allow: 'GET' }, /allow of .* is not a list/],
    [{ state: {} }, /state of .* is not a function/],
    [{ maxBodyOctets: '5' }, /not a whole number of octets/],
  ] as const)
    await t.throwsAsync(
      authored(t, ({ handle }) => handle('GET', '/', () => 'x', options as object)),
      { code: 'PLUGIN_SETUP_FAILED', message: expected },
    );
});

test('misspelt members of plugins, adapters and server options are refused', async (t) => {
  const started = async (plugin: unknown) => {
    const server = createServer({ storage: 'memory', plugins: [plugin as PluginEntry] });
    t.teardown(() => server.close());
    await server.ready();
  };
  const setup = (): void => {};
  for (const [plugin, meant] of [
    [{ name: 'a', setup, option: {} }, 'options'],
    [{ name: 'a', setup, need: ['get'] }, 'needs'],
    [Object.assign(() => {}, { plugin: { name: 'a', vresion: '1' } }), 'version'],
  ] as const)
    await t.throwsAsync(started(plugin), {
      code: 'PLUGIN_INVALID',
      message: new RegExp(`did you mean "${meant}"\\?`),
    });
  // An object without `setup` counts as an entry of the configuration; a module with one does not.
  t.throws(() => recognise({ name: 'a', setUp: setup }, './a.js', ''), { message: /did you mean "setup"\?/ });
  await t.notThrowsAsync(started({ name: 'a', setup, helpers: {}, names: [] }));
  const adapter = { name: 'a', create: () => ({}), verfiy: () => ({}) };
  const server = createServer({ storage: { adapter: adapter as never } });
  await t.throwsAsync(server.ready(), { code: 'ADAPTER_INVALID', message: /did you mean "verify"\?/ });
  t.throws(() => createServer({}, { logs: undefined } as object), { message: /did you mean "log"\?/ });
});

test('the start warns of methods and patterns that probably never match', async (t) => {
  const { lines } = await authored(t, ({ handle }) => {
    handle('get', '/lower', () => 'x');
    for (const pattern of ['/a/{id}', '/a/[id]', '/a/<id>', '/a/(x)', '/files/*.js', '/a-:b', '/**'])
      handle('GET', pattern, () => 'x');
    handle('frobnicate', '/fine/:id/*', () => 'x');
    handle('GET', '/fine/:id/*', () => 'x');
  });
  const warnings = lines.filter(({ level }) => level === 'warn');
  t.true(warnings.every(({ plugin }) => plugin === 'author'));
  t.deepEqual(
    warnings.map(({ message }) => /Write "GET"|the segment "[^"]*"/.exec(message)?.[0]),
    [
      'Write "GET"',
      ...['{id}', '[id]', '<id>', '(x)', '*.js', 'a-:b', '**'].map((segment) => `the segment "${segment}"`),
    ],
  );
  for (const pattern of ['/a/:b?', '/a/:id(\\d+)', '/a/:b+', '/*/a'])
    await t.throwsAsync(
      authored(t, ({ handle }) => handle('GET', pattern, () => 'x')),
      {
        code: 'PLUGIN_SETUP_FAILED',
      },
    );
});

test('the start warns of GET if HEAD would be 405, and of nothing else', async (t) => {
  const lines: Line[] = [];
  const mixed = definePlugin({
    name: 'mixed',
    setup({ handle }) {
      handle('GET', '/bare/:id', () => 'x');
      handle('GET', '/both', () => 'x');
      handle('HEAD', '/both', () => ({ status: 200 }));
      handle('GET', '/any', () => 'x');
      handle('*', '/any', () => 'x');
    },
  });
  const log = createLog((line) => lines.push(JSON.parse(line) as Line));
  const server = createServer({ storage: 'memory', plugins: [mixed] }, { log });
  t.teardown(() => server.close());
  await server.ready();
  for (const [target, status] of [
    ['/bare/x', 405],
    ['/both', 200],
    ['/any', 200],
  ] as const)
    t.is((await server.inject({ method: 'HEAD', target })).status, status, target);
  t.like(lines, [{ level: 'warn', plugin: 'mixed', paths: '/bare/:id' }]);
  t.is(lines.length, 1);
});
