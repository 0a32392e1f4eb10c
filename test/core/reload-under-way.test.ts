/**
 * Reloads while all kinds of work are in progress, whose plugin is kept, gets other options, or is removed: a kept
 * plugin does not notice, a removed one ends properly, and the reload waits for none of it.
 */

import { once } from 'node:events';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { WebSocket } from 'ws';
import { plainSource } from '../../core/config/config-file.js';
import {
  createLog,
  createServer,
  definePlugin,
  JackfieldError,
  type Limits,
  type PluginContext,
  type PluginEntry,
  type ServerConfig,
} from '../../core/index.js';
import {
  chunked,
  field,
  RawClient as Raw,
  type RawClient,
  request,
  withBody,
} from '../support/raw-client.js';
import { keeping } from '../support/start-warnings.js';
import { gate } from './reloadable.js';
import { tempFolder } from './temp-folder.js';

/** Long enough never to pass in a test. */
const LONG: Partial<Limits> = { shutdownTimeoutMs: 60_000 };
const SHORT: Partial<Limits> = { shutdownTimeoutMs: 30 };

/** The parts of the server that a case uses. */
interface World {
  readonly folder: string;
  readonly port: number;
  connect(): Promise<RawClient>;
  /** Of the plugin under test: its signals and its close. */
  readonly life: string[];
  readonly log: readonly Readonly<Record<string, unknown>>[];
  /** Releases handlers that wait for it. */
  readonly go: ReturnType<typeof gate>;
}

/** Work that is in progress when the reload comes. */
interface UnderWay {
  readonly limits?: Partial<Limits>;
  /** The plugin under test. @param n Differs if its options change. */
  plugin(world: Pick<World, 'life' | 'go'>, n: number): PluginEntry;
  begin(world: World, t: ExecutionContext): Promise<Continuation>;
}

interface Continuation {
  /** The plugin was kept: the work continues as if nothing had happened. */
  goesOn(): Promise<void>;
  /** The plugin was not kept: how the work ends. */
  ends(): Promise<void>;
}

const HANDSHAKE = ['Connection: Upgrade', 'Upgrade: lines'];

/** A plugin for cases that need their own handlers. */
const own = (setup: (context: PluginContext<{ n?: number }>, world: Pick<World, 'life' | 'go'>) => void) => {
  const plugins = new WeakMap<object, ReturnType<typeof definePlugin<{ n?: number }>>>();
  return (world: Pick<World, 'life' | 'go'>, n: number): PluginEntry => {
    const known = plugins.get(world);
    const use =
      known ??
      definePlugin<{ n?: number }>({
        name: 'own',
        options: {
          '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as object }) },
        },
        setup(context) {
          const { onClose, signal, options } = context;
          onClose(() => void world.life.push(`closed ${options.n}`));
          signal.addEventListener('abort', () => {
            const { reason } = signal;
            world.life.push(`told ${options.n} ${reason instanceof JackfieldError ? reason.code : reason}`);
          });
          setup(context, world);
        },
      });
    plugins.set(world, use);
    return { use, options: { n } };
  };
};

const taking = (heeds: boolean) =>
  own(({ handle, signal }) => {
    handle('GET', '/take', () => ({
      status: 101,
      headers: { Upgrade: 'lines' },
      takeOver: (stream) => {
        if (heeds) signal.addEventListener('abort', () => stream.end('goodbye'), { once: true });
        stream.on('data', (octets) => stream.write(octets));
        stream.on('end', () => stream.end());
      },
    }));
  });

async function take({ connect }: World): Promise<RawClient> {
  const client = await connect();
  client.send(request('GET /take', HANDSHAKE));
  await client.response();
  client.send('before');
  await client.receive('before');
  client.skip('before'.length);
  return client;
}

async function echoes(client: RawClient): Promise<void> {
  client.send('behind');
  await client.receive('behind');
}

/** The next request on the same connection is served, by the current plugins. */
async function isServed(t: ExecutionContext, client: RawClient): Promise<void> {
  client.send(request('GET /stays'));
  t.is((await client.response()).body, 'stays');
}

