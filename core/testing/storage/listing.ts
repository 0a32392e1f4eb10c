/** Pages in creation order. */
import assert from 'node:assert/strict';
import { committed, entryAt, everything, keysOf, put, type Suite } from './harness.js';

export function listingTests(suite: Suite): void {
  suite('entries are listed in creation order, even if keys look like indexes', async (store) => {
    const keys = ['10', '9', 'b', '1', 'a', '0', '-5', '2', '__proto__'];
    for (const key of keys) await committed(store, { puts: [{ key, value: key }] });
    assert.deepEqual(keysOf(await everything(store)), keys);
  });

  suite('a page has the same entries as `get`', async (store) => {
    await put(store, { b: '1', a: '2' });
    const { entries } = await store.list({ limit: 10 });
    assert.deepEqual(entries, [await entryAt(store, 'b'), await entryAt(store, 'a')]);
  });

  suite('pages of any size together are the whole listing', async (store) => {
    const keys = Array.from({ length: 23 }, (_, n) => `key ${n}`);
    await committed(store, { puts: keys.map((key) => ({ key, value: 'x' })) });
    for (const limit of [1, 2, 7, 22, 23, 24, 1_000]) {
      assert.deepEqual(keysOf(await everything(store, limit)), keys, `limit ${limit}`);
    }
  });

  suite('`next` is present only if there is another page', async (store) => {
    assert.equal((await store.list({ limit: 1 })).next, undefined);
    await put(store, { a: '1', b: '1', c: '1' });
    const { created } = await entryAt(store, 'b');
    assert.equal((await store.list({ limit: 2 })).next, created);
    assert.equal((await store.list({ limit: 3 })).next, undefined);
    assert.equal((await store.list({ limit: 4 })).next, undefined);
    assert.equal((await store.list({ limit: 1, after: created })).next, undefined);
    assert.ok(!('next' in (await store.list({ limit: 3 }))), '`next` is absent, not undefined');
  });

  suite('a page begins after `after`, even if that entry is gone or never existed', async (store) => {
    await put(store, { a: '1', b: '1', c: '1', d: '1' });
    const [b, d] = [await entryAt(store, 'b'), await entryAt(store, 'd')];
    assert.deepEqual(keysOf((await store.list({ after: b.created, limit: 10 })).entries), ['c', 'd']);
    await committed(store, { deletes: ['b'] });
    assert.deepEqual(keysOf((await store.list({ after: b.created, limit: 10 })).entries), ['c', 'd']);
    assert.deepEqual(keysOf((await store.list({ after: 0, limit: 10 })).entries), ['a', 'c', 'd']);
    for (const after of [d.created, d.created + 1_000, Number.MAX_SAFE_INTEGER]) {
      assert.deepEqual(await store.list({ after, limit: 10 }), { entries: [] });
    }
  });

  suite('a prefix selects the keys that begin with exactly these characters', async (store) => {
    const keys = [
      'user:2',
      'User:3',
      'user:1',
      'use',
      'xuser:',
      'user',
      'user:é',
      'u%er:',
      'u_er:',
      'us*r:',
      '[u]',
    ];
    await committed(store, { puts: keys.map((key) => ({ key, value: 'x' })) });
    const listed = async (prefix: string) => keysOf((await store.list({ prefix, limit: 100 })).entries);
    assert.deepEqual(await listed(''), keys);
    assert.deepEqual(await listed('user:'), ['user:2', 'user:1', 'user:é']);
    assert.deepEqual(await listed('user'), ['user:2', 'user:1', 'user', 'user:é']);
    assert.deepEqual(await listed('user:é'), ['user:é']);
    assert.deepEqual(await listed('nothing'), []);
    for (const pattern of ['u%', 'u_er:', 'us*', '[u]'])
      assert.equal((await listed(pattern)).length, 1, pattern);
    for (const pattern of ['%', '_', '*', '?', '.', '\\', '^u']) assert.deepEqual(await listed(pattern), []);
  });

  suite('pages with a prefix together have all its keys, and the last page has no `next`', async (store) => {
    // The last key does not match.
    const keys = Array.from({ length: 41 }, (_, n) => (n % 3 === 0 ? `in ${n}` : `out ${n}`));
    await committed(store, { puts: keys.map((key) => ({ key, value: 'x' })) });
    const expected = keys.filter((key) => key.startsWith('in '));
    for (const limit of [1, 3, 14, 15]) {
      assert.deepEqual(keysOf(await everything(store, limit, 'in ')), expected, `limit ${limit}`);
    }
    // Keys without the prefix follow the last match: they are not another page.
    assert.equal((await store.list({ prefix: 'in ', limit: expected.length })).next, undefined);
  });

  suite('paging while others write neither misses nor repeats an entry that existed throughout', async (store) => {
    const keys = Array.from({ length: 60 }, (_, n) => `key ${n}`);
    await committed(store, { puts: keys.map((key) => ({ key, value: 'x' })) });
    const seen: string[] = [];
    let after = 0;
    for (let page = 0; ; page += 1) {
      const { entries, next } = await store.list({ after, limit: 4 });
      seen.push(...keysOf(entries));
      if (next === undefined) break;
      after = next;
      // Entries before, at and after the cursor: every fourth is deleted, the others change, new ones are added.
      await committed(store, {
        puts: [
          { key: keys[(page * 8 + 1) % 60]!, value: 'changed' },
          { key: `new ${page}`, value: 'x' },
        ],
        deletes:
          page < 15
            ? [keys[page * 4]!, keys[56 - page * 4]!].filter((key, at, all) => all.indexOf(key) === at)
            : [],
      });
      assert.ok(page < 100, 'paging ends');
    }
    assert.equal(new Set(seen).size, seen.length, 'no entry is listed twice');
    const stayed = keys.filter((_, n) => n % 4 !== 0);
    assert.deepEqual(
      seen.filter((key) => stayed.includes(key)),
      stayed,
    );
  });
}
