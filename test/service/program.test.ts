/** Servers in a program: their life and their plugins; two servers share nothing. */

import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import 'reflect-metadata';
import { injectable, singleton } from 'tsyringe';
import type { StandardSchema } from '../../core/config/standard-schema.js';
import {
  createLog,
  createServer,
  defineAdapter,
  definePlugin,
  type Hooks,
  inject,
  type Log,
  type PluginContext,
  type PluginEntry,
  type Request,
  type ServerConfig,
  type ServerOptions,
  type Storage,
  TOKENS,
} from '../../core/index.js';
import memory from '../../storage-adapters/memory.js';
import { isStartWarning } from '../support/start-warnings.js';

const IN_MEMORY = { listen: { port: 0 }, storage: 'memory' } as const;

/** A server that is closed at the end of the test. */
function serverOf(
  t: ExecutionContext,
  plugins: readonly PluginEntry[],
  more: ServerConfig = {},
  options?: ServerOptions,
) {
  const server = createServer({ ...IN_MEMORY, plugins, ...more }, options);
  t.teardown(() => server.close().catch(() => {}));
  return server;
}

/** A log that a test can read. */
function readLog(): { readonly log: Log; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  return { lines, log: createLog((line) => lines.push(JSON.parse(line)), 'debug') };
}

/** A promise, and the function that resolves it. */
function signal() {
  let give = (): void => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give };
}

/**
 * Whether a server of this process accepts connections at the port. Tests in other processes run at the same time, and a
 * free port may belong to one of them at once. So it is not enough that the port accepts a connection.
 */
async function connects(port: number): Promise<boolean> {
  let accepted = false;
  const note = (message: unknown) => {
    accepted ||= (message as { socket: net.Socket }).socket.remotePort === socket.localPort;
  };
  diagnostics.subscribe('net.server.socket', note);
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    // A connection to this process is ready now, and is accepted within its next turns.
    for (let turns = 0; turns < 10 && !accepted; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    return accepted;
  } catch {
    return false;
  } finally {
    diagnostics.unsubscribe('net.server.socket', note);
    socket.destroy();
  }
}

/** A plugin that is identified by its options and records every call. */
@singleton()
class CountingPlugin {
  static readonly plugin = { options: anything() };
  requests = 0;
  constructor(
    @inject(TOKENS.storage) readonly storage: Storage,
    @inject(TOKENS.log) readonly log: Log,
    @inject(TOKENS.options) readonly options: { readonly name: string },
  ) {}

  setup({ handle, hook }: PluginContext): void {
    hook('request', () => {
      this.requests += 1;
      this.log.info(`request of ${this.options.name}`);
    });
    handle('PUT', '/:key', async (request: Request) => {
      await this.storage.commit({ puts: [{ key: request.params.key ?? '', value: this.options.name }] });
      return `${this.requests}`;
    });
    handle('GET', '/:key', async ({ params }) => (await this.storage.get(params.key))?.value ?? 'nothing');
  }
}

