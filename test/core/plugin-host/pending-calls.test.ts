/** Where a set-up takes too long, the innermost call that does not answer is named. */
import test from 'ava';
import { createServer, defineAdapter, definePlugin } from '../../../core/index.js';
import { MemoryAdapter } from '../../../storage-adapters/memory.js';

class Hanging extends MemoryAdapter {
  override get(): never {
    // A store whose answer never comes: a promise is among what a get may return.
    return new Promise(() => {}) as never;
  }
}
const hanging = defineAdapter({ name: 'hanging', create: () => new Hanging() });

test.serial(
  'a set-up that waits for the store names the call, not one that was answered before',
  async (t) => {
    const outer = definePlugin({
      name: 'outer',
      async setup({ storage }) {
        await storage.commit({ puts: [{ key: 'k', value: 'v' }] });
        const inner = async () => void (await storage.get('k'));
        await inner();
      },
    });
    const limits = { setupTimeoutMs: 200 };
    const server = createServer({ storage: { adapter: hanging }, plugins: [outer], limits });
    await t.throwsAsync(server.ready(), {
      code: 'PLUGIN_SETUP_TIMEOUT',
      message:
        'A plugin was not set up in time: "outer" took longer than 200 ms and waits for storage.get. Find out what it waits for, or raise "limits.setupTimeoutMs".',
    });
  },
);

test.serial('a set-up that waits for something of its own is told by its name', async (t) => {
  const own = definePlugin({ name: 'own', setup: () => new Promise<void>(() => {}) });
  const limits = { setupTimeoutMs: 200 };
  const server = createServer({ storage: 'memory', plugins: [own], limits });
  await t.throwsAsync(server.ready(), { message: /"own" took longer than 200 ms\. Find out/ });
});

test('the store of a plugin has its name, and watch where there is one', async (t) => {
  t.plan(2);
  const server = createServer({
    storage: 'memory',
    plugins: [
      definePlugin({
        name: 'looks',
        setup({ storage }) {
          t.is(storage.name, 'memory');
          t.is(typeof storage.watch, storage.supports.watch ? 'function' : 'undefined');
        },
      }),
    ],
  });
  await server.ready();
  await server.close();
});
