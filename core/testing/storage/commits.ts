/** Checks, puts and deletes in one commit: all or nothing, and the entries from before. */
import assert from 'node:assert/strict';
import {
  committed,
  entryAt,
  everything,
  keysOf,
  type OpenStore,
  pairsOf,
  put,
  refused,
  type Suite,
  valueAt,
} from './harness.js';

export function commitTests(suite: Suite): void {
  suite('a put creates an entry, and another put changes its value', async (store) => {
    await put(store, { a: '1' });
    assert.equal(await valueAt(store, 'a'), '1');
    await put(store, { a: '2' });
    assert.equal(await valueAt(store, 'a'), '2');
  });

  suite('a delete makes the entry absent; deleting an absent key is not an error', async (store) => {
    await put(store, { a: '1' });
    await committed(store, { deletes: ['a', 'never there'] });
    assert.equal(await store.get('a'), undefined);
    const { previous } = await committed(store, { deletes: ['a'] });
    assert.equal(previous.size, 0);
  });

  suite('an empty change is a commit', async (store) => {
    const { previous } = await committed(store, {});
    assert.equal(previous.size, 0);
  });

  suite('a commit returns the previous entry of each key, and nothing for absent keys', async (store) => {
    await put(store, { a: '1', b: '2', untouched: '3' });
    const [a, b] = [await entryAt(store, 'a'), await entryAt(store, 'b')];
    const { previous } = await committed(store, {
      checks: [{ key: 'untouched', revision: a.revision }],
      puts: [
        { key: 'new', value: 'x' },
        { key: 'a', value: 'y' },
      ],
      deletes: ['b', 'absent'],
    });
    assert.ok(previous instanceof Map);
    assert.deepEqual(
      previous,
      new Map([
        ['a', a],
        ['b', b],
      ]),
    );
  });

  suite('every commit has a higher revision, and its puts have this revision', async (store) => {
    const first = await put(store, { a: '1', b: '1' });
    assert.equal((await entryAt(store, 'a')).revision, first.revision);
    assert.equal((await entryAt(store, 'b')).revision, first.revision);
    const second = await put(store, { b: '2' });
    assert.ok(second.revision > first.revision);
    assert.equal((await entryAt(store, 'a')).revision, first.revision);
    assert.equal((await entryAt(store, 'b')).revision, second.revision);
    const third = await committed(store, { deletes: ['a'] });
    assert.ok(third.revision > second.revision);
    assert.ok((await put(store, { a: '3' })).revision > third.revision);
  });

  suite('a put of the same value is also a change', async (store) => {
    const first = await put(store, { a: 'same' });
    const second = await put(store, { a: 'same' });
    assert.ok(second.revision > first.revision);
    assert.equal((await entryAt(store, 'a')).revision, second.revision);
    await refused(store, 'a', { checks: [{ key: 'a', revision: first.revision }], deletes: ['a'] });
  });

  suite('`created` is unique within a commit and follows the order of its puts', async (store) => {
    await put(store, { z: '1', m: '1', a: '1' });
    await put(store, { y: '1', b: '1' });
    const created = [];
    for (const key of ['z', 'm', 'a', 'y', 'b']) created.push((await entryAt(store, key)).created);
    assertAscending(created);
  });

  suite('a later put keeps `created` and the place in the listing', async (store) => {
    await put(store, { a: '1', b: '1', c: '1' });
    const before = await entryAt(store, 'a');
    await put(store, { d: '1', a: '2' });
    assert.equal((await entryAt(store, 'a')).created, before.created);
    assert.deepEqual(pairsOf(await everything(store)), [
      ['a', '2'],
      ['b', '1'],
      ['c', '1'],
      ['d', '1'],
    ]);
  });

  suite('an entry that is deleted and put again is new: last in the listing, with a new `created`', async (store) => {
    await put(store, { a: '1', b: '1' });
    const before = await entryAt(store, 'a');
    await committed(store, { deletes: ['a'] });
    await put(store, { a: '2' });
    const after = await entryAt(store, 'a');
    assert.ok(after.created > before.created);
    assert.deepEqual(keysOf(await everything(store)), ['b', 'a']);
    // Also if the entry with the highest number is gone.
    await committed(store, { deletes: ['a', 'b'] });
    await put(store, { a: '3' });
    assert.ok((await entryAt(store, 'a')).created > after.created);
  });

  suite('a check of revision 0 holds only if the key is absent', async (store) => {
    const absent = [{ key: 'a', revision: 0 }];
    await committed(store, { checks: absent, puts: [{ key: 'a', value: '1' }] });
    await refused(store, 'a', { checks: absent, puts: [{ key: 'a', value: '2' }] });
    assert.equal(await valueAt(store, 'a'), '1');
    await committed(store, { deletes: ['a'] });
    await committed(store, { checks: absent, puts: [{ key: 'a', value: '3' }] });
  });

  suite('a check of a revision holds only for exactly that revision', async (store) => {
    const { revision } = await put(store, { a: '1' });
    const later = await committed(store, {
      checks: [{ key: 'a', revision }],
      puts: [{ key: 'a', value: '2' }],
    });
    await refused(store, 'a', { checks: [{ key: 'a', revision }], puts: [{ key: 'a', value: '3' }] });
    await refused(store, 'a', {
      checks: [{ key: 'a', revision: later.revision + 1 }],
      puts: [{ key: 'a', value: '3' }],
    });
    assert.equal(await valueAt(store, 'a'), '2');
    await committed(store, { checks: [{ key: 'a', revision: later.revision }], deletes: ['a'] });
    await refused(store, 'a', { checks: [{ key: 'a', revision: later.revision }] });
  });

  suite('a check of a revision fails for an entry that was deleted and put again', async (store) => {
    const { revision } = await put(store, { a: '1' });
    await committed(store, { deletes: ['a'] });
    await put(store, { a: '1' });
    await refused(store, 'a', { checks: [{ key: 'a', revision }], deletes: ['a'] });
  });

  suite('the conflict is the first check that does not hold', async (store) => {
    await put(store, { a: '1', b: '1' });
    const checks = ['absent', 'b', 'a'].map((key) => ({ key, revision: 0 }));
    await refused(store, 'b', { checks });
  });

  suite('if one check fails, nothing changes, neither puts nor deletes', async (store) => {
    await put(store, { a: '1', b: '2', c: '3' });
    const before = await everything(store);
    await refused(store, 'c', {
      checks: [
        { key: 'a', revision: (await entryAt(store, 'a')).revision },
        { key: 'new', revision: 0 },
        { key: 'c', revision: 0 },
      ],
      puts: [
        { key: 'a', value: 'changed' },
        { key: 'new', value: 'x' },
      ],
      deletes: ['b', 'c'],
    });
    assert.deepEqual(await everything(store), before);
    assert.equal(await store.get('new'), undefined);
  });

  suite('thousands of puts can be one commit', async (store) => {
    // A bounded store may have no space for 5,000 entries.
    const count = store.adapter.supports.bounded ? 500 : 5_000;
    const puts = Array.from({ length: count }, (_, n) => ({ key: `key ${count - n}`, value: String(n) }));
    const { revision } = await committed(store, {
      checks: puts.map(({ key }) => ({ key, revision: 0 })),
      puts,
    });
    const entries = await everything(store, 1_000);
    assert.deepEqual(
      pairsOf(entries),
      puts.map(({ key, value }) => [key, value]),
    );
    assert.ok(entries.every((entry) => entry.revision === revision));
    await refusedCreate(store, puts);
  });
}

/** All keys but the last are free: creating all of them must create none. */
async function refusedCreate(
  store: OpenStore,
  puts: readonly { key: string; value: string }[],
): Promise<void> {
  const free = puts.map(({ key, value }, n) => ({
    key: n === puts.length - 1 ? key : `other ${key}`,
    value,
  }));
  const checks = free.map(({ key }) => ({ key, revision: 0 }));
  await refused(store, free.at(-1)!.key, { checks, puts: free });
  assert.equal(await store.get(free[0]!.key), undefined);
  assert.equal((await everything(store, 1_000)).length, puts.length);
}

function assertAscending(numbers: readonly number[]): void {
  for (const [at, number] of numbers.entries()) {
    assert.ok(at === 0 || number > numbers[at - 1]!, `not ascending: ${numbers.join(', ')}`);
  }
}
