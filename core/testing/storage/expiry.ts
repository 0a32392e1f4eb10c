/**
 * Entries with a time to live. The tests measure no time: they poll until an entry is absent. They ask the store for
 * the time, because its clock may be that of another machine.
 */
import assert from 'node:assert/strict';
import {
  committed,
  entryAt,
  everything,
  keysOf,
  type OpenStore,
  put,
  type Suite,
  valueAt,
} from './harness.js';

const HOUR_MS = 3_600_000;
/** Longer than a timer of 32 bits can wait. */
const CENTURY_MS = 3_155_760_000_000;

export function expiryTests(suite: Suite): void {
  suite('an entry with a time to live has `expiresAt` and exists until then', async (store) => {
    await committed(store, { puts: [{ key: 'a', value: '1', ttlMs: HOUR_MS }] });
    const entry = await entryAt(store, 'a');
    assert.ok(Number.isSafeInteger(entry.expiresAt), '`expiresAt` is a whole number of milliseconds');
    assert.ok(
      Math.abs(entry.expiresAt! - Date.now() - HOUR_MS) < HOUR_MS / 2,
      '`expiresAt` is about an hour from now',
    );
    assert.deepEqual((await store.list({ limit: 10 })).entries, [entry]);
    const { previous } = await put(store, { a: '2' });
    assert.deepEqual(previous.get('a'), entry);
  });

  suite('an expired entry is absent from every answer', async (store) => {
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

  suite('deleting an expired key returns no previous entry', async (store) => {
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

  suite('a listing still pages after many entries expire together', async (store) => {
    const keys = Array.from({ length: 20 }, (_, n) => `key ${n}`);
    await committed(store, {
      puts: keys.map((key, n) => ({ key, value: 'x', ...(n % 2 === 0 ? { ttlMs: 30 } : {}) })),
    });
    await store.until('half of them expire', async () => (await everything(store)).length <= 10);
    const left = keys.filter((_, n) => n % 2 === 1);
    assert.deepEqual(keysOf(await everything(store, 3)), left);
    assert.equal((await store.list({ limit: 10 })).next, undefined);
  });

  suite('an entry exists until exactly its `expiresAt`, by the clock of the store', async (store) => {
    const names = [1, 2, 3, 4, 5];
    await committed(store, {
      puts: names.map((n) => ({ key: `goes ${n}`, value: 'x', ttlMs: n * 10 + 10 })),
    });
    for (const n of names) {
      const key = `goes ${n}`;
      let expiresAt = (await store.get(key))?.expiresAt;
      await store.until('the entry expires', async () => {
        const before = await store.get(key);
        expiresAt ??= before?.expiresAt;
        const now = await clockOf(store);
        if (expiresAt === undefined) return before === undefined;
        if (before === undefined) assert.ok(now >= expiresAt, 'it was absent before its `expiresAt`');
        if (now < expiresAt) return false;
        assert.equal(await store.get(key), undefined, 'it still exists after its `expiresAt`');
        return true;
      });
    }
  });

  suite('`expiresAt` has a precision of milliseconds', async (store) => {
    const puts = Array.from({ length: 20 }, (_, n) => ({
      key: `key ${n}`,
      value: 'x',
      ttlMs: HOUR_MS + n * 7,
    }));
    await committed(store, { puts });
    const times = (await everything(store)).map(({ expiresAt }) => expiresAt ?? 0);
    for (const [at, time] of times.entries()) {
      assert.ok(at === 0 || time > times[at - 1]!, `not ascending: ${times.join(', ')}`);
    }
  });

  suite('a time to live of a century does not expire at once', async (store) => {
    await committed(store, { puts: [{ key: 'stays', value: '1', ttlMs: CENTURY_MS }] });
    await committed(store, { puts: [{ key: 'goes', value: '1', ttlMs: 30 }] });
    await store.until('the other expires', async () => (await store.get('goes')) === undefined);
    assert.ok((await entryAt(store, 'stays')).expiresAt! > Date.now() + CENTURY_MS / 2);
    assert.deepEqual(keysOf(await everything(store)), ['stays']);
  });

  suite('a time to live that a later put or delete has replaced removes nothing', async (store) => {
    const keys = ['put again', 'with a longer time', 'deleted and put'];
    await committed(store, { puts: keys.map((key) => ({ key, value: '1', ttlMs: 30 })) });
    await committed(store, { deletes: ['deleted and put'] });
    await committed(store, {
      puts: [
        { key: 'put again', value: '2' },
        { key: 'with a longer time', value: '2', ttlMs: HOUR_MS },
        { key: 'deleted and put', value: '2' },
        { key: 'goes', value: '1', ttlMs: 60 },
      ],
    });
    await store.until('the last expires', async () => (await store.get('goes')) === undefined);
    for (const key of keys) assert.equal(await valueAt(store, key), '2', key);
    assert.equal((await everything(store)).length, keys.length);
  });
}

/** The time of the store, from which it counts a time to live. */
async function clockOf(store: OpenStore): Promise<number> {
  await committed(store, { puts: [{ key: 'clock', value: 'x', ttlMs: HOUR_MS }] });
  return (await entryAt(store, 'clock')).expiresAt! - HOUR_MS;
}
