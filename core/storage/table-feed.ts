/**
 * The feed of an entry table in memory: tells the commits applied to it and what expires, each under a revision of its
 * own. Expiry is noticed by a timer, so that who watches need not wait for the next call.
 */
import { ChangeFeed, type HistoryBounds } from './change-feed.js';
import type { WatchedChange } from './contract.js';
import type { EntryTable } from './entry-table.js';
import { ExpiryTimer } from './expiry-timer.js';

export class TableFeed {
  readonly #table: EntryTable;
  readonly #onExpired: ((keys: readonly string[]) => void) | undefined;
  readonly #feed: ChangeFeed;
  readonly #timer = new ExpiryTimer(() => this.expire());

  /** @param onExpired Called with the keys of entries that are gone, before readers are told. */
  constructor(table: EntryTable, bounds?: HistoryBounds, onExpired?: (keys: readonly string[]) => void) {
    this.#table = table;
    this.#onExpired = onExpired;
    this.#feed = new ChangeFeed(table.revision, bounds);
    this.#timer.arm(table.nextExpiry);
  }

  get revision(): number {
    return this.#feed.revision;
  }

  /** Forgets what expired and tells it. Called before each commit, so that a put of an expired key follows its end. */
  expire(now?: number): void {
    const change = this.#table.expire(now);
    if (change !== undefined) {
      this.#onExpired?.(change.deletes);
      this.#feed.tell([change]);
    }
    this.#timer.arm(this.#table.nextExpiry);
  }

  /** Tells changes that were just applied to the table. */
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
