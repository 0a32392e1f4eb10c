/** The adapter's declarations, `close`, and opening again. */
import assert from 'node:assert/strict';
import { StorageError } from '../../storage/contract.js';
import {
  committed,
  entryAt,
  everything,
  type OpenStore,
  pairsOf,
  put,
  type Suite,
  valueAt,
} from './harness.js';

export function lifeTests(suite: Suite): void {
  suite('an adapter has a name and declares what it supports', async ({ adapter }) => {
    assert.match(adapter.name, /\S/);
    const { durable, shared, bounded, watch } = adapter.supports;
    for (const declared of [durable, bounded, watch]) assert.equal(typeof declared, 'boolean');
    assert.ok(['process', 'machine', 'cluster'].includes(shared));
    assert.equal(typeof adapter.watch === 'function', watch, '`watch` is present exactly if it is declared');
  });

  suite('after `close` every call fails with STORAGE_CLOSED', async (store) => {
    await put(store, { a: '1' });
    await store.close();
    const closed = (error: unknown) => error instanceof StorageError && error.code === 'STORAGE_CLOSED';
    await assert.rejects(store.get('a'), closed);
    await assert.rejects(store.list({ limit: 1 }), closed);
    await assert.rejects(store.commit({ puts: [{ key: 'a', value: '2' }] }), closed);
  });

  suite('`close` waits for commits in progress', async (store) => {
    const commits = Array.from({ length: 10 }, (_, n) => put(store, { [`key ${n}`]: 'x' }));
    // A commit that has not begun may be refused; an acknowledged one must not be lost.
    const settled = Promise.allSettled(commits);
    await store.close();
    const answered = (await settled).filter(({ status }) => status === 'fulfilled').length;
    if (!store.adapter.supports.durable) return;
    const again = await reopened(store);
    assert.ok((await everything(again)).length >= answered);
  });

  suite('a durable store has the same entries in the same order after reopening', async (store) => {
    if (!store.adapter.supports.durable) return;
    const keys = ['10', '9', 'b', '1', '__proto__', 'a', 'nul\0', 'line\nbreak', '\u{1f600}', '"quoted\\"'];
    for (const key of keys) await committed(store, { puts: [{ key, value: `value of ${key}` }] });
    await put(store, { b: '', '9': 'changed' });
    await committed(store, { deletes: ['1'] });
    await put(store, { '1': 'again', '0': 'last' });
    const before = pairsOf(await everything(store));
    await store.close();
    const again = await reopened(store);
    assert.deepEqual(pairsOf(await everything(again, 3)), before);
    for (const [key, value] of before) assert.equal(await valueAt(again, key!), value);
    // Reopen a second time, to read what the second adapter wrote.
    await put(again, { newest: 'x', '0': 'changed' });
    await again.close();
    const third = await reopened(store);
    assert.deepEqual(pairsOf(await everything(third)), [
      ...before.map(([key, value]) => [key, key === '0' ? 'changed' : value]),
      ['newest', 'x'],
    ]);
  });

  suite('a durable store keeps every entry unchanged over reopening, with `created` and `revision`', async (store) => {
    if (!store.adapter.supports.durable) return;
    await put(store, { a: '1', b: '1', c: '1' });
    await put(store, { b: '2' });
    await committed(store, { deletes: ['c'] });
    await committed(store, { puts: [{ key: 'd', value: '1', ttlMs: 3_600_000 }] });
    const before = await everything(store);
    await store.close();
    assert.deepEqual(await everything(await reopened(store)), before);
  });

  suite('no number is assigned twice, even if the entry that had it was deleted before reopening', async (store) => {
    if (!store.adapter.supports.durable) return;
    await put(store, { a: '1' });
    await put(store, { b: '1' });
    const { created } = await entryAt(store, 'b');
    const { revision } = await committed(store, { deletes: ['b'] });
    await store.close();
    const again = await reopened(store);
    const later = await put(again, { b: '1' });
    assert.ok(later.revision > revision, `revision ${later.revision} follows ${revision}`);
    assert.ok((await entryAt(again, 'b')).created > created);
  });

  suite('numbers assigned after reopening are higher than those of the existing entries', async (store) => {
    if (!store.adapter.supports.durable) return;
    await put(store, { a: '1', b: '1', c: '1' });
    await put(store, { a: '2' });
    await committed(store, { deletes: ['c'] });
    await store.close();
    const again = await reopened(store);
    const entries = await everything(again);
    const { revision } = await put(again, { d: '1' });
    const { created } = await entryAt(again, 'd');
    for (const entry of entries) {
      assert.ok(created > entry.created);
      assert.ok(revision > entry.revision);
    }
  });

  suite('a durable store keeps expiry over a restart', async (store) => {
    if (!store.adapter.supports.durable) return;
    await committed(store, {
      puts: [
        { key: 'stays', value: '1' },
        { key: 'long', value: '1', ttlMs: 3_600_000 },
        { key: 'short', value: '1', ttlMs: 50 },
      ],
    });
    const { expiresAt } = await entryAt(store, 'long');
    await store.close();
    const again = await reopened(store);
    assert.equal((await entryAt(again, 'long')).expiresAt, expiresAt);
    await again.until('the entry expires', async () => (await again.get('short')) === undefined);
    assert.equal((await entryAt(again, 'stays')).expiresAt, undefined);
  });

  suite('if only one process may open the data, a second adapter is refused while the first is open', async (store) => {
    const { durable, shared } = store.adapter.supports;
    if (!durable || shared !== 'process') return;
    await assert.rejects(
      reopened(store),
      (error: unknown) => error instanceof StorageError && error.code === 'STORAGE_LOCKED',
    );
    await put(store, { a: '1' });
    await store.close();
    assert.equal(await valueAt(await reopened(store), 'a'), '1');
  });

  suite("adapters that share their data see each other's commits", async (store) => {
    if (store.adapter.supports.shared === 'process') return;
    const other = await reopened(store);
    await put(store, { a: '1' });
    assert.deepEqual(await other.get('a'), await store.get('a'));
    const { previous } = await put(other, { a: '2', b: '1' });
    assert.equal(previous.get('a')?.value, '1');
    assert.deepEqual(await everything(store), await everything(other));
  });
}

async function reopened(store: OpenStore): Promise<OpenStore> {
  assert.ok(store.reopen, 'this adapter needs a `reopen` to be tested');
  return store.reopen();
}
