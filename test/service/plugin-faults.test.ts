/** Every fault of a plugin, at every place: the log names the plugin, and no other exchange is affected. */

import net from 'node:net';
import { Readable } from 'node:stream';
import test from 'ava';
import {
  createLog,
  createServer,
  definePlugin,
  Handle,
  Hook,
  type Hooks,
  inject,
  type Plugin,
  type PluginClass,
  type PluginContext,
  type Request,
  TOKENS,
} from '../../core/index.js';
import { keeping } from '../support/start-warnings.js';

const STAGES = [
  'request',
  'handler',
  'response',
  'error',
  'close',
] as const satisfies readonly (keyof Hooks)[];

/** The faults of a handler or a hook. */
const FAULTS = {
  throws: (): never => {
    throw new Error('no way');
  },
  rejects: async () => {
    throw new Error('no way');
  },
  'throws null': () => {
    throw null;
  },
  'rejects with nothing': () => Promise.reject(),
  'returns an invalid answer': () => 42,
  'promises an invalid answer': async () => ({ status: 'fine' }),
  'returns a thenable that throws': () => ({
    // biome-ignore lint/suspicious/noThenProperty: this is the fault.
    then() {
      throw new Error('no way');
    },
  }),
  'returns a getter that throws': () => ({
    get status() {
      throw new Error('no way');
    },
  }),
  'rejects twice': () => ({
    // biome-ignore lint/suspicious/noThenProperty: this is the fault.
    then(_resolve: unknown, reject: (error: Error) => void) {
      reject(new Error('once'));
      reject(new Error('twice'));
    },
  }),
  'throws an error with a broken message': () => {
    throw Object.defineProperty(new Error('x'), 'message', {
      get() {
        throw new Error('no way');
      },
    });
  },
  'rejects with a revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return Promise.reject(proxy);
  },
  hangs: () => new Promise(() => {}),
} as const satisfies Readonly<Record<string, () => unknown>>;

type Fault = keyof typeof FAULTS;

/** A healthy plugin: answers `/well`, and every path that is not found. */
const good = definePlugin({
  name: 'good',
  setup({ handle }) {
    handle('GET', '/well', () => 'well');
    handle('GET', '/found', () => 'found');
  },
});

function setUp(
  setup: (context: PluginContext<Record<string, never>>) => void,
  t: { teardown(fn: () => void): void },
) {
  const lines: Record<string, unknown>[] = [];
  const culprit = definePlugin({ name: 'culprit', setup });
  const server = createServer(
    { storage: 'memory', plugins: [good, culprit], limits: { handlerTimeoutMs: 40 } },
    { log: createLog(keeping(lines)) },
  );
  t.teardown(() => server.close());
  const get = async (target: string) => {
    const { status, text } = await server.inject({ target });
    return `${status} ${text}`;
  };
  return { get, lines };
}

const blamed = (lines: readonly Record<string, unknown>[]): unknown[] =>
  lines.filter(({ level }) => level === 'error').map(({ plugin }) => plugin);

test('a promise whose own then returns nothing is still awaited', async (t) => {
  // biome-ignore lint/suspicious/noThenProperty: this is the fault.
  const withThen = (promise: Promise<string>) => Object.assign(promise, { then() {} });
  const { get, lines } = setUp(({ handle }) => {
    handle('GET', '/good', () => withThen(Promise.resolve('good')) as never);
    handle('GET', '/ill', () => withThen(Promise.reject(new Error('no way'))) as never);
  }, t);
  t.is(await get('/good'), '200 good');
  t.regex(await get('/ill'), /^500 /);
  t.deepEqual(blamed(lines), ['culprit']);
});

for (const [name, fault] of Object.entries(FAULTS)) {
  test(`a handler that ${name}: only its request is answered 500 or 503, and the log names the plugin`, async (t) => {
    const { get, lines } = setUp(({ handle }) => handle('GET', '/ill', fault as () => never), t);
    const ill = get('/ill');
    t.is(await get('/well'), '200 well');
    t.regex(await ill, name === 'hangs' ? /^503 / : /^500 /);
    t.is(await get('/well'), '200 well');
    t.deepEqual(blamed(lines), ['culprit']);
  });
}

