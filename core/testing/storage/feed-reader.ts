/** Reads the feed of changes in the contract tests. */
import assert from 'node:assert/strict';
import { StorageError, type WatchedChange } from '../../storage/contract.js';
import type { OpenStore, Suite } from './harness.js';

/** Registers tests for adapters that have a feed. */
export const suiteOfFeeds =
  (suite: Suite): Suite =>
  (title, body) =>
    suite(title, async (store) => {
      if (store.adapter.supports.watch) await body(store);
    });

type Reader = AsyncIterator<WatchedChange>;

/** A reader whose `next` fails if no change comes. Its timer keeps the process alive. */
export function readerOf({ adapter, soon }: OpenStore, afterRevision: number, mark?: string): Reader {
  assert.ok(adapter.watch, 'an adapter that declares `watch` has it');
  const reader = adapter.watch(afterRevision, mark)[Symbol.asyncIterator]();
  return {
    next: () => soon('the feed reports a change', reader.next()),
    return: async () => (await reader.return?.()) ?? { done: true, value: undefined },
  };
}

/** The adapter chooses its marks, so comparisons omit them. */
export const unmarked = (changes: readonly WatchedChange[]): WatchedChange[] =>
  changes.map(({ revision, puts, deletes }) => ({ revision, puts, deletes }));

export async function revisionOf({ adapter }: OpenStore): Promise<number> {
  assert.ok(adapter.revision, 'an adapter that declares `watch` has `revision`');
  return adapter.revision();
}

export async function changesAfter(store: OpenStore, after: number, last: number): Promise<WatchedChange[]> {
  return readUntil(readerOf(store, after), last);
}

/** Every change up to the given revision; then the reader returns. */
export async function readUntil(reader: Reader, last: number): Promise<WatchedChange[]> {
  const changes: WatchedChange[] = [];
  while ((changes.at(-1)?.revision ?? 0) < last) {
    const { done, value } = await reader.next();
    assert.ok(done !== true, `the feed ended before revision ${last}`);
    changes.push(value);
  }
  await reader.return?.();
  return changes;
}

export const hasCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof StorageError && error.code === code;
