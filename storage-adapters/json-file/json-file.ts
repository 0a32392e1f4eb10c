/**
 * Entries in a JSON file that a person can read, and edit while the server is stopped. An acknowledged commit is on
 * disk.
 *
 * All entries are also in memory. A commit is appended to a journal beside the file, together with all commits that
 * arrived while the one before was written. From time to time the journal is merged into the file. FORMAT.md describes
 * each file on disk.
 */
import { resolve } from 'node:path';
import {
  type AdapterContext,
  type Change,
  type CommitResult,
  defineAdapter,
  type Entry,
  type Listing,
  lazyOptions,
  type Page,
  type StorageAdapter,
  StorageError,
  type WatchedChange,
} from '../../core/storage/contract.js';
import { type HistoryBounds, historyOptions } from '../../core/storage/history-options.js';
import { realDataPath } from './data-path.js';
import { type FileLock, lockFile, lockToRead } from './file-lock.js';
import { type FileSystem, nodeFileSystem } from './file-system.js';
import { decideRefused, verification } from './operator.js';
import { proveDurable } from './prove-durable.js';
import { ReadOnlyStore } from './read-only.js';
import { Store, type StoreSeams } from './store.js';

export interface JsonFileOptions extends HistoryBounds {
  /** Absolute, or relative to the working directory. */
  readonly path: string;
  readonly log?: AdapterContext['log'];
  /** Writes nothing but the lock. The store must exist. */
  readonly readOnly?: boolean | undefined;
}

/** Parts and values that tests replace. @internal */
export interface JsonFileSeams extends StoreSeams {
  /** Performs every operation on files. */
  readonly files?: FileSystem;
  /** Keeps other processes from the file. */
  readonly lock?: (path: string, files: FileSystem) => Promise<FileLock>;
}

export class JsonFileAdapter implements StorageAdapter {
  readonly name = 'json-file';
  readonly supports = { durable: true, shared: 'process', bounded: false, watch: true } as const;
  readonly #options: JsonFileOptions;
  readonly #seams: JsonFileSeams;
  #opened: { readonly store: Store | ReadOnlyStore; readonly lock: FileLock } | undefined;
  #isClosed = true;

  /** @param seams For tests. */
  constructor(options: JsonFileOptions, seams: JsonFileSeams = {}) {
    this.#options = { ...options, path: resolve(options.path) };
    this.#seams = seams;
  }

  async open(): Promise<void> {
    const { path, log, readOnly = false, ...history } = this.#options;
    const {
      files = nodeFileSystem,
      lock: lockWith = readOnly ? lockToRead : lockFile,
      ...seams
    } = this.#seams;
    const real = await realDataPath(path, files);
    const lock = await lockWith(real, files);
    try {
      if (!readOnly) await proveDurable(real, files);
      const store = readOnly
        ? await ReadOnlyStore.open(files, real, history)
        : await Store.open(real, { ...seams, files, lock, log, history });
      this.#opened = { store, lock };
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
    return this.#store().table.list(page);
  }

  commit(change: Change): Promise<CommitResult> {
    return this.#store().commit(change);
  }

  watch(afterRevision: number): AsyncIterable<WatchedChange> {
    return this.#store().feed.watch(afterRevision);
  }

  revision(): number {
    return this.#store().feed.revision;
  }

  /** Why the store accepts no writes until it is opened again; undefined while it works. */
  get fault(): StorageError | undefined {
    return this.#opened?.store.fault;
  }

  /** Merges the journal into the file now, while commits go on. */
  checkpoint(): Promise<void> {
    return this.#store().checkpoint();
  }

  /** Earlier commits are still made and answered. */
  async close(): Promise<void> {
    if (this.#opened === undefined || this.#isClosed) return;
    const { store, lock } = this.#opened;
    this.#isClosed = true;
    await store.close();
    this.#opened = undefined;
    await lock.release();
  }

  #store(): Store | ReadOnlyStore {
    if (this.#opened === undefined || this.#isClosed) throw new StorageError('STORAGE_CLOSED');
    return this.#opened.store;
  }
}

export { adopt, discard, stats, verify } from './operator.js';

export default defineAdapter({
  name: 'json-file',
  options: lazyOptions(
    (z) =>
      z.strictObject({
        path: z
          .string()
          .min(1)
          .default('data.json')
          .describe(
            'The data file, relative to the folder of the configuration. The folder must exist; the file need not.',
          ),
        ...historyOptions(z),
      }),
    ({ path = 'data.json', ...others }) =>
      typeof path === 'string' && path !== '' && Object.keys(others).length === 0 ? { path } : undefined,
  ),
  create: ({ path, ...history }, { folder, log, readOnly }) =>
    new JsonFileAdapter({ path: resolve(folder, path), log, readOnly, ...history }),
  verify: ({ path }, { folder }) => verification(resolve(folder, path)),
  repair: {
    adopt: ({ path }, { folder }) => decideRefused(resolve(folder, path), 'adopt'),
    discard: ({ path }, { folder }) => decideRefused(resolve(folder, path), 'discard'),
  },
});
