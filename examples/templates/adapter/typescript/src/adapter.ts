/**
 * Entries in a Map: nothing survives the process. Replace the Map by your store; the tests show which parts are still
 * missing.
 */
import {
  type Change,
  type CommitResult,
  defineAdapter,
  type Entry,
  type Listing,
  type Page,
  type StorageAdapter,
  StorageError,
} from 'jackfield';
import { z } from 'zod';

export class Adapter implements StorageAdapter {
  readonly name = '__name__';
  /** The optional promises of this adapter. The tests check those that it declares: docs/adapters.md of jackfield. */
  readonly supports = { durable: false, shared: 'process', bounded: false, watch: false } as const;
  readonly #maxEntries: number;
  /** In creation order, the order of a Map. Undefined while the store is not open. */
  #entries: Map<string, Entry> | undefined;
  #revision = 0;
  #created = 0;

  constructor({ maxEntries }: { maxEntries: number }) {
    this.#maxEntries = maxEntries;
  }

  open(): void {
    this.#entries = new Map();
  }

  get(key: string): Entry | undefined {
    return this.#opened().get(key);
  }

  list({ prefix = '', after = 0, limit }: Page): Listing {
    const found = [...this.#opened().values()].filter(
      ({ key, created }) => created > after && key.startsWith(prefix),
    );
    const entries = found.slice(0, limit);
    const last = entries.at(-1);
    return found.length > limit && last !== undefined ? { entries, next: last.created } : { entries };
  }

  /** Makes the whole change or nothing of it. */
  commit({ checks = [], puts = [], deletes = [] }: Change): CommitResult {
    const entries = this.#opened();
    for (const { key, revision } of checks) {
      if ((entries.get(key)?.revision ?? 0) !== revision) return { ok: false, conflict: key };
    }
    const previous = new Map<string, Entry>();
    for (const key of [...puts.map((put) => put.key), ...deletes]) {
      const entry = entries.get(key);
      if (entry !== undefined) previous.set(key, entry);
    }
    const added = puts.filter(({ key }) => !previous.has(key)).length;
    const removed = deletes.filter((key) => previous.has(key)).length;
    if (entries.size + added - removed > this.#maxEntries) {
      throw new StorageError('STORAGE_FULL', `maxEntries is ${this.#maxEntries}.`);
    }
    const revision = ++this.#revision;
    for (const key of deletes) entries.delete(key);
    for (const { key, value, ttlMs } of puts) {
      entries.set(key, {
        key,
        value,
        created: previous.get(key)?.created ?? ++this.#created,
        revision,
        ...(ttlMs === undefined ? {} : { expiresAt: Date.now() + ttlMs }),
      });
    }
    return { ok: true, revision, previous };
  }

  close(): void {
    this.#entries = undefined;
  }

  /** Removes expired entries first: they are absent everywhere. */
  #opened(): Map<string, Entry> {
    if (this.#entries === undefined) throw new StorageError('STORAGE_CLOSED');
    const now = Date.now();
    for (const { key, expiresAt } of this.#entries.values()) {
      if (expiresAt !== undefined && expiresAt <= now) this.#entries.delete(key);
    }
    return this.#entries;
  }
}

export default defineAdapter({
  name: '__name__',
  options: z.strictObject({
    /** More are refused with STORAGE_FULL. */
    maxEntries: z.int().min(1).default(100_000),
  }),
  create: (options) => new Adapter(options),
});
