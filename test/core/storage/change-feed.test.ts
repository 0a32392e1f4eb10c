import test from 'ava';
import { ChangeFeed } from '../../../core/storage/change-feed.js';
import type { WatchedChange } from '../../../core/storage/contract.js';

const put = (revision: number, value = 'x'): WatchedChange => ({
  revision,
  puts: [{ key: `key ${revision}`, value, created: revision, revision }],
  deletes: [],
});

const readerOf = (feed: ChangeFeed, after: number) => feed.watch(after)[Symbol.asyncIterator]();

async function revisionsOf(feed: ChangeFeed, after: number, count: number): Promise<number[]> {
  const reader = readerOf(feed, after);
  const revisions: number[] = [];
  while (revisions.length < count) revisions.push((await reader.next()).value?.revision ?? -1);
  await reader.return?.();
  return revisions;
}

test('a reader gets the changes after its revision, then future ones', async (t) => {
  const feed = new ChangeFeed(0);
  feed.tell([put(1), put(2)]);
  feed.tell([put(5)]);
  const reader = readerOf(feed, 1);
  t.deepEqual(await reader.next(), { done: false, value: put(2) });
  t.deepEqual(await reader.next(), { done: false, value: put(5) });
  const waiting = reader.next();
  feed.tell([put(6), put(7)]);
  t.deepEqual(await waiting, { done: false, value: put(6) });
  t.deepEqual(await reader.next(), { done: false, value: put(7) });
});

test('several `next` calls at once are answered in order', async (t) => {
  const feed = new ChangeFeed(0);
  const reader = readerOf(feed, 0);
  const asked = [reader.next(), reader.next(), reader.next()];
  feed.tell([put(1)]);
  feed.tell([put(2), put(3)]);
  t.deepEqual(
    (await Promise.all(asked)).map(({ value }) => value?.revision),
    [1, 2, 3],
  );
});

test('each reader of a feed has its own position', async (t) => {
  const feed = new ChangeFeed(0);
  feed.tell([put(1), put(2), put(3)]);
  t.deepEqual(await revisionsOf(feed, 0, 3), [1, 2, 3]);
  t.deepEqual(await revisionsOf(feed, 2, 1), [3]);
});

test('a reader may start after the revision of a commit without changes', async (t) => {
  const feed = new ChangeFeed(0);
  feed.tell([put(1)]);
  feed.tell([], 2);
  t.is(feed.revision, 2);
  const waiting = readerOf(feed, 2).next();
  feed.tell([put(3)]);
  t.is((await waiting).value?.revision, 3);
});

test('a revision that was not reached is an error and ends its reader', async (t) => {
  const feed = new ChangeFeed(4);
  const reader = readerOf(feed, 5);
  await t.throwsAsync(reader.next(), { code: 'STORAGE_REVISION_UNKNOWN' });
  feed.tell([put(5), put(6)]);
  t.true((await reader.next()).done);
});

test('changes before the start of the feed are gone', async (t) => {
  const feed = new ChangeFeed(4);
  await t.throwsAsync(readerOf(feed, 3).next(), { code: 'STORAGE_HISTORY_GONE' });
  feed.tell([put(5)]);
  t.deepEqual(await revisionsOf(feed, 4, 1), [5]);
});

test('history is bounded by number', async (t) => {
  const feed = new ChangeFeed(0, { historyChanges: 3 });
  for (let revision = 1; revision <= 2_000; revision += 1) feed.tell([put(revision)]);
  t.deepEqual(await revisionsOf(feed, 1_997, 3), [1_998, 1_999, 2_000]);
  await t.throwsAsync(readerOf(feed, 1_996).next(), { code: 'STORAGE_HISTORY_GONE' });
});

test('history is bounded by octets, but the last change is always kept', async (t) => {
  const feed = new ChangeFeed(0, { historyOctets: 2_000 });
  for (let revision = 1; revision <= 10; revision += 1) feed.tell([put(revision, 'x'.repeat(400))]);
  t.deepEqual(await revisionsOf(feed, 8, 2), [9, 10]);
  await t.throwsAsync(readerOf(feed, 7).next(), { code: 'STORAGE_HISTORY_GONE' });
  feed.tell([put(11, 'x'.repeat(5_000))]);
  t.deepEqual(await revisionsOf(feed, 10, 1), [11]);
  await t.throwsAsync(readerOf(feed, 9).next(), { code: 'STORAGE_HISTORY_GONE' });
});

test('a slow reader behind the history gets an error, never a gap', async (t) => {
  const feed = new ChangeFeed(0, { historyChanges: 2 });
  feed.tell([put(1)]);
  const reader = readerOf(feed, 0);
  t.is((await reader.next()).value?.revision, 1);
  feed.tell([put(2), put(3), put(4), put(5)]);
  await t.throwsAsync(reader.next(), { code: 'STORAGE_HISTORY_GONE' });
  t.true((await reader.next()).done);
});

test('a waiting reader misses none of several changes at once, even with a short history', async (t) => {
  const feed = new ChangeFeed(0, { historyChanges: 1 });
  const reader = readerOf(feed, 0);
  const asked = [reader.next(), reader.next(), reader.next()];
  feed.tell([put(1), put(2), put(3)]);
  t.deepEqual(
    (await Promise.all(asked)).map(({ value }) => value?.revision),
    [1, 2, 3],
  );
});

test('`return` ends a waiting `next` and no other reader', async (t) => {
  const feed = new ChangeFeed(0);
  const [one, other] = [readerOf(feed, 0), readerOf(feed, 0)];
  const [waiting, otherWaiting] = [one.next(), other.next()];
  await one.return?.();
  t.true((await waiting).done);
  t.true((await one.next()).done);
  feed.tell([put(1)]);
  t.is((await otherWaiting).value?.revision, 1);
});

test('`close` ends every reader, waiting or not', async (t) => {
  const feed = new ChangeFeed(0);
  const [waits, idle] = [readerOf(feed, 0), readerOf(feed, 0)];
  const waiting = waits.next();
  feed.close();
  t.true((await waiting).done);
  t.true((await idle.next()).done);
});

test('a reader that leaves its loop is closed', async (t) => {
  const feed = new ChangeFeed(0);
  feed.tell([put(1), put(2)]);
  for await (const { revision } of feed.watch(0)) {
    t.is(revision, 1);
    break;
  }
});
