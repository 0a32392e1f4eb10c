/** A store that takes long to open: the log names its adapter, and the start waits. */
import test from 'ava';
import { createLog } from '../../../core/log.js';
import { openStorage } from '../../../core/storage/open-storage.js';
import memory from '../../../storage-adapters/memory.js';

test('an adapter that opens late is named in the log, and its store is used', async (t) => {
  const lines: string[] = [];
  let resolve = (): void => {};
  const named = new Promise<void>((done) => {
    resolve = done;
  });
  const log = createLog((line) => {
    lines.push(line);
    resolve();
  }, 'warn');
  const adapter = memory.create({}, { folder: '/', log });
  const { open } = adapter;
  // Keeps the process alive, as a connection or a disk would.
  const waiting = setInterval(() => {}, 1_000);
  t.teardown(() => clearInterval(waiting));
  adapter.open = async () => {
    await named;
    await open.call(adapter);
  };
  const door = await openStorage({ adapter }, { folder: '/', locate: () => '' }, log, 1);
  t.teardown(() => door.close());
  t.like(JSON.parse(lines[0]!), { level: 'warn', adapter: 'memory' });
  t.regex(lines[0]!, /The store is not open yet/);
  t.is(await door.get('a'), undefined);
});
