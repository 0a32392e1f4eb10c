/**
 * Entries in a JSON file that a person can read and edit while the server is stopped. An answered commit is on disk.
 *
 * Everything is kept in memory too, and reads see committed data only. A commit rewrites the file, together with all
 * that came in while the one before was written. What each file on disk means is told in FORMAT.md.
 */
import { resolve } from 'node:path';
import { z } from 'zod';
import {
  type AdapterContext,
  type Change,
  type CommitResult,
  defineAdapter,
  type Entry,
  type Listing,
  type Page,
  type StorageAdapter,
  StorageError,
} from '../../core/storage/contract.js';
import { Draft, EntryTable } from '../../core/storage/entry-table.js';
import { DataFile } from './data-file.js';
import { realDataPath } from './data-path.js';
import { DiskFault } from './durable-file.js';
import { type FileLock, lockFile } from './file-lock.js';
import { type FileSystem, nodeFileSystem } from './file-system.js';
import { GroupCommit } from './group-commit.js';

export interface JsonFileOptions {
  /** Absolute, or relative to the working directory. */
  readonly path: string;
  readonly log?: AdapterContext['log'];
  /** For tests: every operation on files goes through it. */
  readonly files?: FileSystem;
  /** For tests: how the file is kept from other processes. */
  readonly lock?: (path: string, files: FileSystem) => Promise<FileLock>;
}

interface Opened {
  readonly data: DataFile;
  readonly lock: FileLock;
  readonly table: EntryTable;
}

export class JsonFileAdapter implements StorageAdapter {
  readonly name = 'json-file';
  readonly supports = { durable: true, shared: 'process', bounded: false, watch: false } as const;
  readonly #path: string;
  readonly #log: AdapterContext['log'] | undefined;
  readonly #files: FileSystem;
  readonly #lock: NonNullable<JsonFileOptions['lock']>;
  readonly #commits = new GroupCommit<Change, CommitResult>((group) => this.#write(group));
  #opened: Opened | undefined;
  #isClosed = true;
  #isWriting = false;
  /** Set when the data on disk may be another's, or other than we think: nothing more is written. */
  #fault: StorageError | undefined;

  constructor({ path, log, files = nodeFileSystem, lock = lockFile }: JsonFileOptions) {
    this.#path = resolve(path);
    this.#log = log;
    this.#files = files;
    this.#lock = lock;
  }

  async open(): Promise<void> {
    const path = await realDataPath(this.#path, this.#files);
    const lock = await this.#lock(path, this.#files);
    try {
      const data = new DataFile(path, { files: this.#files, log: this.#log, isLocked: () => lock.isHeld() });
      const table = new EntryTable();
      await data.readInto(table, Date.now());
      this.#opened = { data, lock, table };
      this.#isClosed = false;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  get(key: string): Entry | undefined {
    return this.#store().table.get(key);
  }

  list(page: Page): Listing {
    const { table } = this.#store();
    // A page must not cost what expired before it. But while the file is being written the table stands still.
    if (!this.#isWriting) table.forgetExpired();
    return table.list(page);
  }

  commit(change: Change): Promise<CommitResult> {
    this.#store();
    return this.#commits.add(change);
  }

  /** Commits that came before are still made and answered. */
  async close(): Promise<void> {
    if (this.#opened === undefined) return;
    const { lock } = this.#opened;
    this.#isClosed = true;
    await this.#commits.settled();
    this.#opened = undefined;
    await lock.release();
  }

  async #write(group: readonly Change[]): Promise<readonly CommitResult[]> {
    if (this.#opened === undefined) throw new StorageError('STORAGE_CLOSED');
    if (this.#fault !== undefined) throw refusal(this.#fault);
    const { data, table } = this.#opened;
    const now = Date.now();
    table.forgetExpired(now);
    const draft = new Draft(table, now);
    const results = group.map((change) => draft.commit(change));
    this.#isWriting = true;
    try {
      if (draft.changed.size === 0) table.apply(draft);
      else await data.write(draft, () => table.apply(draft));
      return results;
    } catch (error) {
      if (error instanceof DiskFault || (error instanceof StorageError && error.code === 'STORAGE_LOCKED')) {
        this.#fault = error;
        this.#log?.error({ error }, 'The data cannot be written any more until the store is opened anew.');
      }
      throw error;
    } finally {
      this.#isWriting = false;
    }
  }

  #store(): Opened {
    if (this.#opened === undefined || this.#isClosed) throw new StorageError('STORAGE_CLOSED');
    return this.#opened;
  }
}

/** What commits are told after a fault: a code that says that nothing was changed, and what happened before. */
function refusal(fault: StorageError): StorageError {
  if (fault.code === 'STORAGE_LOCKED') return fault;
  return new StorageError(
    'STORAGE_UNAVAILABLE',
    `Nothing is written since this happened, until the store is opened anew: ${fault.message}`,
    { cause: fault },
  );
}

export default defineAdapter({
  name: 'json-file',
  options: z.strictObject({
    /** Where the data is, relative to the folder of the configuration. The folder must exist; the file need not. */
    path: z.string().min(1).default('data.json'),
  }),
  create: ({ path }, { folder, log }) => new JsonFileAdapter({ path: resolve(folder, path), log }),
});
