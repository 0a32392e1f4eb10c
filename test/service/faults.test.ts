/** A plugin that fails outside of any call harms only itself while the command serves. */
import test from 'ava';
import { createServer } from '../../core/index.js';
import { tempFolder } from '../core/temp-folder.js';
import { ran, served } from '../support/served.js';

/** Each path fails after its answer, in its own way. */
const FAULTY = `import { EventEmitter } from 'node:events';
import { failLater } from './faulty/deeper.js';
import { lib } from './library.js';
export default {
  name: 'faulty',
  setup({ handle }) {
    const fail = (path, how) => handle('GET', path, () => { setImmediate(how); return 'fine so far'; });
    fail('/timer', () => { throw new Error('in a timer'); });
    fail('/rejection', () => void Promise.reject(new Error('in a promise')));
    fail('/emitter', () => new EventEmitter().emit('error', new Error('in an event')));
    fail('/deeper', failLater);
    fail('/cause', () => { throw lib(new Error('the cause')); });
    fail('/library', () => setImmediate(lib));
    fail('/text', () => void Promise.reject('just text'));
    fail('/nothing', () => { throw undefined; });
  },
};`;
const PACKAGED = `module.exports = { name: 'packaged', setup({ handle }) {
  handle('GET', '/packaged', () => { setImmediate(require('./lib/fail.js')); return 'fine so far'; });
} };`;

test('an error or rejection of a plugin outside of any request is logged with its name, and the service goes on', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': JSON.stringify({
      plugins: ['head', 'get', './plugins/faulty.mjs', 'packaged'],
    }),
    'plugins/faulty.mjs': FAULTY,
    'plugins/faulty/deeper.js': "module.exports.failLater = () => { throw new Error('deeper'); };",
    'plugins/library.js':
      "module.exports.lib = (cause) => { const e = new Error('of a library', { cause }); if (cause) { e.stack = 'none'; return e; } throw e; };",
    'node_modules/jackfield-plugin-packaged/package.json': '{ "version": "3.2.1", "main": "main.js" }',
    'node_modules/jackfield-plugin-packaged/main.js': PACKAGED,
    'node_modules/jackfield-plugin-packaged/lib/fail.js':
      "module.exports = () => { throw new Error('packaged'); };",
  });
  const { server, url } = await served(t, cwd);
  const fail = async (path: string) => {
    const before = server.log.length;
    t.is(await (await fetch(`${url}${path}`)).text(), 'fine so far');
    await server.until(new RegExp(`^(?:[^\\n]*\\n){${before + 1}}`), 'stderr');
    const { level, plugin, message, err } = server.log[before] ?? {};
    t.is(level, 'error');
    t.is(message, `${plugin === undefined ? 'Code' : 'A plugin'} failed outside of any request.`);
    return [plugin, (err as { message?: string } | undefined)?.message ?? err];
  };
  t.deepEqual(await fail('/timer'), ['faulty', 'in a timer']);
  t.deepEqual(await fail('/rejection'), ['faulty', 'in a promise']);
  t.deepEqual(await fail('/emitter'), ['faulty', 'in an event']);
  t.deepEqual(await fail('/deeper'), ['faulty', 'deeper']);
  t.deepEqual(await fail('/cause'), ['faulty', 'of a library']);
  t.deepEqual(await fail('/packaged'), ['packaged', 'packaged']);
  // No plugin can be named for these.
  t.deepEqual(await fail('/library'), [undefined, 'of a library']);
  t.deepEqual(await fail('/text'), [undefined, 'just text']);
  t.deepEqual(await fail('/nothing'), [undefined, undefined]);

  t.is(await (await fetch(url)).text(), 'No data in DB');
  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
});

test('an uncaught fault during the set-up of plugins is reported, and the start goes on, also with check', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': JSON.stringify({ storage: 'memory', plugins: ['./hasty.js', 'head', 'get'] }),
    'hasty.js': `export default { name: 'hasty', async setup() {
      setImmediate(() => { throw new Error('too early'); });
      await new Promise((resolve) => setTimeout(resolve, 5));
    } };`,
  });
  const { server, url } = await served(t, cwd);
  t.is(await (await fetch(url)).text(), 'No data in DB');
  t.like(server.log[0], { level: 'error', plugin: 'hasty', err: { message: 'too early' } });
  const check = await ran(t, ['check'], cwd);
  t.is(check.stdout, 'jackfield.config.json is valid: 3 plugins, storage memory (not durable)\n');
  t.like(JSON.parse(check.stderr), { level: 'error', plugin: 'hasty' });
  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
});

test('a timer that throws after a hook of any stage or after the close is logged with its plugin and harms nothing else', async (t) => {
  const cwd = await tempFolder(t, {
    'jackfield.config.json': JSON.stringify({ storage: 'memory', plugins: ['head', 'get', './hooked.js'] }),
    'hooked.js': `export default { name: 'hooked', setup({ handle, hook, onClose }) {
      const late = (stage) => void setImmediate(() => { throw new Error('late in ' + stage); });
      for (const stage of ['request', 'handler', 'response', 'error', 'close'])
        hook(stage, ({ query }) => { if (query.get('stage') === stage) late(stage); });
      handle('GET', '/fine', () => 'fine');
      handle('GET', '/failing', () => { throw new Error('at once'); });
      onClose(async () => { late('the end'); await new Promise((resolve) => setTimeout(resolve, 20)); });
    } };`,
  });
  const { server, url } = await served(t, cwd);
  const blamed = () =>
    server.log
      .filter(({ level }) => level === 'error')
      .map(({ plugin, err }) => `${plugin}: ${(err as { message: string }).message}`);
  for (const stage of ['request', 'handler', 'response', 'close']) {
    t.is(await (await fetch(`${url}/fine?stage=${stage}`)).text(), 'fine');
    await server.until(new RegExp(`late in ${stage}`), 'stderr');
    t.is(blamed().at(-1), `hooked: late in ${stage}`);
  }
  t.is((await fetch(`${url}/failing?stage=error`)).status, 500);
  await server.until(/late in error/, 'stderr');
  t.deepEqual(blamed().slice(-2), ['hooked: at once', 'hooked: late in error']);
  server.kill('SIGTERM');
  t.is((await server.ended).code, 0);
  t.is(blamed().at(-1), 'hooked: late in the end');
});

test('createServer installs no global handlers', async (t) => {
  const counts = () => process.eventNames().map((name) => [name, process.listenerCount(name)]);
  const before = counts();
  const server = createServer({ listen: { port: 0 }, storage: 'memory' });
  await server.listen();
  t.deepEqual(counts(), before);
  await server.close();
  t.deepEqual(counts(), before);
});
