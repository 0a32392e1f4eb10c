/** A store in memory: an entry table, its commits and its feed, in the functions of the storage contract. */
import type { Change, CommitResult, Entry, Listing, Page, WatchedChange } from './contract.js';
import { Draft } from './draft.js';
import { EntryTable } from './entry-table.js';
import type { HistoryBounds } from './history-options.js';
import { TableFeed } from './table-feed.js';

export class TableStore {
  readonly table = new EntryTable();
  readonly feed: TableFeed;

  /**
   * @param history How many changes the feed keeps.
   * @param onExpired Called with the keys of expired entries, before readers get the change.
   */
  constructor(history?: HistoryBounds, onExpired?: (keys: readonly string[]) => void) {
    this.feed = new TableFeed(this.table, history, onExpired);
  }

  get(key: string): Entry | undefined {
    return this.table.get(key);
  }

  list(page: Page): Listing {
    // Remove expired entries first: a page must not pay for them again and again.
    this.feed.expire();
    return this.table.list(page);
  }

  commit(change: Change): CommitResult {
    const now = Date.now();
    this.feed.expire(now);
    const draft = new Draft(this.table, now);
    const result = draft.commit(change);
    this.table.apply(draft);
    this.feed.tell(draft.changes);
    return result;
  }

  watch(afterRevision: number): AsyncIterable<WatchedChange> {
    return this.feed.watch(afterRevision);
  }

  revision(): number {
    return this.feed.revision;
  }

  close(): void {
    this.feed.close();
  }
}