for (const stage of STAGES) {
  for (const [name, fault] of Object.entries(FAULTS) as [Fault, () => unknown][]) {
    test(`a ${stage} hook that ${name}: at most one exchange fails, and the log names the plugin`, async (t) => {
      const ill = stage === 'error' ? '/nowhere' : '/found';
      const { get, lines } = setUp(({ hook }) => {
        const work = ({ path }: { path: string }): unknown => (path === ill ? fault() : undefined);
        hook(stage, work as never);
      }, t);
      const spoilt = get(ill);
      t.is(await get('/well'), '200 well');
      const answer = await spoilt;
      if (stage === 'close') t.is(answer, '200 found');
      // If an error hook fails, the error keeps its own answer.
      else if (stage === 'error' && name !== 'hangs') t.regex(answer, /^404 /);
      else t.regex(answer, name === 'hangs' ? /^503 / : /^500 /);
      t.is(await get('/well'), '200 well');
      // The result of a close hook is ignored and not awaited.
      const ignored =
        stage === 'close' && (name.includes('invalid answer') || name.includes('getter') || name === 'hangs');
      await new Promise(setImmediate);
      t.deepEqual(blamed(lines), ignored ? [] : ['culprit']);
    });
  }
}

// The same faults in every form of a plugin

/** The place of a fault in a plugin: its handler of `/ill/:fault`, its hook of a stage, or its set-up. */
interface Faulty {
  readonly handler?: (request: Request) => unknown;
  readonly hook?: readonly [keyof Hooks, (request: Request) => unknown];
  readonly setup?: () => unknown;
  /** The functions that are passed to `onClose`. */
  readonly closers?: readonly (() => unknown)[];
}

type Context = PluginContext<Record<string, never>>;

const setUpWith =
  ({ handler, hook, setup, closers = [] }: Faulty) =>
  (context: Context): undefined => {
    for (const closer of closers) context.onClose(closer as () => void);
    if (handler !== undefined) context.handle('GET', '/ill/:fault', handler as never);
    if (hook !== undefined) context.hook(hook[0], hook[1] as never);
    // The cast: these tests return values that a set-up must not return.
    return setup?.() as undefined;
  };