/** A Standard Schema that accepts everything. */
function anything(): StandardSchema<unknown, unknown> {
  return { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
}

test('two servers in one process share no store, plugins, hooks, log or stop', async (t) => {
  const logs = [readLog(), readLog()];
  const servers = ['one', 'other'].map((name, at) =>
    serverOf(t, [{ use: CountingPlugin, options: { name } }], {}, { log: logs[at]!.log }),
  );
  const [one, other] = servers as [(typeof servers)[0], (typeof servers)[0]];
  const [first, second] = [await one.listen(), await other.listen()];
  t.not(first.port, second.port);

  t.is((await one.inject({ method: 'PUT', target: '/who' })).text, '1');
  t.is((await other.inject({ target: '/who' })).text, 'nothing');
  t.is((await other.inject({ method: 'PUT', target: '/who' })).text, '2');
  t.is((await one.inject({ target: '/who' })).text, 'one');
  t.is((await other.inject({ target: '/who' })).text, 'other');
  for (const [at, name] of ['one', 'other'].entries()) {
    const lines = logs[at]!.lines.filter((line) => !isStartWarning(line));
    t.deepEqual(new Set(lines.map(({ message }) => message)), new Set([`request of ${name}`]));
    t.true(logs[at]!.lines.every(({ plugin }) => plugin === 'counting'));
  }

  await one.close();
  t.false(await connects(first.port));
  t.true(await connects(second.port));
  t.is((await other.inject({ target: '/who' })).text, 'other');
});

test('a class plugin gets a value for every token that it names', async (t) => {
  const closed: string[] = [];
  class EverythingPlugin {
    static readonly plugin = { name: 'everything', version: '1.2.3', options: anything() };
    constructor(
      @inject(TOKENS.context) readonly context: PluginContext,
      @inject(TOKENS.config) readonly config: { readonly listen: readonly { readonly host: string }[] },
      @inject(TOKENS.source) readonly source: { readonly folder: string },
      @inject(TOKENS.storage) readonly storage: Storage,
      @inject(TOKENS.log) readonly log: Log,
      @inject(TOKENS.options) readonly options: unknown,
      @inject(TOKENS.handle) readonly handle: PluginContext['handle'],
      @inject(TOKENS.hook) readonly hook: PluginContext['hook'],
      @inject(TOKENS.signal) readonly signal: AbortSignal,
      @inject(TOKENS.onClose) onClose: PluginContext['onClose'],
    ) {
      onClose(() => void closed.push('from the constructor'));
    }

    setup(context: PluginContext): void {
      this.handle('GET', '/', () => ({
        json: {
          context: this.context === context,
          host: this.config.listen[0]?.host,
          folder: this.source.folder === process.cwd(),
          storage: this.storage.name,
          options: this.options,
          aborted: this.signal.aborted,
        },
      }));
      this.hook('response', (_, response) => ({
        ...response,
        headers: { ...response.headers, 'X-Hooked': 'yes' },
      }));
    }
  }
  const server = serverOf(t, [{ use: EverythingPlugin, options: { mark: '!' } }]);
  const answer = await server.inject();
  t.deepEqual(answer.json(), {
    context: true,
    host: '127.0.0.1',
    folder: true,
    storage: 'memory',
    options: { mark: '!' },
    aborted: false,
  });
  t.is(answer.headers['x-hooked'], 'yes');
  t.like(server.plugins[0], { name: 'everything', version: '1.2.3', origin: 'object' });
  await server.close();
  t.deepEqual(closed, ['from the constructor']);
});

test('for a class plugin that cannot be made, or is not a plugin, the error names what is missing', async (t) => {
  class Mute {
    constructor(readonly storage: Storage) {}
    setup(): void {}
  }
  @injectable()
  class Half {
    constructor(
      readonly storage: Storage,
      @inject(TOKENS.log) readonly log: Log,
    ) {}
    setup(): void {}
  }
  const cases: [PluginEntry, RegExp][] = [
    [
      Mute,
      /^A plugin failed while it was set up: "mute": parameter 1 of its constructor has no token; write for example "constructor\(@inject\(TOKENS\.storage\) storage\)", with inject from jackfield\./,
    ],
    [Half, /^A plugin failed while it was set up: "half": parameter 1 of its constructor has no token;/],
    [
      class {
        setup(): void {}
      },
      /^This is not a plugin: the object is a class without a name\. Give it a name, or a static property "plugin" with a name\.$/,
    ],
    [
      class Needy {
        static plugin = { needs: 'get' };
        setup(): void {}
      },
      /^This is not a plugin: the object has needs that are not a list of names such as/,
    ],
    [
      class Typed {
        static plugin = { options: { mark: 'string' } };
        setup(): void {}
      },
      /^This is not a plugin: the object has options that are not a Standard Schema\./,
    ],
  ];
  for (const [plugin, message] of cases) await t.throwsAsync(serverOf(t, [plugin]).ready(), { message });
});

test('a server is created, listens and closes; a call at the wrong time is a TypeError', async (t) => {
  const server = serverOf(t, ['get']);
  t.deepEqual(server.plugins, []);
  const { host, port, url } = await server.listen();
  t.is(url, `http://${host}:${port}`);
  t.is(await (await fetch(url, { headers: { connection: 'close' } })).text(), 'No data in DB');
  await t.throwsAsync(server.listen(), {
    instanceOf: TypeError,
    message: 'This server is already listening.',
  });
  t.true(await connects(port));

  const closing = server.close();
  t.is(server.close(), closing);
  await closing;
  await server.closed;
  await server.close();
  t.false(await connects(port));
  const late = { instanceOf: TypeError, message: 'This server was closed; create a new one.' };
  await t.throwsAsync(server.listen(), late);
  await t.throwsAsync(server.ready(), late);
  await t.throwsAsync(server.inject(), late);
});

test('two calls of listen at the same time listen once', async (t) => {
  const server = serverOf(t, ['get']);
  const [first, second] = await Promise.allSettled([server.listen(), server.listen()]);
  t.is(first.status, 'fulfilled');
  t.like(second, { status: 'rejected', reason: { message: 'This server is already listening.' } });
});

test('a server that was never started closes, and stays closed', async (t) => {
  const server = serverOf(t, ['get']);
  await server.close();
  await server.closed;
  await t.throwsAsync(server.listen(), { instanceOf: TypeError });
});

test('close during the start breaks it off: nothing listens, and everything that was up is closed', async (t) => {
  const begun = signal();
  const events: string[] = [];
  const plugins = ['first', 'second', 'third'].map((name) =>
    definePlugin({
      name,
      async setup({ onClose, signal: stopping }) {
        events.push(`${name} set up`);
        onClose(() => void events.push(`${name} closed`));
        if (name !== 'second') return;
        begun.give();
        await once(stopping, 'abort');
      },
    }),
  );
  const server = serverOf(t, plugins);
  const listening = server.listen();
  const injected = server.inject();
  await begun.given;
  await Promise.all([
    t.throwsAsync(listening, { message: /shutting down/ }),
    t.throwsAsync(injected, { message: /shutting down/ }),
    server.close(),
  ]);
  t.deepEqual(events, ['first set up', 'second set up', 'second closed', 'first closed']);
  t.deepEqual(
    server.plugins.map(({ name }) => name),
    ['first', 'second'],
  );
});

test('a server that is closed at any moment of its listen does not listen afterwards', async (t) => {
  for (let ticks = 0; ticks < 10; ticks += 1) {
    // The name has to be looked up, so that listening takes a while.
    const server = serverOf(t, ['get'], { listen: { host: 'localhost', port: 0 } });
    await server.ready();
    const listening = server.listen();
    for (let tick = 0; tick < ticks; tick += 1) await null;
    const [listened] = await Promise.allSettled([listening, server.close()]);
    if (listened.status === 'rejected') t.like(listened.reason, { code: 'SERVER_CLOSING' });
    else t.false(await connects(listened.value.port), `after ${ticks} ticks`);
  }
});

test('an exchange under way when the server closes is answered, and the store stays open for it', async (t) => {
  const begun = signal();
  const go = signal();
  const slow = definePlugin({
    name: 'slow',
    setup({ handle, storage }) {
      handle('GET', '/', async () => {
        begun.give();
        await go.given;
        await storage.commit({ puts: [{ key: 'late', value: 'but in time' }] });
        return 'done';
      });
    },
  });
  const server = serverOf(t, [slow]);
  const answer = server.inject();
  await begun.given;
  const closing = server.close();
  await t.throwsAsync(server.inject(), { instanceOf: TypeError });
  go.give();
  t.like(await answer, { status: 200, text: 'done' });
  await closing;
});

test('if the server cannot listen, everything that was up is closed, in reverse order', async (t) => {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => void taken.close());
  const { port } = taken.address() as net.AddressInfo;
  const events: string[] = [];
  const plugins = ['first', 'second'].map((name) =>
    definePlugin({ name, setup: ({ onClose }) => onClose(() => void events.push(name)) }),
  );
  const store = watched(() => void events.push('store'));
  const server = serverOf(t, plugins, { listen: { port }, storage: { adapter: store } });
  await t.throwsAsync(server.listen(), { code: 'PORT_IN_USE' });
  t.deepEqual(events, ['second', 'first', 'store']);
  await server.closed;
});

