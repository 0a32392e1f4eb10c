/** Entries in memory; the least recently used goes first when full. Nothing survives the process. */
import { LRUCache } from 'lru-cache';
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
  type WatchedChange,
} from '../core/storage/contract.js';
import { Draft } from '../core/storage/draft.js';
import type { EntryTable } from '../core/storage/entry-table.js';
import { type HistoryBounds, historyOptions } from '../core/storage/history-options.js';
import { TableStore } from '../core/storage/table-store.js';

export interface LruOptions extends HistoryBounds {
  readonly maxEntries?: number | undefined;
  readonly maxOctets?: number | undefined;
  readonly ttlMs?: number | undefined;
}

type Put = NonNullable<Change['puts']>[number];

const DEFAULT_MAX_ENTRIES = 10_000;

export class LruAdapter implements StorageAdapter {
  readonly name = 'lru';
  readonly supports = { durable: false, shared: 'process', bounded: true, watch: true } as const;
  readonly #maxEntries: number;
  readonly #maxOctets: number;
  readonly #ttlMs: number | undefined;
  readonly #history: HistoryBounds;
  #opened: TableStore | undefined;
  /** Holds only the size of each key and its last use; the table holds the entries, in creation order. */
  readonly #use: LRUCache<string, number>;
  /** Keys evicted by the puts that are being recorded now. */
  #evicted: string[] = [];

  /** At least one bound is needed; without any, 10,000 entries. */
  constructor({ maxEntries, maxOctets, ttlMs, ...history }: LruOptions = {}) {
    this.#maxEntries =
      maxEntries ?? (maxOctets === undefined ? DEFAULT_MAX_ENTRIES : Number.POSITIVE_INFINITY);
    this.#maxOctets = maxOctets ?? Number.POSITIVE_INFINITY;
    this.#ttlMs = ttlMs;
    this.#history = history;
    this.#use = new LRUCache({
      // 0 means no bound. lru-cache allocates space for `max` keys at once, so no huge number can stand for it.
      max: Number.isFinite(this.#maxEntries) ? this.#maxEntries : 0,
      maxSize: Math.min(this.#maxOctets, Number.MAX_SAFE_INTEGER),
      // lru-cache refuses a size of 0, which cannot occur: an empty value is legal, but no key is empty.
      sizeCalculation: (octets) => octets,
      dispose: (_octets, key, reason) => {
        if (reason === 'evict') this.#evicted.push(key);
      },
    });
  }

  open(): void {
    this.#opened = new TableStore(this.#history, (keys) => {
      for (const key of keys) this.#use.delete(key);
    });
  }

  get(key: string): Entry | undefined {
    const entry = this.#store().get(key);
    if (entry !== undefined) this.#use.get(key);
    return entry;
  }

  /** Listing does not count as use: a client that pages through a cache must not change what it evicts. */
  list(page: Page): Listing {
    return this.#store().list(page);
  }

  /** Errors: STORAGE_FULL if the puts of this one commit exceed the bound. */
  commit({ checks = [], puts = [], deletes = [] }: Change): CommitResult {
    const { table, feed } = this.#store();
    const now = Date.now();
    feed.expire(now);
    const draft = new Draft(table, now);
    const result = draft.commit({ checks, puts: puts.map((put) => this.#withExpiry(put)), deletes });
    if (!result.ok) return result;

    const sizes = puts.map(({ key, value }) => Buffer.byteLength(key) + Buffer.byteLength(value));
    const octets = sizes.reduce((sum, size) => sum + size, 0);
    // Evicting entries of the same commit would make the commit in part.
    if (puts.length > this.#maxEntries || octets > this.#maxOctets) {
      throw new StorageError(
        'STORAGE_FULL',
        `This commit puts ${puts.length} entries of ${octets} octets; the limit of the whole store is ${this.#bound()}.`,
      );
    }
    table.apply(draft);
    for (const key of deletes) this.#use.delete(key);
    for (const [at, { key }] of puts.entries()) this.#use.set(key, sizes[at]!);
    const evicted = this.#evict(table);
    feed.tell(draft.changes.map((change) => ({ ...change, deletes: [...change.deletes, ...evicted] })));
    return result;
  }

  /** Evicted entries are reported as deletes of the commit that evicted them. */
  watch(afterRevision: number): AsyncIterable<WatchedChange> {
    return this.#store().watch(afterRevision);
  }

  revision(): number {
    return this.#store().revision();
  }

  close(): void {
    this.#opened?.close();
    this.#opened = undefined;
    this.#use.clear();
  }

  #evict(table: EntryTable): readonly string[] {
    // The first puts may evict an old entry that a later put of the same commit sets again: it stays.
    const evicted = this.#evicted.filter((key) => !this.#use.has(key));
    this.#evicted = [];
    for (const key of evicted) table.delete(key);
    return evicted;
  }

  #withExpiry(put: Put): Put {
    return put.ttlMs === undefined && this.#ttlMs !== undefined ? { ...put, ttlMs: this.#ttlMs } : put;
  }

  #bound(): string {
    const bounds: string[] = [];
    if (Number.isFinite(this.#maxEntries)) bounds.push(`${this.#maxEntries} entries`);
    if (Number.isFinite(this.#maxOctets)) bounds.push(`${this.#maxOctets} octets`);
    return bounds.join(' and ');
  }

  #store(): TableStore {
    if (this.#opened === undefined) throw new StorageError('STORAGE_CLOSED');
    return this.#opened;
  }
}

export default defineAdapter({
  name: 'lru',
  options: z.strictObject({
    maxEntries: z
      .int()
      .min(1)
      .max(16_777_216)
      .optional()
      .describe(
        'The most entries; the least recently used is evicted first. Default: 10000 without `maxOctets`, else no limit. Memory for the keys is reserved at start, hence the maximum of 16777216.',
      ),
    maxOctets: z
      .int()
      .min(1)
      .optional()
      .describe('The most octets of UTF-8 in all keys and values together. Default: no limit.'),
    ttlMs: z
      .int()
      .min(1)
      .optional()
      .describe('Milliseconds until an entry expires, if its put has no ttlMs. Default: it does not expire.'),
    ...historyOptions(z),
  }),
  create: (options) => new LruAdapter(options),
});
