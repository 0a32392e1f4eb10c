/** Entries in memory: the reference for what the storage contract means. Nothing survives the process. */
import { z } from 'zod';
import {
  type Change,
  type CommitResult,
  defineAdapter,
  type Entry,
  type Listing,
  type Page,
  type StorageAdapter,
  StorageError,
} from '../core/storage/contract.js';
import { EntryTable } from '../core/storage/entry-table.js';

export class MemoryAdapter implements StorageAdapter {
  readonly name = 'memory';
  readonly supports = { durable: false, shared: 'process', bounded: false, watch: false } as const;
  #table: EntryTable | undefined;

  open(): void {
    this.#table = new EntryTable();
  }

  get(key: string): Entry | undefined {
    return this.#opened().get(key);
  }

  list(page: Page): Listing {
    const table = this.#opened();
    // A page must not cost what expired before it.
    table.forgetExpired();
    return table.list(page);
  }

  commit(change: Change): CommitResult {
    const table = this.#opened();
    const now = Date.now();
    table.forgetExpired(now);
    return table.commit(change, now);
  }

  close(): void {
    this.#table = undefined;
  }

  #opened(): EntryTable {
    if (this.#table === undefined) throw new StorageError('STORAGE_CLOSED');
    return this.#table;
  }
}

export default defineAdapter({
  name: 'memory',
  options: z.strictObject({}),
  create: () => new MemoryAdapter(),
});
