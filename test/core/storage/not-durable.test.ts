/** A server over a store that does not keep what it answers says so, once, when it begins to listen. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { StorageConfig } from '../../../core/config/server-config.js';
import { createServer } from '../../../core/server.js';
import { readableLog } from '../../storage-adapters/outage.js';
import { tempFolder } from '../temp-folder.js';

async function toldBy(t: ExecutionContext, storage: StorageConfig | string, does: 'listen' | 'inject') {
  const { log, lines } = readableLog();
  const config = { listen: { port: 0 }, storage, plugins: ['get'] };
  const server = createServer(config, { log });
  t.teardown(() => server.close());
  await server[does]();
  await server.reload({ ...config, plugins: ['get', 'head'] });
  return lines.filter((line) => line.includes('not durable'));
}

for (const adapter of ['memory', 'lru']) {
  test(`${adapter}: its entries may be gone when the server stops`, async (t) => {
    const told = await toldBy(t, adapter, 'listen');
    t.is(told.length, 1);
    t.like(JSON.parse(told[0] ?? ''), { level: 'info', adapter });
    t.deepEqual(await toldBy(t, adapter, 'inject'), [], 'nobody waits for a server that listens nowhere');
  });
}

test('json-file: nothing is told, for it keeps them', async (t) => {
  const path = join(await tempFolder(t), 'data.json');
  t.deepEqual(await toldBy(t, { adapter: 'json-file', options: { path } }, 'listen'), []);
});