const FORMS: Readonly<Record<string, (faulty: Faulty) => Plugin | PluginClass>> = {
  function: (faulty) => {
    const culprit = (context: Context) => setUpWith(faulty)(context);
    return culprit as unknown as Plugin;
  },
  'class with a set-up': (faulty) => {
    class Culprit {
      readonly #context: Context;
      constructor(@inject(TOKENS.context) context: Context) {
        this.#context = context;
      }
      setup(): unknown {
        return setUpWith(faulty)(this.#context);
      }
    }
    return Culprit as unknown as PluginClass;
  },
  'class with marked methods, whose constructor sets up': ({ handler, hook, ...rest }) => {
    class Culprit {
      constructor(@inject(TOKENS.context) context: Context) {
        setUpWith(rest)(context);
      }
      ill(request: Request): unknown {
        return handler?.(request);
      }
      work(request: Request): unknown {
        return hook?.[1](request);
      }
    }
    Handle('GET', '/ill/:fault')(Culprit.prototype, 'ill' as never);
    if (hook !== undefined) Hook(hook[0])(Culprit.prototype, 'work' as never);
    return Culprit as unknown as PluginClass;
  },
};

const faultOf = ({ path }: Request): unknown => FAULTS[decodeURIComponent(path.slice(5)) as Fault]?.();

function serverWith(faulty: Plugin | PluginClass, t: { teardown(fn: () => void): void }) {
  const lines: Record<string, unknown>[] = [];
  const server = createServer(
    { storage: 'memory', plugins: [good, faulty], limits: { handlerTimeoutMs: 40, setupTimeoutMs: 60 } },
    { log: createLog(keeping(lines)) },
  );
  t.teardown(() => server.close().catch(() => {}));
  const get = async (target: string) => {
    const { status, text } = await server.inject({ target });
    return `${status} ${text}`;
  };
  return { server, get, lines };
}

for (const [form, make] of Object.entries(FORMS)) {
  test(`a ${form}: each fault of its handler affects only its exchange, and the log names the plugin`, async (t) => {
    const { get, lines } = serverWith(make({ handler: faultOf }), t);
    for (const name of Object.keys(FAULTS)) {
      const before = lines.length;
      const ill = get(`/ill/${encodeURIComponent(name)}`);
      t.is(await get('/well'), '200 well');
      t.regex(await ill, name === 'hangs' ? /^503 / : /^500 /, name);
      t.deepEqual(blamed(lines.slice(before)), ['culprit'], name);
    }
  });

  for (const stage of STAGES) {
    test(`a ${form}: each fault of its ${stage} hook fails at most one exchange, and the log names the plugin`, async (t) => {
      // For the error hook every request to `/ill` is an error, because no plugin handles it there.
      const handler = stage === 'error' ? () => Promise.reject(new Error('first')) : () => 'found';
      const { get, lines } = serverWith(
        make({
          handler,
          hook: [stage, (request) => (request.path === '/well' ? undefined : faultOf(request))],
        }),
        t,
      );
      for (const name of Object.keys(FAULTS)) {
        const before = lines.length;
        const ill = get(`/ill/${encodeURIComponent(name)}`);
        t.is(await get('/well'), '200 well');
        if (stage === 'close') t.is(await ill, '200 found');
        else t.regex(await ill, name === 'hangs' ? /^503 / : /^500 /, name);
        await new Promise(setImmediate);
        const told = new Set(blamed(lines.slice(before)));
        const ignored =
          stage === 'close' &&
          (name.includes('invalid answer') || name.includes('getter') || name === 'hangs');
        t.deepEqual([...told], ignored ? [] : ['culprit'], name);
      }
    });
  }

  test(`a ${form}: each fault of its set-up is reported with its name, and everything that it opened is closed`, async (t) => {
    for (const name of [
      'throws',
      'rejects',
      'throws null',
      'throws an error with a broken message',
      'hangs',
    ] as const) {
      const inConstructor = form.includes('constructor');
      // A constructor cannot wait.
      if (inConstructor && (name === 'rejects' || name === 'hangs')) continue;
      const closed: string[] = [];
      const { server } = serverWith(
        make({ setup: FAULTS[name], closers: [() => closed.push('first'), () => closed.push('last')] }),
        t,
      );
      await t.throwsAsync(server.ready(), {
        code: name === 'hangs' ? 'PLUGIN_SETUP_TIMEOUT' : 'PLUGIN_SETUP_FAILED',
        message: /"culprit"/,
      });
      t.deepEqual(closed, ['last', 'first'], name);
    }
  });

  test(`a ${form}: each fault of an onClose function is logged with its name, and the others still run`, async (t) => {
    const closed: string[] = [];
    const names = Object.keys(FAULTS) as Fault[];
    const closers = names.flatMap((name) => [() => closed.push(name), FAULTS[name]]);
    const { server, lines } = serverWith(make({ closers }), t);
    await server.ready();
    await server.close();
    t.deepEqual(closed, names.toReversed());
    // The returned value is ignored; a promise is awaited.
    const returning = names.filter((name) => name.includes('invalid answer') || name.includes('getter'));
    t.is(blamed(lines).length, names.length - returning.length);
    t.deepEqual([...new Set(blamed(lines))], ['culprit']);
  });

  test(`a ${form}: if it fails in a reload, the old configuration stays, and everything that it opened is closed`, async (t) => {
    for (const name of ['throws', 'rejects', 'hangs'] as const) {
      if (form.includes('constructor') && name !== 'throws') continue;
      const closed: string[] = [];
      const old = createServer({ storage: 'memory', plugins: [good], limits: { setupTimeoutMs: 60 } });
      t.teardown(() => old.close());
      await old.ready();
      const culprit = make({ setup: FAULTS[name], closers: [() => closed.push('closed')] });
      const config = { storage: 'memory', plugins: [good, culprit], limits: { setupTimeoutMs: 60 } };
      await t.throwsAsync(old.reload(config), { message: /"culprit"/ });
      t.deepEqual(closed, ['closed']);
      t.is((await old.inject({ target: '/well' })).text, 'well');
    }
  });
}

// Faults must leave nothing open

for (const [how, hook] of Object.entries<() => unknown>({
  throws: FAULTS.throws,
  rejects: FAULTS.rejects,
  hangs: FAULTS.hangs,
  'returns an invalid answer': () => 42,
  'returns another body': () => 'another',
  'returns no body': () => ({ status: 204 }),
})) {
  test(`a response hook that ${how}: the stream that it got is closed`, async (t) => {
    const body = new Readable({ read() {} });
    const gone = new Promise((resolve) => body.on('close', resolve));
    const { get } = setUp(({ handle, hook: on }) => {
      handle('GET', '/stream', () => body);
      on('response', (({ path }: Request) => (path === '/stream' ? hook() : undefined)) as never);
    }, t);
    await get('/stream');
    await gone;
    t.is(await get('/well'), '200 well');
  });
}

test('a response hook may replace a stream by another one that reads from it', async (t) => {
  const { get } = setUp(({ handle, hook }) => {
    handle('GET', '/stream', () => Readable.from(['a', 'b']));
    hook('response', ({ path }, { body }) =>
      path === '/stream'
        ? (async function* () {
            for await (const part of body as Readable) yield `${part}!`;
          })()
        : undefined,
    );
  }, t);
  t.is(await get('/stream'), '200 a!b!');
});

test('a client that leaves while a response hook works on its stream is not logged as a fault', async (t) => {
  const lines: Record<string, unknown>[] = [];
  const body = new Readable({ read() {} });
  const begun = new Promise<AbortSignal>((resolve) => {
    const culprit = definePlugin({
      name: 'culprit',
      setup({ handle, hook }) {
        handle('GET', '/stream', () => body);
        hook('response', async ({ signal }, parts) => {
          resolve(signal);
          for await (const _ of parts.body as Readable);
        });
      },
    });
    const server = createServer(
      { storage: 'memory', plugins: [culprit], listen: { port: 0 } },
      { log: createLog(keeping(lines)) },
    );
    t.teardown(() => server.close());
    void server.listen().then(({ port }) => {
      const client = net.connect(port, '127.0.0.1');
      client.write('GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n');
      void begun.then(() => client.resetAndDestroy());
    });
  });
  const signal = await begun;
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  await new Promise((resolve) => (body.closed ? resolve(undefined) : body.on('close', resolve)));
  await new Promise(setImmediate);
  t.deepEqual(blamed(lines), []);
});

for (const [what, answer] of Object.entries({
  'an invalid status': (body: unknown) => ({ status: 1000, body }),
  'an invalid field': (body: unknown) => ({ headers: { 'a b': 'c' }, body }),
  'an unknown part': (body: unknown) => ({ statusCode: 200, body }),
})) {
  test(`an answer with ${what} is 500, and its stream is closed, also one that cannot be opened`, async (t) => {
    const body = new Readable({ read() {} });
    const gone = new Promise((resolve) => body.on('close', resolve));
    const { get, lines } = setUp(({ handle }) => {
      handle('GET', '/body', () => answer(body) as never);
      handle(
        'GET',
        '/broken',
        () =>
          answer(
            new Readable({ construct: (done) => setImmediate(done, new Error('cannot open')) }),
          ) as never,
      );
    }, t);
    t.regex(await get('/body'), /^500 /);
    t.regex(await get('/broken'), /^500 /);
    await gone;
    t.is(await get('/well'), '200 well');
    t.deepEqual(blamed(lines), ['culprit', 'culprit']);
  });
}

for (const [what, validate] of Object.entries<() => unknown>({
  ...FAULTS,
  'returns nothing': () => undefined,
  'returns issues that are not a list': () => ({ issues: 'wrong' }),
})) {
  if (what.includes('promises') || what.includes('getter')) continue;
  test(`a schema of options that ${what} is a fault of the plugin, and the error names it`, async (t) => {
    const options = { '~standard': { version: 1 as const, vendor: 'test', validate: validate as never } };
    const culprit: Plugin = { name: 'culprit', options, setup() {} };
    const { server } = serverWith(culprit, t);
    await t.throwsAsync(server.ready(), {
      code: what === 'hangs' ? 'PLUGIN_SETUP_TIMEOUT' : 'PLUGIN_INVALID',
      message: /"culprit"/,
    });
  });
}

// Set-up and close

const STARTS: Readonly<Record<string, (context: PluginContext<Record<string, never>>) => unknown>> = {
  throws: FAULTS.throws,
  rejects: FAULTS.rejects,
  'throws null': FAULTS['throws null'],
  hangs: FAULTS.hangs,
};

for (const [name, fault] of Object.entries(STARTS)) {
  test(`a set-up that ${name}: it is named, the plugins before it are closed in reverse, nothing listens, its signal is aborted`, async (t) => {
    const closed: string[] = [];
    const up = (plugin: string) =>
      definePlugin({ name: plugin, setup: ({ onClose }) => onClose(() => void closed.push(plugin)) });
    let signal: AbortSignal | undefined;
    const culprit = definePlugin({
      name: 'culprit',
      setup(context) {
        signal = context.signal;
        context.onClose(() => void closed.push('culprit'));
        return fault(context) as undefined;
      },
    });
    const server = createServer({
      listen: { port: 0 },
      storage: 'memory',
      plugins: [up('one'), up('two'), culprit, up('never')],
      limits: { setupTimeoutMs: 60 },
    });
    await t.throwsAsync(server.listen(), {
      code: name === 'hangs' ? 'PLUGIN_SETUP_TIMEOUT' : 'PLUGIN_SETUP_FAILED',
      message: /"culprit"/,
    });
    t.deepEqual(closed, ['culprit', 'two', 'one']);
    t.deepEqual(server.addresses, []);
    t.true(signal?.aborted);
  });

  test(`an onClose function that ${name}: its plugin is named, and the others still run`, async (t) => {
    const closed: string[] = [];
    const lines: Record<string, unknown>[] = [];
    const culprit = definePlugin({
      name: 'culprit',
      setup(context) {
        context.onClose(() => void closed.push('first'));
        context.onClose(() => fault(context) as undefined);
        context.onClose(() => void closed.push('last'));
      },
    });
    const other = definePlugin({
      name: 'other',
      setup: ({ onClose }) => onClose(() => void closed.push('other')),
    });
    const server = createServer(
      { storage: 'memory', plugins: [other, culprit], limits: { setupTimeoutMs: 40 } },
      { log: createLog(keeping(lines)) },
    );
    await server.ready();
    await server.close();
    t.deepEqual(closed, ['last', 'first', 'other']);
    t.deepEqual(blamed(lines), ['culprit']);
  });
}
