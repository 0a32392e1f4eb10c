/** Entries in memory: the reference for what the storage contract means. Nothing survives the process. */
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
import { type HistoryBounds, historyOptions } from '../core/storage/history-options.js';
import { TableStore } from '../core/storage/table-store.js';

export class MemoryAdapter implements StorageAdapter {
  readonly name = 'memory';
  readonly supports = { durable: false, shared: 'process', bounded: false, watch: true } as const;
  readonly #history: HistoryBounds;
  #opened: TableStore | undefined;

  /** @param history How many changes the store keeps for readers of its feed. */
  constructor(history: HistoryBounds = {}) {
    this.#history = history;
  }

  open(): void {
    this.#opened = new TableStore(this.#history);
  }

  get(key: string): Entry | undefined {
    return this.#store().get(key);
  }

  list(page: Page): Listing {
    return this.#store().list(page);
  }

  commit(change: Change): CommitResult {
    return this.#store().commit(change);
  }

  watch(afterRevision: number): AsyncIterable<WatchedChange> {
    return this.#store().watch(afterRevision);
  }

  revision(): number {
    return this.#store().revision();
  }

  close(): void {
    this.#opened?.close();
    this.#opened = undefined;
  }

  #store(): TableStore {
    if (this.#opened === undefined) throw new StorageError('STORAGE_CLOSED');
    return this.#opened;
  }
}

export default defineAdapter({
  name: 'memory',
  options: lazyOptions(
    (z) => z.strictObject(historyOptions(z)),
    (options) => (Object.keys(options).length === 0 ? {} : undefined),
  ),
  create: (options) => new MemoryAdapter(options),
});
