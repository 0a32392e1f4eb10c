/**
 * Changing to another configuration while the server runs: what is kept, started and closed, and what happens if it
 * fails.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import {
  definePlugin,
  Handle,
  Hook,
  inject,
  type PluginContext,
  type ServerConfig,
  TOKENS,
} from '../../core/index.js';
import { gate, IN_MEMORY, lively, serverOf } from './reloadable.js';
import { tempFolder } from './temp-folder.js';

test('a plugin with the same module, name, prefix and options keeps its instance; others are started and closed', async (t) => {
  const life: string[] = [];
  const [a, b, c] = [lively('a', life), lively('b', life), lively('c', life)];
  const { server, get } = serverOf(t, { plugins: [a, { use: b, options: { n: 1 } }] });
  t.is(await get('/a'), 'a0 1');
  const report = await server.reload({
    ...IN_MEMORY,
    plugins: [c, { use: b, options: { n: 2 } }, { use: a }],
  });
  await report.retired;
  t.like(report, { started: ['c', 'b'], kept: ['a'], left: ['b'], changedFiles: [] });
  t.deepEqual(life, ['a0 up', 'b1 up', 'c0 up', 'b2 up', 'b1 told', 'b1 closed']);
  t.is(await get('/a'), 'a0 2');
  t.is(await get('/b'), 'b2 1');
  t.deepEqual(
    server.plugins.map(({ name }) => name),
    ['c', 'b', 'a'],
  );
  await server.close();
  t.deepEqual(life.slice(-6), ['c0 told', 'b2 told', 'a0 told', 'a0 closed', 'b2 closed', 'c0 closed']);
});

test('another prefix or another name is another instance', async (t) => {
  const life: string[] = [];
  const a = lively('a', life);
  const { server, get } = serverOf(t, { plugins: [a] });
  await server.ready();
  await (await server.reload({ ...IN_MEMORY, plugins: [{ use: a, prefix: '/x' }] })).retired;
  t.is(await get('/x/a'), 'a0 1');
  t.like(await server.inject({ target: '/a' }), { status: 404 });
  await (await server.reload({ ...IN_MEMORY, plugins: [{ use: a, prefix: '/x', as: 'z' }] })).retired;
  t.deepEqual(
    life.filter((line) => line.endsWith('up')),
    ['a0 up', 'a0 up', 'a0 up'],
  );
});

const FAILURES: Readonly<
  Record<
    string,
    { readonly plugin: (context: PluginContext<{ n?: number }>) => unknown; readonly code: string }
  >
> = {
  'a set-up that throws': {
    plugin: () => {
      throw new Error('no way');
    },
    code: 'PLUGIN_SETUP_FAILED',
  },
  'a set-up that hangs': { plugin: () => new Promise(() => {}), code: 'PLUGIN_SETUP_TIMEOUT' },
  'a claim that another plugin has': {
    plugin: ({ handle }) => handle('GET', '/a', () => ''),
    code: 'HANDLER_REPEATED',
  },
};

for (const [what, { plugin, code }] of Object.entries(FAILURES)) {
  test(`${what}: the old configuration stays in force, and new plugins that were set up are closed`, async (t) => {
    const life: string[] = [];
    const [a, b, bad] = [lively('a', life), lively('b', life), lively('bad', life, plugin)];
    const { server, get } = serverOf(t, { plugins: [a] });
    t.is(await get('/a'), 'a0 1');
    await t.throwsAsync(
      server.reload({
        ...IN_MEMORY,
        allowedHosts: ['example.org'],
        limits: { setupTimeoutMs: 50 },
        plugins: [a, b, bad],
      }),
      { code },
    );
    t.deepEqual(
      life.filter((line) => !line.endsWith('told')),
      ['a0 up', 'b0 up', 'bad0 up', 'bad0 closed', 'b0 closed'],
    );
    t.is(await get('/a'), 'a0 2');
    t.deepEqual(
      server.plugins.map(({ name }) => name),
      ['a'],
    );
    // A later reload works.
    t.like(await server.reload({ ...IN_MEMORY, plugins: [a, b] }), { started: ['b'], kept: ['a'], left: [] });
  });
}

test('an invalid configuration, or an unknown plugin, changes nothing', async (t) => {
  const { server, get } = serverOf(t, { plugins: [lively('a', [])] });
  t.is(await get('/a'), 'a0 1');
  const wrong = { ...IN_MEMORY, plugins: 'none' } as unknown as ServerConfig;
  await t.throwsAsync(server.reload(wrong), { code: 'CONFIG_INVALID' });
  await t.throwsAsync(server.reload({ ...IN_MEMORY, plugins: ['no-such-plugin'] }), {
    code: 'PLUGIN_UNKNOWN',
  });
  t.is(await get('/a'), 'a0 2');
});

test('another store needs a restart, and so does another kind of listener on the same address', async (t) => {
  const life: string[] = [];
  const { server } = serverOf(t, { plugins: [lively('a', life)] });
  await server.listen();
  await t.throwsAsync(server.reload({ ...IN_MEMORY, storage: 'lru' }), {
    code: 'RELOAD_NEEDS_RESTART',
    message:
      'This change needs a restart; nothing was changed: "storage" would change, but plugins that stay keep using the old store. Restart the server, or undo the change of "storage".',
  });
  await t.throwsAsync(server.reload({ ...IN_MEMORY, listen: { port: 0, sharedReadBuffer: false } }), {
    code: 'RELOAD_NEEDS_RESTART',
    message:
      'This change needs a restart; nothing was changed: the listener at 127.0.0.1:0 would change "tls", "socketMode" or "sharedReadBuffer" while it listens. Restart the server, or undo the change of "listen".',
  });
  t.deepEqual(life, ['a0 up']);
});

test('a removed plugin is closed when the last exchange that began with it has ended, and not before', async (t) => {
  const life: string[] = [];
  const [begun, answer] = [gate(), gate()];
  const slow = lively('slow', life, ({ handle, hook }) => {
    handle('GET', '/wait', async () => {
      begun.open();
      await answer.opened;
      return life.includes('slow0 closed') ? 'too late' : 'in time';
    });
    hook('close', ({ path: asked }) => void life.push(`${asked} over`));
  });
  const { server, get } = serverOf(t, { plugins: [slow] });
  const waiting = get('/wait');
  await begun.opened;
  const { retired, left } = await server.reload({ ...IN_MEMORY, plugins: [] });
  t.deepEqual(left, ['slow']);
  // New requests do not reach it.
  t.is((await server.inject({ target: '/wait' })).status, 405);
  // A second reload does not forget it.
  await server.reload({ ...IN_MEMORY, plugins: [lively('other', life)] });
  t.deepEqual(life, ['slow0 up', 'slow0 told', 'other0 up']);
  answer.open();
  t.is(await waiting, 'in time');
  await retired;
  t.deepEqual(life.slice(3), ['/wait over', 'slow0 closed']);
});

test('a removed plugin that an exchange still uses is closed after shutdownTimeoutMs, with a warning', async (t) => {
  const life: string[] = [];
  const [begun, answer] = [gate(), gate()];
  const slow = lively('slow', life, ({ handle }) => {
    handle('GET', '/wait', async () => {
      begun.open();
      await answer.opened;
      return 'still answered';
    });
  });
  const { server, lines, get } = serverOf(t, { plugins: [slow] });
  const waiting = get('/wait');
  await begun.opened;
  const { retired } = await server.reload({ ...IN_MEMORY, limits: { shutdownTimeoutMs: 20 }, plugins: [] });
  await retired;
  t.deepEqual(life, ['slow0 up', 'slow0 told', 'slow0 closed']);
  t.like(
    lines.find(({ level }) => level === 'warn'),
    { plugins: ['slow'], message: 'Plugins were closed while exchanges still used them.' },
  );
  answer.open();
  t.is(await waiting, 'still answered');
});

test('an onClose that hangs or fails after a reload is reported, and delays neither other plugins nor the next reload', async (t) => {
  const life: string[] = [];
  const bad = lively('bad', life, ({ onClose }) => {
    onClose(() => new Promise(() => {}));
    onClose(() => Promise.reject(new Error('cannot close')));
    onClose(() => {
      throw null;
    });
  });
  const good = lively('good', life);
  const limits = { setupTimeoutMs: 40 };
  const { server, lines, get } = serverOf(t, { limits, plugins: [good, bad] });
  t.is(await get('/good'), 'good0 1');
  const first = await server.reload({ ...IN_MEMORY, limits, plugins: [] });
  const second = await server.reload({ ...IN_MEMORY, limits, plugins: [{ use: good, options: { n: 1 } }] });
  t.is(await get('/good'), 'good1 1');
  await Promise.all([first.retired, second.retired]);
  t.deepEqual(
    life.filter((line) => line.endsWith('closed')),
    ['bad0 closed', 'good0 closed'],
  );
  t.deepEqual(
    lines.filter(({ level }) => level === 'error').map(({ plugin, message }) => `${plugin}: ${message}`),
    [
      'bad: A plugin failed to close.',
      'bad: A plugin failed to close.',
      'bad: A plugin did not close in time.',
    ],
  );
});

test('an exchange that began before a reload forwards to the plugins that it began with', async (t) => {
  const [begun, go] = [gate(), gate()];
  const front = definePlugin({
    name: 'front',
    setup({ handle, forward }) {
      handle('ASK', '/who', async (request) => {
        begun.open();
        await go.opened;
        return forward(request, 'GET');
      });
    },
  });
  const who = (name: string) =>
    definePlugin({ name, setup: ({ handle }) => handle('GET', '/who', () => name) });
  const { server } = serverOf(t, { plugins: [front, who('old')] });
  const asking = server.inject({ method: 'ASK', target: '/who' });
  await begun.opened;
  await server.reload({ ...IN_MEMORY, plugins: [front, who('new')] });
  go.open();
  t.is((await asking).text, 'old');
  t.is((await server.inject({ method: 'ASK', target: '/who' })).text, 'new');
});

test('allowed hosts, limits, overload and trusted proxies change at once', async (t) => {
  const echo = definePlugin({
    name: 'echo',
    setup({ handle }) {
      handle('ECHO', '/', async (request) => `${request.remoteAddress} ${await request.text()}`);
    },
  });
  const { server } = serverOf(t, { plugins: [echo] });
  const ask = (host: string, body = 'x') =>
    server.inject({ method: 'ECHO', headers: { host, 'x-forwarded-for': '192.0.2.7' }, body });
  t.like(await ask('127.0.0.1'), { status: 200, text: '127.0.0.1 x' });
  await server.reload({
    ...IN_MEMORY,
    plugins: [echo],
    allowedHosts: ['example.org'],
    limits: { maxBodyOctets: 3 },
    trustedProxies: ['127.0.0.1'],
    overload: { maxInFlight: 1 },
  });
  t.is((await ask('127.0.0.1')).status, 400);
  t.like(await ask('example.org'), { status: 200, text: '192.0.2.7 x' });
  t.is((await ask('example.org', 'four')).status, 413);
  const both = await Promise.all([ask('example.org'), ask('example.org')]);
  t.deepEqual(both.map(({ status }) => status).sort(), [200, 503]);
  await server.reload({ ...IN_MEMORY, plugins: [echo], allowedHosts: '*' });
  t.like(await ask('anything.example', 'four'), { status: 200, text: '127.0.0.1 four' });
});

test('concurrent reloads run one after the other, and the last one applies', async (t) => {
  const life: string[] = [];
  const plugins = Array.from({ length: 5 }, (_, at) =>
    lively(`p${at}`, life, () => new Promise(setImmediate)),
  );
  const { server } = serverOf(t, { plugins: [] });
  await server.ready();
  const reports = await Promise.all(
    plugins.map((plugin) => server.reload({ ...IN_MEMORY, plugins: [plugin] })),
  );
  await Promise.all(reports.map(({ retired }) => retired));
  t.deepEqual(
    server.plugins.map(({ name }) => name),
    ['p4'],
  );
  t.deepEqual(
    life.filter((line) => line.endsWith('closed')),
    ['p00 closed', 'p10 closed', 'p20 closed', 'p30 closed'],
  );
});

test('a class plugin that a reload starts gets the new configuration', async (t) => {
  class LimitPlugin {
    constructor(
      @inject(TOKENS.config) readonly config: { readonly limits: { readonly maxBodyOctets: number } },
    ) {}
    @Handle('GET', '/limit')
    limit(): string {
      return String(this.config.limits.maxBodyOctets);
    }
  }
  const config = (maxBodyOctets: number) => ({
    ...IN_MEMORY,
    limits: { maxBodyOctets },
    plugins: [{ use: LimitPlugin, as: `limit${maxBodyOctets}` }],
  });
  const { server, get } = serverOf(t, config(1));
  t.is(await get('/limit'), '1');
  await server.reload(config(2));
  t.is(await get('/limit'), '2');
});

test('nothing keeps removed plugins alive: instances, options and configurations can be collected', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const old: WeakRef<object>[] = [];
  class Heavy {
    static readonly plugin = {
      options: { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } },
    };
    constructor(@inject(TOKENS.config) config: object, @inject(TOKENS.options) options: object) {
      old.push(new WeakRef(this), new WeakRef(config), new WeakRef(options));
    }
    @Handle('GET', '/heavy')
    get(): string {
      return 'here';
    }
    @Hook('response')
    look(): void {}
  }
  const config = (n: number) => ({ ...IN_MEMORY, plugins: [{ use: Heavy, options: { n } }] });
  const { server, get } = serverOf(t, config(0));
  for (let n = 1; n <= 5; n++) {
    t.is(await get('/heavy'), 'here');
    await (await server.reload(config(n))).retired;
  }
  // The first configuration belongs to the server as long as it lives.
  const left = old.slice(3, -3);
  for (let turn = 0; turn < 20 && left.some((one) => one.deref() !== undefined); turn++) {
    await new Promise(setImmediate);
    collect();
  }
  t.deepEqual(
    left.map((one) => one.deref()),
    left.map(() => undefined),
  );
  t.is(await get('/heavy'), 'here');
});

test('code is not reloaded: a plugin whose file has changed continues unchanged, and the log names the file', async (t) => {
  const code = (text: string) =>
    `export default { name: 'p', setup({ handle }) { handle('GET', '/', () => '${text}'); } };`;
  const folder = await tempFolder(t, { 'package.json': '{ "type": "module" }', 'p.js': code('old') });
  const file = path.join(folder, 'p.js');
  const { server, lines, get } = serverOf(t, { plugins: [file] });
  t.is(await get('/'), 'old');
  await writeFile(file, code('new'));
  const report = await server.reload({ ...IN_MEMORY, plugins: [file] });
  t.like(report, { kept: ['p'], changedFiles: [file] });
  t.is(await get('/'), 'old');
  t.like(
    lines.find(({ level }) => level === 'warn'),
    {
      plugin: 'p',
      file,
      message: 'A plugin file changed on disk; a reload does not reload code. Restart to run it.',
    },
  );
  await writeFile(file, code('old'));
  t.deepEqual((await server.reload({ ...IN_MEMORY, plugins: [file] })).changedFiles, []);
});