/** The memory adapter, with a function of the test that runs when it is closed. */
function watched(close: () => void) {
  return defineAdapter({
    name: 'watched',
    create(_, context) {
      const store = memory.create({}, context);
      const inner = store.close.bind(store);
      store.close = async () => {
        await inner();
        close();
      };
      return store;
    },
  });
}

const failing = () =>
  watched(() => {
    throw new Error('the disk is gone');
  });
const MESSAGE = 'The store cannot be reached; nothing was changed. the disk is gone';

test('if the store fails to close, close and closed reject, and an earlier error is not hidden', async (t) => {
  const server = serverOf(t, ['get'], { storage: { adapter: failing() } });
  await server.ready();
  await t.throwsAsync(server.close(), { message: MESSAGE });
  await t.throwsAsync(server.closed, { message: MESSAGE });

  const { log, lines } = readLog();
  const broken = definePlugin({
    name: 'broken',
    setup() {
      throw new Error('no way');
    },
  });
  const other = serverOf(t, [broken], { storage: { adapter: failing() } }, { log });
  await t.throwsAsync(other.ready(), {
    message:
      /^A plugin failed while it was set up: "broken", thrown at .*program\.test\.[jt]s:\d+:\d+: no way$/,
  });
  t.like(lines.at(-1), {
    level: 'error',
    message: 'The server did not stop cleanly.',
    err: { message: MESSAGE },
  });
});