const CASES: Readonly<Record<string, UnderWay>> = {
  'a socket of the plugin websocket': {
    plugin: (_, n) => ({
      use: 'websocket',
      options: { mounts: [{ path: '/ws', module: './echo.mjs', pingIntervalMs: 60_000 + n }] },
    }),
    async begin({ port }, t) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
      t.teardown(() => socket.terminate());
      await once(socket, 'open');
      const closed = once(socket, 'close');
      return {
        async goesOn() {
          socket.send('behind');
          const [said] = await once(socket, 'message');
          t.is(String(said), 'behind');
        },
        async ends() {
          const [code, reason] = await closed;
          t.is(code, 1001);
          t.is(String(reason), 'The configuration of the server has changed; try again.');
        },
      };
    },
  },

  'a connection taken over by a plugin that heeds its signal': {
    plugin: taking(true),
    async begin(world, t) {
      const client = await take(world);
      return {
        goesOn: () => echoes(client),
        async ends() {
          await client.receive('goodbye');
          // Both directions must end; until then the plugin is not closed.
          t.false(world.life.includes('closed 0'));
          client.end();
          t.is(await client.closed(), 'goodbye');
        },
      };
    },
  },

  'a connection taken over by a plugin that ignores its signal': {
    limits: SHORT,
    plugin: taking(false),
    async begin(world, t) {
      const client = await take(world);
      return {
        goesOn: () => echoes(client),
        async ends() {
          t.is(await client.closed(), '');
          t.like(
            world.log.find(({ level }) => level === 'warn'),
            {
              plugins: ['own'],
              connections: 1,
              message: 'Connections were closed by force at the end of the drain time.',
            },
          );
        },
      };
    },
  },

  'a feed of the plugin watch': {
    plugin: (_, n) => ({ use: 'watch', options: { heartbeatMs: 60_000 + n } }),
    async begin({ connect }, t) {
      const client = await connect();
      client.send(request('GET /watch'));
      await client.receive('id: ');
      return {
        async goesOn() {
          const writer = await connect();
          writer.send(withBody('PUT /stays', 'new'));
          t.is((await writer.response()).status, 204);
          await client.receive('"key":"stays"');
        },
        async ends() {
          const { framing } = await client.response();
          t.is(framing, 'chunked');
          await isServed(t, client);
        },
      };
    },
  },

  'a long answer': {
    plugin: own(({ handle }, { go, life }) => {
      handle('GET', '/long', async function* () {
        yield 'beginning, ';
        await go.opened;
        yield life.includes('closed 0') ? 'end behind the close' : 'end';
      });
    }),
    async begin({ connect, go }, t) {
      const client = await connect();
      client.send(request('GET /long'));
      await client.receive('beginning');
      const whole = async (): Promise<void> => {
        go.open();
        t.is((await client.response()).body, 'beginning, end');
        await isServed(t, client);
      };
      return { goesOn: whole, ends: whole };
    },
  },

  'a body that is half uploaded': {
    plugin: own(({ handle, storage, log, options }) => {
      handle('POST', '/upload', async (incoming) => {
        const text = await incoming.text();
        // The services of a plugin work as long as its exchanges.
        await storage.commit({ puts: [{ key: 'upload', value: text }] });
        log.info('stored');
        return `${options.n} ${(await storage.get('upload'))?.value}`;
      });
    }),
    async begin({ connect, log }, t) {
      const octets = withBody('POST /upload', 'half and half');
      const lumps = chunked('POST /upload', ['half', ' and half']);
      const [whole, parts] = [await connect(), await connect()];
      whole.send(octets.slice(0, -9));
      parts.send(lumps.slice(0, -14));
      // The head has been read: the server asks for the body.
      const asked = await connect();
      asked.send(request('POST /upload', ['Content-Length: 5', 'Expect: 100-continue']));
      t.is((await asked.response()).status, 100);
      const rest = async (): Promise<void> => {
        asked.send('hello');
        t.is((await asked.response()).body, '0 hello');
        whole.send(octets.slice(-9));
        t.is((await whole.response()).body, '0 half and half');
        parts.send(lumps.slice(-14));
        t.is((await parts.response()).body, '0 half and half');
        t.is(log.filter(({ plugin, message }) => plugin === 'own' && message === 'stored').length, 3);
        for (const client of [whole, parts]) await isServed(t, client);
      };
      return { goesOn: rest, ends: rest };
    },
  },

  'a handler that hangs until its deadline': {
    limits: { handlerTimeoutMs: 300 },
    plugin: own(({ handle }) => {
      handle('GET', '/hang', (incoming) => {
        incoming.inform({ status: 102 });
        return new Promise<string>(() => {});
      });
    }),
    async begin({ connect }, t) {
      const client = await connect();
      client.send(request('GET /hang'));
      t.is((await client.response()).status, 102);
      const refused = async (): Promise<void> => {
        const response = await client.response();
        t.is(response.status, 503);
        t.is(field(response, 'connection'), 'close');
        t.is(await client.closed(), '');
      };
      return { goesOn: refused, ends: refused };
    },
  },
};

const stays = definePlugin({
  name: 'stays',
  setup({ handle, storage }) {
    handle('GET', '/stays', () => 'stays');
    handle('PUT', '/stays', async (incoming) => {
      await storage.commit({ puts: [{ key: 'stays', value: await incoming.text() }] });
      return { status: 204 };
    });
  },
});

