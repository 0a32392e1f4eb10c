/** The ends of a feed and its readers: unknown revisions, marks, `return`, `close`, reopening, and shared data. */
import assert from 'node:assert/strict';
import type { WatchedChange } from '../../storage/contract.js';
import {
  changesAfter,
  hasCode,
  readerOf,
  readUntil,
  revisionOf,
  suiteOfFeeds,
  unmarked,
} from './feed-reader.js';
import { committed, entryAt, meanwhile, put, type Suite } from './harness.js';

export function watchLifeTests(suite: Suite): void {
  const watching = suiteOfFeeds(suite);

  watching('a revision that the store has not reached fails with STORAGE_REVISION_UNKNOWN', async (store) => {
    const { revision } = await put(store, { a: '1' });
    await assert.rejects(readerOf(store, revision + 1_000).next(), hasCode('STORAGE_REVISION_UNKNOWN'));
  });

  watching(
    'if changes have marks, a reader continues after the change that its mark names',
    async (store) => {
      const { adapter } = store;
      if (adapter.position === undefined) return;
      assert.deepEqual(await adapter.position(), { revision: 0 });
      await put(store, { a: '1' });
      // This commit changes nothing, so the position stays after the change before it.
      await committed(store, { deletes: ['never there'] });
      const place = await adapter.position();
      const later = await put(store, { a: '2' });
      const changes = await changesAfter(store, 0, later.revision);
      const marks = changes.map(({ mark }) => mark ?? '');
      for (const mark of marks) assert.match(mark, /^[0-9a-f]{1,64}$/);
      assert.equal(new Set(marks).size, changes.length);
      assert.deepEqual(place, { revision: changes[0]?.revision, mark: marks[0] });
      assert.equal((await readerOf(store, place.revision, place.mark).next()).value?.mark, marks[1]);
      await assert.rejects(
        readerOf(store, place.revision, marks[1]).next(),
        hasCode('STORAGE_REVISION_UNKNOWN'),
      );
    },
  );

  watching('`return` ends a waiting `next`', async (store) => {
    const reader = readerOf(store, 0);
    const waiting = meanwhile(reader.next());
    await reader.return?.();
    assert.deepEqual(await waiting, { done: true, value: undefined });
    assert.equal((await reader.next()).done, true);
  });

  watching('`close` ends a waiting reader; afterwards `watch` fails with STORAGE_CLOSED', async (store) => {
    const waiting = meanwhile(readerOf(store, 0).next());
    await store.close();
    assert.equal((await waiting).done, true);
    const late = async () => readerOf(store, 0).next();
    await assert.rejects(late, hasCode('STORAGE_CLOSED'));
    await assert.rejects(async () => revisionOf(store), hasCode('STORAGE_CLOSED'));
  });

  watching(
    'after reopening, a reader gets the changes after its revision, or an error if they are gone',
    async (store) => {
      if (!store.adapter.supports.durable) return;
      await put(store, { a: '1' });
      const middle = await put(store, { b: '1' });
      const last = await put(store, { c: '1' });
      await store.close();
      assert.ok(store.reopen, 'this adapter needs a `reopen` to be tested');
      const again = await store.reopen();
      assert.equal(await revisionOf(again), last.revision);
      const changes = await changesAfter(again, middle.revision, last.revision).catch(
        (error: unknown) => error,
      );
      if (changes instanceof Error) assert.ok(hasCode('STORAGE_HISTORY_GONE')(changes), String(changes));
      else assert.deepEqual((changes as WatchedChange[])[0]?.puts, [await entryAt(again, 'c')]);
      const reader = readerOf(again, last.revision);
      const waiting = meanwhile(reader.next());
      const next = await put(again, { d: '1' });
      assert.equal((await waiting).value?.revision, next.revision);
      await reader.return?.();
    },
  );

  watching('adapters that share their data report the changes of each other', async (store) => {
    if (store.adapter.supports.shared === 'process') return;
    assert.ok(store.reopen, 'an adapter that shares its data needs a `reopen` to be tested');
    const other = await store.reopen();
    const reader = readerOf(other, 0);
    const waiting = meanwhile(reader.next());
    const { revision } = await put(store, { a: '1' });
    const expected = { revision, puts: [await entryAt(store, 'a')], deletes: [] };
    const { done, value } = await waiting;
    assert.deepEqual([done, unmarked([value])], [false, [expected]]);
    const own = await put(other, { b: '1' });
    assert.deepEqual(
      (await readUntil(readerOf(store, 0), own.revision)).map((change) => change.revision),
      [revision, own.revision],
    );
    await reader.return?.();
  });
}