test('END on a server whose store fails to close is a line in the log, and closed rejects', async (t) => {
  const { log, lines } = readLog();
  const server = serverOf(t, ['end'], { storage: { adapter: failing() } }, { log });
  t.is((await server.inject({ method: 'END' })).status, 204);
  await t.throwsAsync(server.closed, { message: MESSAGE });
  t.like(lines.at(-1), { level: 'error', err: { code: 'STORAGE_UNAVAILABLE' } });
});

test('if a plugin stops the server during set-up, the server does not listen', async (t) => {
  const stopping = definePlugin({ name: 'stopping', setup: ({ shutdown }) => shutdown() });
  const server = serverOf(t, [stopping, 'get']);
  await t.throwsAsync(server.listen(), { code: 'SERVER_CLOSING' });
  await server.closed;
});

test('a set-up that finishes after its time-out is closed at once', async (t) => {
  const go = signal();
  const closed = signal();
  const late = definePlugin({
    name: 'late',
    async setup({ onClose, handle }) {
      await go.given;
      t.throws(() => handle('GET', '/', () => ''), { instanceOf: TypeError });
      onClose(() => closed.give());
    },
  });
  const server = serverOf(t, [late], { limits: { setupTimeoutMs: 1_000 } });
  await t.throwsAsync(server.ready(), { code: 'PLUGIN_SETUP_TIMEOUT' });
  go.give();
  await closed.given;
  t.pass();
});

test('hooks run in the order of the stages, and within a stage in the order of the plugins', async (t) => {
  const events: string[] = [];
  const hooking = (name: string, needs: readonly string[] = []) =>
    definePlugin({
      name,
      needs,
      setup({ hook, handle }) {
        const stages: readonly (keyof Hooks)[] = ['close', 'error', 'response', 'handler', 'request'];
        for (const stage of stages) hook(stage, () => void events.push(`${stage} ${name}`));
        if (name !== 'b') return;
        handle('GET', '/', () => {
          events.push('handling');
          return 'answer';
        });
        handle('GET', '/broken', () => {
          throw new Error('on purpose');
        });
      },
    });
  const both = (stage: string) => [`${stage} b`, `${stage} a`];
  const closed = signal();
  const last = definePlugin({ name: 'last', needs: ['a'], setup: ({ hook }) => hook('close', closed.give) });
  // In the configuration "a" is first, but it needs "b".
  const server = serverOf(t, [hooking('a', ['b']), hooking('b'), last]);
  t.is((await server.inject()).text, 'answer');
  await closed.given;
  t.deepEqual(events.splice(0), [
    ...both('request'),
    ...both('handler'),
    'handling',
    ...both('response'),
    ...both('close'),
  ]);
  t.is((await server.inject({ target: '/broken' })).status, 500);
  t.deepEqual(events.splice(0), [
    ...both('request'),
    ...both('handler'),
    ...both('error'),
    ...both('response'),
    ...both('close'),
  ]);
  t.is((await server.inject({ target: '/nowhere' })).status, 404);
  t.deepEqual(events.splice(0), [
    ...both('request'),
    ...both('error'),
    ...both('response'),
    ...both('close'),
  ]);
});

