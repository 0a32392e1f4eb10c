/** Entries in memory: the reference for what the storage contract means. Nothing survives the process. */
import { type HistoryBounds, historyOptions } from '../core/storage/change-feed.js';
import {
  type Change,
  type CommitResult,
  defineAdapter,
  type Entry,
  type Listing,
  lazyOptions,
  type Page,
  type StorageAdapter,
  StorageError,
  type WatchedChange,
} from '../core/storage/contract.js';
import { Draft, EntryTable } from '../core/storage/entry-table.js';
import { TableFeed } from '../core/storage/table-feed.js';

export class MemoryAdapter implements StorageAdapter {
  readonly name = 'memory';
  readonly supports = { durable: false, shared: 'process', bounded: false, watch: true } as const;
  readonly #history: HistoryBounds;
  #opened: { readonly table: EntryTable; readonly feed: TableFeed } | undefined;

  /** @param history How much of its past the store keeps for those who watch. */
  constructor(history: HistoryBounds = {}) {
    this.#history = history;
  }

  open(): void {
    const table = new EntryTable();
    this.#opened = { table, feed: new TableFeed(table, this.#history) };
  }

  get(key: string): Entry | undefined {
    return this.#store().table.get(key);
  }

  list(page: Page): Listing {
    const { table, feed } = this.#store();
    // A page must not cost what expired before it.
    feed.expire();
    return table.list(page);
  }

  commit(change: Change): CommitResult {
    const { table, feed } = this.#store();
    const now = Date.now();
    feed.expire(now);
    const draft = new Draft(table, now);
    const result = draft.commit(change);
    table.apply(draft);
    feed.tell(draft.changes);
    return result;
  }

  watch(afterRevision: number): AsyncIterable<WatchedChange> {
    return this.#store().feed.watch(afterRevision);
  }

  revision(): number {
    return this.#store().feed.revision;
  }

  close(): void {
    this.#opened?.feed.close();
    this.#opened = undefined;
  }

  #store() {
    if (this.#opened === undefined) throw new StorageError('STORAGE_CLOSED');
    return this.#opened;
  }
}

export default defineAdapter({
  name: 'memory',
  options: lazyOptions(
    (z) => z.strictObject(historyOptions(z)),
    (given) => (Object.keys(given).length === 0 ? {} : undefined),
  ),
  create: (options) => new MemoryAdapter(options),
});
