/**
 * The feed of an entry table in memory: publishes the commits applied to it, and expiry, each with its own revision. A
 * timer notices expiry, so readers need not wait for the next call.
 */
import { ChangeFeed } from './change-feed.js';
import type { WatchedChange } from './contract.js';
import type { EntryTable } from './entry-table.js';
import { ExpiryTimer } from './expiry-timer.js';
import type { HistoryBounds } from './history-options.js';

export class TableFeed {
  readonly #table: EntryTable;
  readonly #onExpired: ((keys: readonly string[]) => void) | undefined;
  readonly #feed: ChangeFeed;
  readonly #timer = new ExpiryTimer(() => this.expire());

  /** @param onExpired Called with the keys of expired entries, before readers get the change. */
  constructor(table: EntryTable, bounds?: HistoryBounds, onExpired?: (keys: readonly string[]) => void) {
    this.#table = table;
    this.#onExpired = onExpired;
    this.#feed = new ChangeFeed(table.revision, bounds);
    this.#timer.arm(table.nextExpiry);
  }

  get revision(): number {
    return this.#feed.revision;
  }

  /**
   * Removes expired entries and publishes that. Call it before each commit, so that a put of an expired key follows its
   * expiry.
   */
  expire(now?: number): void {
    const change = this.#table.expire(now);
    if (change !== undefined) {
      this.#onExpired?.(change.deletes);
      this.#feed.tell([change]);
    }
    this.#timer.arm(this.#table.nextExpiry);
  }

  /** Publishes changes that were just applied to the table. */
  tell(changes: readonly WatchedChange[]): void {
    this.#timer.arm(this.#table.nextExpiry);
    this.#feed.tell(changes, this.#table.revision);
  }

  watch(afterRevision: number): AsyncIterable<WatchedChange> {
    return this.#feed.watch(afterRevision);
  }

  close(): void {
    this.#timer.stop();
    this.#feed.close();
  }
}
