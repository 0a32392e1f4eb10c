/** The feed of changes: in order, complete and without gaps. */
import assert from 'node:assert/strict';
import type { WatchedChange } from '../../storage/contract.js';
import { changesAfter, readerOf, readUntil, revisionOf, suiteOfFeeds, unmarked } from './feed-reader.js';
import { committed, entryAt, everything, meanwhile, put, type Suite } from './harness.js';

export function watchTests(suite: Suite): void {
  const watching = suiteOfFeeds(suite);

  watching('`revision` is 0 in a new store, then the revision of the last change', async (store) => {
    assert.equal(await revisionOf(store), 0);
    const { revision } = await put(store, { a: '1' });
    assert.equal(await revisionOf(store), revision);
    const later = await committed(store, { deletes: ['a'] });
    assert.equal(await revisionOf(store), later.revision);
  });

  watching('a reader gets every change after its revision, complete and in order', async (store) => {
    const first = await put(store, { z: '1', a: '2' });
    const [z, a] = [await entryAt(store, 'z'), await entryAt(store, 'a')];
    const second = await committed(store, {
      puts: [
        { key: 'a', value: '3' },
        { key: 'new', value: '' },
      ],
      deletes: ['z', 'never there'],
    });
    const expected: WatchedChange[] = [
      { revision: first.revision, puts: [z, a], deletes: [] },
      {
        revision: second.revision,
        puts: [await entryAt(store, 'a'), await entryAt(store, 'new')],
        deletes: ['z'],
      },
    ];
    assert.deepEqual(unmarked(await changesAfter(store, 0, second.revision)), expected);
    assert.deepEqual(unmarked(await changesAfter(store, first.revision, second.revision)), expected.slice(1));
  });

  watching('a waiting reader gets the next change', async (store) => {
    const { revision } = await put(store, { a: '1' });
    const reader = readerOf(store, revision);
    const waiting = meanwhile(reader.next());
    const later = await put(store, { a: '2' });
    const expected = { revision: later.revision, puts: [await entryAt(store, 'a')], deletes: [] };
    const { done, value } = await waiting;
    assert.deepEqual([done, unmarked([value])], [false, [expected]]);
    await reader.return?.();
  });

  watching('a reported change can already be read', async (store) => {
    const reader = readerOf(store, 0);
    for (let round = 0; round < 10; round += 1) {
      const waiting = meanwhile(reader.next());
      const written = put(store, { a: String(round) });
      const { value } = await waiting;
      assert.equal((await entryAt(store, 'a')).revision, value?.revision);
      await written;
    }
    await reader.return?.();
  });

  watching('a refused commit and an empty one report no puts and deletes', async (store) => {
    const { revision } = await put(store, { a: '1' });
    await store.commit({ checks: [{ key: 'a', revision: 0 }], puts: [{ key: 'a', value: 'no' }] });
    await committed(store, { deletes: ['never there'] });
    const last = await put(store, { b: '1' });
    const changes = await changesAfter(store, revision, last.revision);
    // A commit that changed nothing may be reported, but then without puts and deletes.
    const withContent = changes.filter(({ puts, deletes }) => puts.length + deletes.length > 0);
    assert.deepEqual(
      withContent.map(({ puts }) => puts.map(({ key }) => key)),
      [['b']],
    );
  });

  watching('a reader may start after the revision of any commit', async (store) => {
    for (const change of [{}, { deletes: ['never there'] }, { puts: [{ key: 'a', value: '1' }] }]) {
      const { revision } = await committed(store, change);
      const reader = readerOf(store, revision);
      const waiting = meanwhile(reader.next());
      await put(store, { b: String(revision) });
      assert.deepEqual(
        (await waiting).value?.puts.map(({ key, value }: { key: string; value: string }) => [key, value]),
        [['b', String(revision)]],
      );
      await reader.return?.();
    }
  });

  watching(
    'racing commits are reported once each, by ascending revision, and replaying them gives the listing',
    async (store) => {
      const reader = readerOf(store, 0);
      const keys = Array.from({ length: 6 }, (_, n) => `key ${n}`);
      const results = await Promise.all(
        Array.from({ length: 60 }, (_, n) =>
          committed(store, {
            puts: [
              { key: keys[n % 6]!, value: String(n) },
              { key: `own ${n}`, value: String(n) },
            ],
            deletes: [keys[(n + 1) % 6]!],
          }),
        ),
      );
      const last = Math.max(...results.map(({ revision }) => revision));
      const changes = await readUntil(reader, last);
      assert.deepEqual(
        changes.map(({ revision }) => revision),
        results.map(({ revision }) => revision).toSorted((one, other) => one - other),
      );
      const replayed = new Map<string, unknown>();
      for (const { puts, deletes } of changes) {
        for (const entry of puts) replayed.set(entry.key, entry);
        for (const key of deletes) replayed.delete(key);
      }
      const entries = await everything(store);
      assert.deepEqual(replayed, new Map(entries.map((entry) => [entry.key, entry])));
    },
  );

  watching('a reader that stops and starts again misses nothing and gets nothing twice', async (store) => {
    const write = async () => {
      for (let n = 0; n < 50; n += 1) await put(store, { [`key ${n % 7}`]: String(n) });
    };
    const writing = meanwhile(write());
    const seen: string[] = [];
    for (let revision = 0; seen.length < 50; ) {
      const reader = readerOf(store, revision);
      for (let take = 0; take <= seen.length % 3 && seen.length < 50; take += 1) {
        const { value } = await reader.next();
        assert.ok(value !== undefined, 'the feed does not end');
        assert.ok(value.revision > revision);
        revision = value.revision;
        seen.push(...value.puts.map((entry: { value: string }) => entry.value));
      }
      await reader.return?.();
    }
    await writing;
    assert.deepEqual(
      seen,
      Array.from({ length: 50 }, (_, n) => String(n)),
    );
  });

  watching('each reader reads at its own pace', async (store) => {
    const [fast, slow] = [readerOf(store, 0), readerOf(store, 0)];
    let last = 0;
    for (let n = 0; n < 20; n += 1) last = (await put(store, { a: String(n) })).revision;
    const expected = await readUntil(fast, last);
    assert.equal(expected.length, 20);
    assert.deepEqual(await readUntil(slow, last), expected);
  });

  watching('expiry is reported as a delete, with its own revision, without any call', async (store) => {
    const { revision } = await committed(store, {
      puts: [
        { key: 'goes', value: '1', ttlMs: 30 },
        { key: 'stays', value: '1' },
      ],
    });
    const reader = readerOf(store, revision);
    const { value } = await reader.next();
    assert.deepEqual([value?.puts, value?.deletes], [[], ['goes']]);
    assert.ok(value!.revision > revision);
    const later = await put(store, { goes: '2' });
    assert.ok(later.revision > value!.revision);
    assert.deepEqual((await reader.next()).value?.puts, [await entryAt(store, 'goes')]);
    await reader.return?.();
  });

  watching('a put of an expired key is reported after the expiry', async (store) => {
    const { revision } = await committed(store, { puts: [{ key: 'a', value: '1', ttlMs: 20 }] });
    await store.until('the entry expires', async () => (await store.get('a')) === undefined);
    const again = await put(store, { a: '2' });
    const changes = await changesAfter(store, revision, again.revision);
    const events = changes.flatMap(({ puts, deletes }) => [
      ...deletes.map((key) => `delete ${key}`),
      ...puts.map(({ key }) => `put ${key}`),
    ]);
    assert.deepEqual(events, ['delete a', 'put a']);
  });
}
