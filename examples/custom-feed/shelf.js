/**
 * A storage adapter with a feed of changes: entries in memory, and jackfield's `ChangeFeed` for everything that `watch`
 * promises its readers. The adapter only passes it each commit after it was made, and each expiry as soon as it happens.
 */
import { ChangeFeed, defineAdapter, historyOptions, StorageError } from 'jackfield';
import { z } from 'zod';

/** @import { Change, CommitResult, Entry, HistoryBounds, Listing, Page, StorageAdapter } from 'jackfield' */

/** Entries expire by the clock of the machine, which may be set while a timer waits, so check it at least this often. */
const LONGEST_WAIT_MS = 60_000;

/** @implements {StorageAdapter} */
export class ShelfAdapter {
  name = 'shelf';
  supports = /** @type {const} */ ({ durable: false, shared: 'process', bounded: false, watch: true });
  #history;
  /** In creation order: a Map keeps the place of a key that is set again. */
  #entries = /** @type {Map<string, Entry>} */ (new Map());
  #created = 0;
  /** The feed also counts the revisions. */
  #feed = /** @type {ChangeFeed | undefined} */ (undefined);
  #timer = /** @type {NodeJS.Timeout | undefined} */ (undefined);

  /** @param {HistoryBounds} history How many changes the store keeps for readers of the feed. */
  constructor(history = {}) {
    this.#history = history;
  }

  open() {
    // Starts at revision 0. An adapter that finds entries on a disk passes their last revision.
    this.#feed = new ChangeFeed(0, this.#history);
  }

  /** @param {string} key */
  get(key) {
    this.#expire();
    return this.#entries.get(key);
  }

  /**
   * @param {Page} page
   * @returns {Listing}
   */
  list({ prefix = '', after = 0, limit }) {
    this.#expire();
    const all = [...this.#entries.values()].filter(
      ({ key, created }) => created > after && key.startsWith(prefix),
    );
    const entries = all.slice(0, limit);
    const last = entries.at(-1);
    return last !== undefined && all.length > limit ? { entries, next: last.created } : { entries };
  }

  /**
   * @param {Change} change
   * @returns {CommitResult}
   */
  commit({ checks = [], puts = [], deletes = [] }) {
    // A put of an expired key is reported after the expiry.
    const feed = this.#expire();
    for (const { key, revision } of checks) {
      if ((this.#entries.get(key)?.revision ?? 0) !== revision) return { ok: false, conflict: key };
    }
    const previous = new Map();
    for (const key of [...puts.map((put) => put.key), ...deletes]) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) previous.set(key, entry);
    }
    const revision = feed.revision + 1;
    const made = puts.map(({ key, value, ttlMs }) => ({
      key,
      value,
      created: previous.get(key)?.created ?? ++this.#created,
      revision,
      ...(ttlMs === undefined ? {} : { expiresAt: Date.now() + ttlMs }),
    }));
    for (const key of deletes) this.#entries.delete(key);
    for (const entry of made) this.#entries.set(entry.key, entry);
    // Not before the change is made: a reader that gets it must find the entries.
    const gone = deletes.filter((key) => previous.has(key));
    feed.tell(made.length + gone.length === 0 ? [] : [{ revision, puts: made, deletes: gone }], revision);
    this.#expire();
    return { ok: true, revision, previous };
  }

  /** @param {number} afterRevision */
  watch(afterRevision) {
    return this.#opened().watch(afterRevision);
  }

  revision() {
    this.#expire();
    return this.#opened().revision;
  }

  close() {
    clearTimeout(this.#timer);
    this.#feed?.close();
    this.#feed = undefined;
    this.#entries.clear();
  }

  #opened() {
    if (this.#feed === undefined) throw new StorageError('STORAGE_CLOSED');
    return this.#feed;
  }

  /** Removes expired entries, reports them under their own revision, and sets a timer for the next expiry. */
  #expire() {
    const feed = this.#opened();
    const now = Date.now();
    const ends = [...this.#entries.values()].flatMap(({ key, expiresAt }) =>
      expiresAt === undefined ? [] : [{ key, expiresAt }],
    );
    const deletes = ends.filter(({ expiresAt }) => expiresAt <= now).map(({ key }) => key);
    for (const key of deletes) this.#entries.delete(key);
    if (deletes.length > 0) feed.tell([{ revision: feed.revision + 1, puts: [], deletes }]);
    const next = Math.min(...ends.map(({ expiresAt }) => expiresAt).filter((moment) => moment > now));
    clearTimeout(this.#timer);
    if (next !== Number.POSITIVE_INFINITY) {
      this.#timer = setTimeout(() => this.#expire(), Math.min(next - now, LONGEST_WAIT_MS)).unref();
    }
    return feed;
  }
}

export default defineAdapter({
  name: 'shelf',
  options: z.strictObject(historyOptions(z)),
  create: (options) => new ShelfAdapter(options),
});
