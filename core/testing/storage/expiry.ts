/** Entries with a time to live. Nothing here measures time: what is to expire is asked for until it is absent. */
import assert from 'node:assert/strict';
import { committed, entryAt, everything, keysOf, put, type Suite, valueAt } from './harness.js';

const HOUR_MS = 3_600_000;

export function expiryTests(suite: Suite): void {
  suite('an entry with a time to live says when it expires and is there until then', async (store) => {
    await committed(store, { puts: [{ key: 'a', value: '1', ttlMs: HOUR_MS }] });
    const entry = await entryAt(store, 'a');
    assert.ok(Number.isSafeInteger(entry.expiresAt), '`expiresAt` is a whole number of milliseconds');
    assert.ok(
      Math.abs(entry.expiresAt! - Date.now() - HOUR_MS) < HOUR_MS / 2,
      '`expiresAt` is about an hour off',
    );
    assert.deepEqual((await store.list({ limit: 10 })).entries, [entry]);
    const { previous } = await put(store, { a: '2' });
    assert.deepEqual(previous.get('a'), entry);
  });

  suite('an expired entry is absent from everything', async (store) => {
    await put(store, { before: '1' });
    const { revision } = await committed(store, { puts: [{ key: 'a', value: '1', ttlMs: 30 }] });
    await put(store, { behind: '1' });
    await store.until('the entry expires', async () => (await store.get('a')) === undefined);
    assert.deepEqual(keysOf(await everything(store)), ['before', 'behind']);
    const [before] = (await store.list({ limit: 1 })).entries;
    assert.ok(before);
    assert.deepEqual(keysOf((await store.list({ after: before.created, limit: 1 })).entries), ['behind']);
    assert.deepEqual(await store.commit({ checks: [{ key: 'a', revision }] }), { ok: false, conflict: 'a' });
    const { previous } = await committed(store, {
      checks: [{ key: 'a', revision: 0 }],
      puts: [{ key: 'a', value: '2' }],
    });
    assert.equal(previous.size, 0);
    assert.deepEqual(keysOf(await everything(store)), ['before', 'behind', 'a']);
    assert.equal((await entryAt(store, 'a')).expiresAt, undefined);
  });

  suite('deleting what expired gives nothing back', async (store) => {
    await committed(store, { puts: [{ key: 'a', value: '1', ttlMs: 20 }] });
    await store.until('the entry expires', async () => (await everything(store)).length === 0);
    assert.equal((await committed(store, { deletes: ['a'] })).previous.size, 0);
  });

  suite('the last put decides about expiry', async (store) => {
    await committed(store, { puts: [{ key: 'stays', value: '1', ttlMs: 5_000 }] });
    await put(store, { stays: '2' });
    assert.equal((await entryAt(store, 'stays')).expiresAt, undefined);
    await put(store, { goes: '1' });
    await committed(store, { puts: [{ key: 'goes', value: '2', ttlMs: 20 }] });
    await store.until('the entry expires', async () => (await store.get('goes')) === undefined);
    assert.equal(await valueAt(store, 'stays'), '2');
  });

  suite('entries that expire together leave a listing that still pages', async (store) => {
    const keys = Array.from({ length: 20 }, (_, n) => `key ${n}`);
    await committed(store, {
      puts: keys.map((key, n) => ({ key, value: 'x', ...(n % 2 === 0 ? { ttlMs: 30 } : {}) })),
    });
    await store.until('half of them expire', async () => (await everything(store)).length <= 10);
    const left = keys.filter((_, n) => n % 2 === 1);
    assert.deepEqual(keysOf(await everything(store, 3)), left);
    assert.equal((await store.list({ limit: 10 })).next, undefined);
  });
}
