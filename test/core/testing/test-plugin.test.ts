/** `testPlugin` and `pluginContract` of `jackfield/testing`. */
import test from 'ava';
import { z } from 'zod';
import { definePlugin, type PluginReference } from '../../../core/index.js';
import { type PluginContractOptions, pluginContract, testPlugin } from '../../../core/testing/index.js';
import { tempFolder } from '../temp-folder.js';

const shout = definePlugin({
  name: 'shout',
  version: '1.0.0',
  options: z.strictObject({ mark: z.string().default('!') }),
  setup({ handle, storage, log, options, onClose }) {
    handle('SHOUT', '/', async (request) => {
      const text = (await request.text()).toUpperCase() + options.mark;
      await storage.commit({ puts: [{ key: 'last', value: text }] });
      log.debug({ text }, 'shouted');
      return text;
    });
    onClose(() => log.info('silent'));
  },
});

test('a plugin answers, stores and logs without a socket', async (t) => {
  const { inject, storage, log, report, close } = await testPlugin(shout, { options: { mark: '?' } });
  await storage.commit({ puts: [{ key: 'before', value: 'x' }] });
  t.is((await inject({ method: 'SHOUT', body: 'hey', headers: { host: 'any.example' } })).text, 'HEY?');
  t.is((await storage.get('last'))?.value, 'HEY?');
  t.like(log.at(-1), { level: 'debug', plugin: 'shout', message: 'shouted', text: 'HEY?' });
  t.like(report, { name: 'shout', version: '1.0.0', claims: [{ method: 'SHOUT', pattern: '/' }] });
  await close();
  t.like(log.at(-1), { message: 'silent' });
});

test('the plugin may be named, need others, have a prefix and use another store', async (t) => {
  const folder = await tempFolder(t, {
    'needy.mjs':
      "export default { name: 'needy', needs: ['shout'], setup: ({ handle, storage }) => handle('NAME', '/', () => storage.name) };",
  });
  const { inject, report, close } = await testPlugin('./needy.mjs', {
    folder,
    with: [shout],
    prefix: '/x',
    storage: 'lru',
  });
  t.is((await inject({ method: 'NAME', target: '/x' })).text, 'lru');
  t.is((await inject({ method: 'SHOUT', body: 'a' })).text, 'A!');
  t.like(report, { name: 'needy', prefix: '/x' });
  await close();
});

test('errors of a set-up are reported', async (t) => {
  await t.throwsAsync(testPlugin(shout, { options: { mrak: 1 } }), {
    code: 'PLUGIN_OPTIONS_INVALID',
    message: /did you mean "mark"\?/,
  });
  await t.throwsAsync(testPlugin('no-such-plugin'), { code: 'PLUGIN_UNKNOWN' });
});

/** The titles of the contract's tests that fail for this plugin. */
async function failuresOf(plugin: PluginReference, options?: PluginContractOptions): Promise<string[]> {
  const tests: { title: string; body: () => Promise<void> }[] = [];
  pluginContract((title, body) => tests.push({ title, body }), plugin, options);
  const failures: string[] = [];
  for (const { title, body } of tests) {
    await body().catch(() => failures.push(title.replace('plugin contract: ', '')));
  }
  return failures;
}

pluginContract(
  (title, body) =>
    test(title, async (t) => {
      await body();
      t.pass();
    }),
  shout,
  { options: { mark: '?' }, wrong: [{ mark: 1 }, { mark: null }] },
);

test('the contract finds the faults that it should find', async (t) => {
  const lax = definePlugin({
    name: 'lax',
    options: z.object({ mark: z.coerce.string().default('') }),
    setup() {},
  });
  t.deepEqual(await failuresOf(lax, { wrong: [{ mark: 1 }] }), [
    'it refuses an unknown option',
    'it refuses the wrong options 1',
  ]);

  const untidy = definePlugin({
    name: 'untidy',
    setup: ({ onClose }) =>
      onClose(() => {
        throw new Error('no way');
      }),
  });
  t.deepEqual(await failuresOf(untidy), [
    'it can be set up, has a name, and closes without an error in the log',
    'two servers can use it at once, and closing one does not affect the other',
    'it can be set up again after it was closed',
  ]);

  let taken = false;
  const selfish = definePlugin({
    name: 'selfish',
    setup({ onClose }) {
      if (taken) throw new Error('There is one already.');
      taken = true;
      onClose(() => {
        taken = false;
      });
    },
  });
  t.deepEqual(await failuresOf(selfish), [
    'two servers can use it at once, and closing one does not affect the other',
    'it can be set up again after it was closed',
    'it is closed if a plugin after it fails',
    'under a prefix it claims nothing outside, and answers as without a prefix',
  ]);

  for (const fixed of [
    definePlugin({
      name: 'fixed-path',
      setup: ({ handle }) =>
        handle('GET', '/:name', ({ path, params }) => ({ status: path === `/${params.name}` ? 200 : 404 })),
    }),
    definePlugin({
      name: 'fixed-location',
      setup: ({ handle }) => handle('GET', '/old', () => ({ status: 308, headers: { Location: '/new' } })),
    }),
  ])
    t.deepEqual(await failuresOf(fixed), [
      'under a prefix it claims nothing outside, and answers as without a prefix',
    ]);

  const failing = definePlugin({
    name: 'failing-handler',
    setup: ({ handle }) =>
      handle('GET', '/:name', () => {
        throw new Error('no way');
      }),
  });
  t.deepEqual(await failuresOf(failing), [
    'two servers can use it at once, and closing one does not affect the other',
  ]);
});

for (const name of ['head', 'get', 'post', 'put', 'create', 'update']) {
  test(`the built-in plugin ${name} keeps the contract`, async (t) => {
    t.deepEqual(await failuresOf(name, { with: name === 'head' ? ['get'] : [] }), []);
  });
}

test('the built-in plugins with options keep the contract', async (t) => {
  t.deepEqual(await failuresOf('end', { options: { from: 'anywhere' }, wrong: [{ from: 'nowhere' }] }), []);
  t.deepEqual(await failuresOf('classic', { wrong: [{ timeZone: 'Nowhere' }], hasDialect: true }), []);
});