test('the context refuses late or wrong calls with a TypeError that names the plugin', async (t) => {
  let kept: PluginContext | undefined;
  const closed: string[] = [];
  const keeping = definePlugin({
    name: 'keeping',
    setup(context) {
      kept = context as PluginContext;
      const { handle, hook, onClose, forward } = context;
      const wrong: [() => unknown, RegExp][] = [
        [() => handle('NOT A TOKEN', '/', () => ''), /"NOT A TOKEN" is not a token/],
        [() => handle('GET', 'no-slash', () => ''), /no-slash/],
        [() => handle('GET', '/', 'text' as never), /handler of GET \/ is not a function/],
        [
          () => hook('before' as 'request', () => {}),
          /no hook "before"; there are crossSite, request, handler, response, fields, error, close, unread/,
        ],
        [() => hook('toString' as 'request', () => {}), /no hook "toString"/],
        [() => hook('request', undefined as never), /hook "request" is not a function/],
        [() => onClose('text' as never), /onClose needs a function/],
        [() => forward({} as never, 'GET'), /forward accepts only the request/],
      ];
      for (const [misuse, message] of wrong) t.throws(misuse, { instanceOf: TypeError, message });
    },
  });
  const server = serverOf(t, [keeping]);
  await server.ready();
  const late = (what: string) => ({
    instanceOf: TypeError,
    message: `The plugin "keeping" called ${what} after the end of its setup.`,
  });
  t.throws(() => kept?.handle('GET', '/', () => ''), late('handle'));
  t.throws(() => kept?.hook('request', () => {}), late('hook'));
  t.throws(() => kept?.dialect({ name: 'x', claim: () => undefined }), late('dialect'));
  // onClose still works while the server serves.
  kept?.onClose(() => void closed.push('late'));
  await server.close();
  t.deepEqual(closed, ['late']);
});

test('any Standard Schema can validate options, also one that returns a promise', async (t) => {
  const schema: StandardSchema<unknown, { readonly twice: number }> = {
    '~standard': {
      version: 1,
      vendor: 'by hand',
      async validate(value) {
        const { once: given } = value as { once?: unknown };
        if (typeof given === 'number') return { value: { twice: given * 2 } };
        return {
          issues: [{ message: 'a number, please', path: [{ key: 'once' }] }, { message: 'and soon' }],
        };
      },
    },
  };
  const plugin = definePlugin({
    name: 'doubling',
    options: schema,
    setup: ({ handle, options }) => handle('GET', '/', () => String(options.twice)),
  });
  t.is((await serverOf(t, [{ use: plugin, options: { once: 21 } }]).inject()).text, '42');
  await t.throwsAsync(serverOf(t, [plugin]).ready(), {
    message:
      'The options of a plugin are not valid: plugin "doubling": plugins[0].options.once: a number, please\n' +
      'plugin "doubling": plugins[0].options: and soon',
  });

  const validating = (validate: () => unknown) =>
    definePlugin({
      name: 'odd',
      options: { '~standard': { version: 1, vendor: 'x', validate } } as never,
      setup() {},
    });
  for (const [validate, why] of [
    [() => JSON.parse('{'), 'Expected property name'],
    [() => undefined, 'it returned no result'],
  ] as const) {
    const error = await t.throwsAsync(serverOf(t, [validating(validate)]).ready(), {
      code: 'PLUGIN_INVALID',
    });
    t.true(
      error?.message.startsWith(
        `This is not a plugin: the schema of the options of the plugin "odd" failed: ${why}`,
      ),
      error?.message,
    );
  }
  await t.throwsAsync(
    serverOf(t, [validating(() => new Promise(() => {}))], { limits: { setupTimeoutMs: 10 } }).ready(),
    {
      code: 'PLUGIN_SETUP_TIMEOUT',
      message:
        /^A plugin was not set up in time: "odd" took longer than 10 ms and waits for the schema of its options\./,
    },
  );
});

test('of several plugins that cannot be loaded the first in the configuration is reported, whichever fails first', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    await t.throwsAsync(serverOf(t, ['no-such-plugin-a', './no-such-file.js', 'get']).ready(), {
      message: /no-such-plugin-a/,
    });
    await t.throwsAsync(serverOf(t, ['./no-such-file.js', 'no-such-plugin-a']).ready(), {
      message: /no-such-file/,
    });
  }
});
