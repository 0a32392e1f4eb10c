/**
 * Many reloads of one server in a separate process, among connections that stay, come and are closed. `reloads.ts` runs
 * it with `--expose-gc` and the number of reloads as argument. Reports the usage of the process after a quarter of the
 * reloads and after all.
 */
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as rest } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { plainSource } from '../../core/config/config-file.js';
import {
  createLog,
  createServer,
  definePlugin,
  Handle,
  Hook,
  inject,
  type PluginEntry,
  type ServerConfig,
  TOKENS,
} from '../../core/index.js';
import { ONE, TWO } from '../support/certificates.js';
import { RawClient, request } from '../support/raw-client.js';
import { isStartWarning } from '../support/start-warnings.js';
import type { Holding, Reloads } from './reloads.js';

const count = Number(process.argv[2]);
const folder = await mkdtemp(path.join(tmpdir(), 'jackfield-'));
await writeFile(
  path.join(folder, 'file.mjs'),
  `globalThis.evaluated = (globalThis.evaluated ?? 0) + 1;
   export default (socket) => { socket.on('message', (data) => socket.send(String(data))); };`,
);

/** Everything that belongs to one instance of a plugin and must be released with it. */
const instances: WeakRef<object>[] = [];

/** Opens the kinds of resources that plugins open, and closes them again. */
const opener = definePlugin<{ n: number }>({
  name: 'opener',
  options: {
    '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: value as { n: number } }) },
  },
  setup({ handle, hook, onClose, signal, options }) {
    const heavy = { options, octets: Buffer.alloc(65_536) };
    instances.push(new WeakRef(heavy));
    const timer = setInterval(() => {}, 60_000);
    onClose(() => clearInterval(timer));
    signal.addEventListener('abort', () => void heavy.octets);
    handle('GET', '/generation', () => `${heavy.options.n}`);
    handle('GET', '/slow', async () => {
      await rest(1);
      return `${heavy.options.n}`;
    });
    hook('close', () => void heavy.octets);
    if (options.n % 2 === 0) hook('response', async () => void heavy.octets);
  },
});

class Classy {
  static readonly plugin = {
    name: 'classy',
    options: { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } },
  };
  constructor(@inject(TOKENS.options) readonly options: { readonly n: number }) {
    instances.push(new WeakRef(this));
  }
  @Handle('GET', '/classy')
  get(): string {
    return String(this.options.n);
  }
  @Hook('request')
  look(): void {}
}

const failing = definePlugin({
  name: 'failing',
  setup({ onClose }) {
    const timer = setInterval(() => {}, 60_000);
    onClose(() => clearInterval(timer));
    throw new Error('on purpose');
  },
});

function config(n: number, more: readonly PluginEntry[] = []): ServerConfig {
  return {
    listen: [
      { port: 0 },
      { port: 0, host: '127.0.0.1', tls: n % 2 === 0 ? ONE : TWO },
      { socket: `${n % 3}.sock` },
    ],
    storage: 'memory',
    limits: { shutdownTimeoutMs: 2_000, maxHeaderFields: 50 + (n % 7) },
    ...(n % 2 === 0 ? { overload: { maxLoopDelayMs: 60_000, maxInFlight: 10_000 } } : {}),
    plugins: [
      'get',
      { use: opener, options: { n } },
      { use: Classy, options: { n } },
      { use: 'watch', options: {} },
      // Sockets of the first mount stay open, those of the second are closed on each reload.
      { use: 'websocket', options: { mounts: [{ path: '/stays', module: './file.mjs' }] } },
      {
        use: 'websocket',
        as: 'changing',
        options: { mounts: [{ path: '/changes', module: './file.mjs', pingIntervalMs: 60_000 + (n % 2) }] },
      },
      ...(n % 2 === 0 ? ['metrics', 'access-log', 'health', 'rate-limit', 'compress'] : []),
      ...more,
    ],
  };
}

const source = plainSource(folder);
const odd: { message?: string }[] = [];
const server = createServer(config(0), {
  source,
  log: createLog((line) => {
    const { level, ...fields } = JSON.parse(line) as { level: string; message: string };
    if ((level === 'warn' || level === 'error') && !isStartWarning(fields)) odd.push(fields);
  }),
});
const { port } = await server.listen();

const open = async (at: string): Promise<WebSocket> => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${at}`);
  await once(socket, 'open');
  return socket;
};
const said = async (socket: WebSocket): Promise<string> => {
  socket.send('hello');
  return String((await once(socket, 'message'))[0]);
};

async function holding(): Promise<Holding> {
  await rest(50);
  // A dereferenced WeakRef stays alive until the turn is over.
  for (let turn = 0; turn < 5; turn++) {
    globalThis.gc?.();
    await new Promise(setImmediate);
  }
  const resources: Record<string, number> = {};
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1;
  // Resources of this function itself, and timers that only wait for idle connections.
  for (const name of ['Immediate', 'FSReqPromise']) delete resources[name];
  const listeners: Record<string, number> = {};
  for (const name of process.eventNames()) listeners[String(name)] = process.listenerCount(name);
  return {
    resources,
    listeners,
    descriptors: await readdir('/proc/self/fd').then(
      ({ length }) => length,
      () => 0,
    ),
    instances: instances.filter((one) => one.deref() !== undefined).length,
    evaluated: Reflect.get(globalThis, 'evaluated') as number,
    connections: server.addresses.length,
    heap: process.memoryUsage().heapUsed,
  };
}

const wrong: string[] = [];
const expect = (isSo: boolean, what: string): void => {
  if (!isSo) wrong.push(what);
};
const staying = await open('/stays');
// It keeps the plugins from the time when it begins; the log says so once.
const feed = await RawClient.connect(port);
feed.send(request('GET /watch'));
await feed.receive('id: ');
const client = await RawClient.connect(port);
let atQuarter: Holding | undefined;
for (let n = 1; n <= count; n++) {
  const leaving = await open('/changes');
  const closed = once(leaving, 'close');
  client.send(request('GET /slow') + request('GET /classy'));
  const { started, retired } = await server.reload(config(n), source);
  expect(started.includes('opener'), `${n}: not started`);
  for (const _ of [1, 2]) expect((await client.response()).status === 200, `${n}: not answered`);
  client.send(request('GET /generation'));
  expect((await client.response()).body === String(n), `${n}: another generation answers`);
  expect((await closed)[0] === 1001, `${n}: a socket was not sent away`);
  await retired;
  expect((await said(staying)) === 'hello', `${n}: the socket that stays is mute`);
  if (n % 5 === 0) {
    const refused = await server.reload(config(n, [failing]), source).catch((error: unknown) => error);
    expect(Reflect.get(Object(refused), 'code') === 'PLUGIN_SETUP_FAILED', `${n}: did not fail`);
  }
  if (n === Math.floor(count / 4)) atQuarter = await holding();
}
// As at the quarter: the same plugins and listeners.
const atEnd = await holding();
staying.terminate();
feed.destroy();
client.destroy();
await server.close();
await rm(folder, { recursive: true });
const result: Reloads = { atQuarter: atQuarter!, atEnd, wrong, odd };
process.send?.(result);
process.disconnect();
