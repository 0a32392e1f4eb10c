import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import type { JsonFileAdapter } from '../../../storage-adapters/json-file/json-file.js';
import { freshFolder, onDisk, opened, outcomeOf, puts } from './helpers.js';

const HOUR_MS = 3_600_000;
const session = (value: string, ttlMs = HOUR_MS) => ({ puts: [{ key: 'session', value, ttlMs }] });
const expiryOf = (adapter: JsonFileAdapter, key = 'session') => adapter.get(key)?.expiresAt;

test('the data file contains nothing about expiry', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await adapter.commit(puts({ a: '1' }));
  await adapter.commit(session('x'));
  await adapter.checkpoint();
  t.is(await readFile(path, 'utf8'), '{\n  "a": "1",\n  "session": "x"\n}\n');
});

test('expiry is known after a restart, whatever was written later', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await adapter.commit(session('x'));
  const expiresAt = expiryOf(adapter);
  await adapter.commit(puts({ b: '1' }));
  await adapter.close();
  const again = await opened(t, { path });
  t.is(expiryOf(again), expiresAt);
  await again.commit(puts({ c: '1' }));
  await again.close();
  t.is(expiryOf(await opened(t, { path })), expiresAt);
});

test('a new expiry for the same value is kept, although the data file does not change', async (t) => {
  const { path } = await freshFolder(t);
  for (const change of [session('x'), session('x', 2 * HOUR_MS), puts({ session: 'x' }), session('x')]) {
    const adapter = await opened(t, { path });
    await adapter.commit(change);
    const expiresAt = expiryOf(adapter);
    await adapter.close();
    const again = await opened(t, { path });
    t.is(again.get('session')?.value, 'x');
    t.is(expiryOf(again), expiresAt);
    await again.close();
  }
});

test('a value edited by hand does not expire, and its neighbours still do', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await adapter.commit(session('x'));
  await adapter.commit({ puts: [{ key: 'other', value: 'y', ttlMs: HOUR_MS }] });
  await adapter.close();
  await writeFile(path, (await readFile(path, 'utf8')).replace('"x"', '"edited"'));
  const again = await opened(t, { path });
  t.is(again.get('session')?.value, 'edited');
  t.is(expiryOf(again), undefined);
  t.is(typeof expiryOf(again, 'other'), 'number');
});

test('an entry that expired while the server was stopped is absent, and leaves the file', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await adapter.commit(session('x', 1));
  await adapter.commit(puts({ a: '1' }));
  await adapter.close();
  const again = await opened(t, { path });
  t.is(again.get('session'), undefined);
  await again.commit(puts({ b: '1' }));
  await again.checkpoint();
  t.deepEqual(onDisk(path), [
    ['a', '1'],
    ['b', '1'],
  ]);
});

test('an expiry for a missing key is ignored', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await adapter.commit(session('x'));
  await adapter.close();
  await writeFile(path, '{"a": "1"}');
  const again = await opened(t, { path });
  t.is(expiryOf(again, 'a'), undefined);
  await again.commit(puts({ session: 'x' }));
  await again.close();
  t.is(expiryOf(await opened(t, { path })), undefined);
});

test('any number of entries that expire at once are one change, and the next commit succeeds', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  const many = Array.from({ length: 200_000 }, (_, n) => ({ key: `k${n}`, value: '', ttlMs: 1 }));
  const { revision: put } = await adapter.commit({ puts: many }).then((result) => {
    if (!result.ok) throw new Error('refused');
    return result;
  });
  const changes = adapter.watch(put)[Symbol.asyncIterator]();
  const expired = changes.next();
  t.is(await outcomeOf(() => adapter.commit(puts({ a: '1' }))), 'ok');
  t.is((await expired).value?.deletes.length, many.length);
  await changes.return?.();
});
