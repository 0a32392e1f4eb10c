/**
 * Entries in a Map: nothing survives the process. Replace the Map by your store; the tests show which parts are still
 * missing.
 */
import { defineAdapter, StorageError } from 'jackfield';
import { z } from 'zod';

/** @import { Change, CommitResult, Entry, Listing, Page, StorageAdapter } from 'jackfield' */

/** @implements {StorageAdapter} */
export class Adapter {
  name = '__name__';
  /** The optional promises of this adapter. The tests check those that it declares: docs/adapters.md of jackfield. */
  supports = /** @type {const} */ ({ durable: false, shared: 'process', bounded: false, watch: false });
  #maxEntries;
  /**
   * In creation order, the order of a Map. Undefined while the store is not open.
   * @type {Map<string, Entry> | undefined}
   */
  #entries;
  #revision = 0;
  #created = 0;

  /** @param {{ maxEntries: number }} options */
  constructor({ maxEntries }) {
    this.#maxEntries = maxEntries;
  }

  open() {
    this.#entries = new Map();
  }

  /** @param {string} key */
  get(key) {
    return this.#opened().get(key);
  }

  /**
   * @param {Page} page
   * @returns {Listing}
   */
  list({ prefix = '', after = 0, limit }) {
    const found = [...this.#opened().values()].filter(
      ({ key, created }) => created > after && key.startsWith(prefix),
    );
    const entries = found.slice(0, limit);
    const last = entries.at(-1);
    return found.length > limit && last !== undefined ? { entries, next: last.created } : { entries };
  }

  /**
   * Makes the whole change or nothing of it.
   * @param {Change} change
   * @returns {CommitResult}
   */
  commit({ checks = [], puts = [], deletes = [] }) {
    const entries = this.#opened();
    for (const { key, revision } of checks) {
      if ((entries.get(key)?.revision ?? 0) !== revision) return { ok: false, conflict: key };
    }
    /** @type {Map<string, Entry>} */
    const previous = new Map();
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

  close() {
    this.#entries = undefined;
  }

  /** Removes expired entries first: they are absent everywhere. */
  #opened() {
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
