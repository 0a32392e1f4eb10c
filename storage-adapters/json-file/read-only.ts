/**
 * The entries that a start would find, for reading only: nothing is repaired, cut off, merged or removed. Expired
 * entries are left out of the answers and stay in the files.
 */
import type { ChangeFeed } from '../../core/storage/change-feed.js';
import { StorageError } from '../../core/storage/contract.js';
import type { EntryTable } from '../../core/storage/entry-table.js';
import type { HistoryBounds } from '../../core/storage/history-options.js';
import type { FileSystem } from './file-system.js';
import { recover } from './recovery.js';

export class ReadOnlyStore {
  readonly table: EntryTable;
  readonly feed: ChangeFeed;
  readonly fault = undefined;

  private constructor(table: EntryTable, feed: ChangeFeed) {
    this.table = table;
    this.feed = feed;
  }

  /** Errors: STORAGE_UNREADABLE, also if there is no store yet; STORAGE_CORRUPT, STORAGE_EDITED. */
  static async open(files: FileSystem, path: string, history: HistoryBounds): Promise<ReadOnlyStore> {
    const { origin, table, feed } = await recover(files, path, history);
    if (origin === 'new') throw new StorageError('STORAGE_UNREADABLE', `${path} does not exist.`);
    return new ReadOnlyStore(table, feed);
  }

  commit(): Promise<never> {
    return Promise.reject(new StorageError('STORAGE_UNAVAILABLE', 'It is open for reading only.'));
  }

  async checkpoint(): Promise<void> {}

  async close(): Promise<void> {
    this.feed.close();
  }
}