async function worldOf(t: ExecutionContext, { plugin, limits = {} }: UnderWay) {
  const folder = await tempFolder(t, {
    'echo.mjs': "export default (socket) => { socket.on('message', (data) => socket.send(String(data))); };",
  });
  const source = plainSource(folder);
  const log: Readonly<Record<string, unknown>>[] = [];
  const inner = { life: [] as string[], go: gate() };
  const config = (plugins: readonly PluginEntry[], more: ServerConfig = {}): ServerConfig => ({
    listen: { port: 0 },
    storage: 'memory',
    limits: { ...LONG, ...limits },
    plugins: [stays, ...plugins],
    ...more,
  });
  const server = createServer(config([plugin(inner, 0)]), {
    source,
    log: createLog(keeping(log)),
  });
  const clients: RawClient[] = [];
  t.teardown(async () => {
    inner.go.open();
    for (const client of clients) client.destroy();
    await server.close();
  });
  const { port } = await server.listen();
  const connect = async (): Promise<RawClient> => {
    const client = await Raw.connect(port);
    clients.push(client);
    return client;
  };
  const world: World = { ...inner, folder: path.resolve(folder), port, connect, log };
  const reload = (plugins: readonly PluginEntry[], more?: ServerConfig) =>
    server.reload(config(plugins, more), source);
  return { world, reload, at: (n: number) => plugin(inner, n) };
}

for (const [what, underWay] of Object.entries(CASES)) {
  test(`${what} continues if its plugin is kept, also if the reload fails`, async (t) => {
    const { world, reload, at } = await worldOf(t, underWay);
    const { goesOn } = await underWay.begin(world, t);
    const report = await reload([at(0)], { allowedHosts: '*' });
    t.deepEqual(report.left, []);
    await report.retired;
    await t.throwsAsync(reload([at(1)], { storage: 'lru' }), { code: 'RELOAD_NEEDS_RESTART' });
    const failing = definePlugin({ name: 'failing', setup: () => Promise.reject(new Error('no way')) });
    await t.throwsAsync(reload([at(1), failing]), { code: 'PLUGIN_SETUP_FAILED' });
    const before = world.life.filter((line) => line.endsWith(' 0') || line.includes(' 0 '));
    t.deepEqual(before, []);
    await goesOn();
  });

  for (const fate of ['gets other options', 'is removed'] as const) {
    test(`${what} ends if its plugin ${fate}, and then the plugin is closed`, async (t) => {
      const { world, reload, at } = await worldOf(t, underWay);
      const { ends } = await underWay.begin(world, t);
      // This reload does not wait for the work in progress, and neither does the next.
      const { left, retired } = await reload(fate === 'is removed' ? [] : [at(1)]);
      t.is(left.length, 1);
      await reload(fate === 'is removed' ? [] : [at(1)], { allowedHosts: '*' });
      const isOwn = left[0] === 'own';
      if (isOwn) t.is(world.life[0], 'told 0 PLUGIN_LEFT');
      await ends();
      await retired;
      t.deepEqual(world.life, isOwn ? ['told 0 PLUGIN_LEFT', 'closed 0'] : []);
      const client = await world.connect();
      await isServed(t, client);
    });
  }
}

/** Takes the connection over when the test allows it. */
const late: UnderWay = {
  plugin: own(({ handle }, { go }) => {
    handle('GET', '/take', async (incoming) => {
      incoming.inform({ status: 102 });
      await go.opened;
      return {
        status: 101,
        headers: { Upgrade: 'lines' },
        takeOver: (stream) => {
          stream.on('data', (octets) => stream.write(octets));
          stream.on('end', () => stream.end());
        },
      };
    });
  }),
  begin: () => Promise.reject(new Error('not used')),
};

async function askLate(t: ExecutionContext, { connect }: World): Promise<RawClient> {
  const client = await connect();
  client.send(request('GET /take', HANDSHAKE));
  t.is((await client.response()).status, 102);
  return client;
}

test('a request from before the change may still take the connection over, and the plugin waits for it', async (t) => {
  const { world, reload } = await worldOf(t, late);
  const client = await askLate(t, world);
  const { retired } = await reload([]);
  world.go.open();
  t.is((await client.response()).status, 101);
  await echoes(client);
  t.false(world.life.includes('closed 0'));
  client.end();
  await retired;
  t.deepEqual(world.life, ['told 0 PLUGIN_LEFT', 'closed 0']);
});

test('a closed plugin takes no connection over any more: 503, and the connection continues', async (t) => {
  const { world, reload } = await worldOf(t, { ...late, limits: SHORT });
  const client = await askLate(t, world);
  await (await reload([])).retired;
  t.deepEqual(world.life, ['told 0 PLUGIN_LEFT', 'closed 0']);
  world.go.open();
  const response = await client.response();
  t.is(response.status, 503);
  t.is(response.body, 'The configuration of the server has changed; try again.');
  await isServed(t, client);
});

test('an endless stream of a kept plugin delays only the plugins that existed when it began', async (t) => {
  const endless = CASES['a long answer']!;
  const { world, reload, at } = await worldOf(t, endless);
  const begun = await endless.begin(world, t);
  const life: string[] = [];
  const other = definePlugin({
    name: 'other',
    setup: ({ onClose }) => onClose(() => void life.push('other closed')),
  });
  await reload([at(0), other]);
  // No exchange uses the plugin, so nothing is waited for.
  await (await reload([at(0)])).retired;
  t.deepEqual(life, ['other closed']);
  t.deepEqual(
    world.log.filter(({ level }) => level === 'warn'),
    [],
  );
  await begun.goesOn();
});
