import test from 'ava';
import { StorageError, type WatchedChange } from '../../../core/storage/contract.js';
import { PolledFeed } from '../../../core/storage/polled-feed.js';

const change = (revision: number): WatchedChange => ({ revision, puts: [], deletes: [`key ${revision}`] });

/** A history that a test adds to, and a feed over it. */
function over(history: WatchedChange[]) {
  const state = { reads: 0, failure: undefined as unknown };
  const feed = new PolledFeed(async (after) => {
    state.reads += 1;
    if (state.failure !== undefined) throw state.failure;
    return {
      // Never the reason for a refusal here: these tests are about marks.
      reached: Number.POSITIVE_INFINITY,
      history: 0,
      changes: history.filter(({ revision }) => revision > after).slice(0, 2),
      last: history.findLast(({ revision }) => revision <= after),
    };
  });
  const reader = (after = 0, mark?: string) => feed.watch(after, mark)[Symbol.asyncIterator]();
  return { feed, state, reader };
}

/** Waits for everything that needs no timer. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a reader gets the changes after its revision, even in several reads, and then the next one', async (t) => {
  const history = [1, 2, 3, 4, 5].map(change);
  const { feed, reader } = over(history);
  const one = reader(1);
  for (const revision of [2, 3, 4, 5]) t.is((await one.next()).value?.revision, revision);
  const waiting = one.next();
  await settled();
  history.push(change(6));
  feed.wake();
  t.is((await waiting).value?.revision, 6);
});

test('a wake-up between a read and the sleep is not missed', async (t) => {
  const history: WatchedChange[] = [];
  const feed: PolledFeed = new PolledFeed(async (after) => {
    const seen = history.filter(({ revision }) => revision > after);
    if (history.length === 0) {
      history.push(change(1));
      feed.wake();
    }
    return { reached: history.length, history: 0, changes: seen };
  });
  t.is((await feed.watch(0)[Symbol.asyncIterator]().next()).value?.revision, 1);
});

test('wake-ups without a change report nothing', async (t) => {
  const history = [change(1)];
  const { feed, reader, state } = over(history);
  const waiting = reader(1).next();
  for (let wake = 0; wake < 3; wake += 1) {
    await settled();
    feed.wake();
  }
  await settled();
  t.true(state.reads >= 3);
  history.push(change(2));
  feed.wake();
  t.is((await waiting).value?.revision, 2);
});

test('several `next` calls at once are answered in order', async (t) => {
  const { reader } = over([1, 2, 3].map(change));
  const one = reader();
  const results = await Promise.all([one.next(), one.next(), one.next()]);
  t.deepEqual(
    results.map(({ value }) => value?.revision),
    [1, 2, 3],
  );
});

test('a reader that starts during an outage gets the error, and one that has read before waits', async (t) => {
  const history = [change(1)];
  const { feed, reader, state } = over(history);
  const one = reader();
  await one.next();
  state.failure = new StorageError('STORAGE_UNAVAILABLE');
  await t.throwsAsync(reader().next(), { code: 'STORAGE_UNAVAILABLE' });
  const waiting = one.next();
  feed.wake();
  await settled();
  history.push(change(2));
  state.failure = undefined;
  feed.wake();
  t.is((await waiting).value?.revision, 2);
});

test('other errors end the reader', async (t) => {
  const { feed, reader, state } = over([change(1)]);
  const one = reader();
  await one.next();
  const waiting = one.next();
  state.failure = new StorageError('STORAGE_HISTORY_GONE');
  feed.wake();
  await t.throwsAsync(waiting, { code: 'STORAGE_HISTORY_GONE' });
  t.true((await one.next()).done);
});

test('`return` and `close` end a waiting `next`', async (t) => {
  const { feed, reader } = over([]);
  const [one, other] = [reader(), reader()];
  const [first, second] = [one.next(), other.next()];
  await settled();
  await one.return?.();
  t.true((await first).done);
  feed.close();
  t.true((await second).done);
  t.true((await other.next()).done);
});

/** A change of another history: the change that had this revision before is lost. */
const marked = (revision: number, mark: string): WatchedChange => ({ ...change(revision), mark });

test('if a revision is used again, a reader that has read the first change gets an error', async (t) => {
  const history = [marked(1, 'a'), marked(2, 'b'), marked(3, 'c')];
  const { feed, reader } = over(history);
  const [ahead, behind] = [reader(), reader()];
  for (const one of [ahead, ahead, ahead, behind, behind]) await one.next();
  const [lost, continues] = [ahead.next(), behind.next()];
  t.is((await continues).value?.mark, 'c');
  history.splice(2, 1, marked(3, 'd'), marked(4, 'e'));
  feed.wake();
  await t.throwsAsync(lost, { code: 'STORAGE_REVISION_UNKNOWN' });
});

test('a reader that waits for its first change notices a loss too', async (t) => {
  const history = [marked(1, 'a'), marked(2, 'b')];
  const { feed, reader } = over(history);
  const waiting = reader(2).next();
  await settled();
  history.splice(1, 1, marked(2, 'c'), marked(3, 'd'));
  feed.wake();
  await t.throwsAsync(waiting, { code: 'STORAGE_REVISION_UNKNOWN' });
});

test('after commits that changed nothing, a reader continues after the last change', async (t) => {
  // Revisions 2 and 3 changed nothing and were lost; no reader has seen a change with these revisions.
  const history = [marked(1, 'a')];
  const { feed, reader } = over(history);
  const waiting = reader(3).next();
  await settled();
  history.push(marked(2, 'b'));
  feed.wake();
  t.is((await waiting).value?.revision, 2);
});

test('a returning reader gives the mark of its change; another change with this revision is an error', async (t) => {
  const { reader } = over([marked(1, 'a'), marked(2, 'b'), marked(3, 'c')]);
  t.is((await reader(2, 'b').next()).value?.revision, 3);
  await t.throwsAsync(reader(2, 'x').next(), { code: 'STORAGE_REVISION_UNKNOWN' });
});

test('a reader whose changes are no longer kept, or not there yet, gets an error that says so', async (t) => {
  const feed = new PolledFeed(async () => ({ reached: 9, history: 5, changes: [] }));
  const first = (after: number) => feed.watch(after)[Symbol.asyncIterator]().next();
  await t.throwsAsync(first(4), {
    code: 'STORAGE_HISTORY_GONE',
    message: /after revision 4 .*after 5 are kept/,
  });
  await t.throwsAsync(first(10), {
    code: 'STORAGE_REVISION_UNKNOWN',
    message: /10 was requested, 9 is the last/,
  });
});
