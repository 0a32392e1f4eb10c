/** If a set-up takes too long, the error names the innermost call without an answer. */
import test from 'ava';
import { createServer, defineAdapter, definePlugin } from '../../../core/index.js';
import { MemoryAdapter } from '../../../storage-adapters/memory.js';

class Hanging extends MemoryAdapter {
  override get(): never {
    // A get that never answers.
    return new Promise(() => {}) as never;
  }
}
const hanging = defineAdapter({ name: 'hanging', create: () => new Hanging() });

test.serial('a set-up that waits for the store names the waiting call, not an answered one', async (t) => {
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
});

test.serial('a set-up that waits for something else is reported by its name', async (t) => {
  const own = definePlugin({ name: 'own', setup: () => new Promise<void>(() => {}) });
  const limits = { setupTimeoutMs: 200 };
  const server = createServer({ storage: 'memory', plugins: [own], limits });
  await t.throwsAsync(server.ready(), { message: /"own" took longer than 200 ms\. Find out/ });
});

test('the store of a plugin has its name, and `watch` if the adapter has it', async (t) => {
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
