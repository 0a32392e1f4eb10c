/**
 * Entries in LMDB, a memory-mapped B+ tree: one machine, more data than memory, several processes at once. An
 * acknowledged commit is on disk. `FORMAT.md` describes the folder.
 *
 * Reads return directly, from the map. Commits go to a separate thread, which waits for the disk and for other
 * processes.
 */
import { resolve } from 'node:path';
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
} from '../../core/storage/contract.js';
import { missingDriver } from '../../core/storage/missing-driver.js';
import type { HistoryLimits } from './change-batch.js';
import { changeFeed } from './change-feed.js';
import { checkInOtherProcess } from './check.js';
import { inspectFolder, markFolder } from './data-folder.js';
import { type Databases, type Driver, openDatabases, readCounters, readEntry } from './databases.js';
import { errorOf, faultOf } from './faults.js';
import { listPage } from './listing.js';
import { Wakeup } from './wakeup.js';
import { Writer } from './writer.js';

/** The longest key that LMDB accepts with pages of 4 KiB, in octets. */
const MAX_KEY_OCTETS = 1_978;
/** Entries expire by the machine's clock, which may be changed while a timer waits: check it at least this often. */
const LONGEST_WAIT_MS = 60_000;

export interface LmdbOptions extends Partial<HistoryLimits> {
  /** The folder. Absolute. */
  readonly path: string;
  readonly pollMs?: number;
  /** Writes nothing; expired entries stay too. */
  readonly readOnly?: boolean;
}

export class LmdbAdapter implements StorageAdapter {
  readonly name = 'lmdb';
  readonly supports = { durable: true, shared: 'machine', bounded: false, watch: true } as const;
  readonly #path: string;
  readonly #readOnly: boolean;
  readonly #limits: HistoryLimits;
  readonly #loadDriver: () => Promise<Driver>;
  readonly #wakeup: Wakeup;
  #databases: Databases | undefined;
  #writer: Writer | undefined;
  #expiryTimer: NodeJS.Timeout | undefined;

  constructor(
    { path, pollMs = 50, historyChanges = 10_000, historyOctets = 16_777_216, readOnly = false }: LmdbOptions,
    loadDriver: () => Promise<Driver> = () => import('lmdb'),
  ) {
    this.#path = path;
    this.#readOnly = readOnly;
    this.#limits = { historyChanges, historyOctets };
    this.#loadDriver = loadDriver;
    this.#wakeup = new Wakeup(pollMs);
  }

  async open(): Promise<void> {
    const driver = await this.#driver();
    const { fresh, short } = await inspectFolder(this.#path, this.#readOnly);
    // Rare. Only another process can check it: reading after the end of the file kills the process.
    if (short) await this.#mustBeWhole();
    try {
      if (!this.#readOnly) {
        const data = { path: this.#path, ...this.#limits };
        this.#writer = await Writer.open(data, {
          batchDone: (nextExpiry) => {
            this.#databases?.root.resetReadTxn();
            this.#wakeup.wake();
            this.#sweepAt(nextExpiry);
          },
        });
      }
      this.#databases = openDatabases(driver, { path: this.#path, readOnly: this.#readOnly });
      readCounters(this.#databases);
      if (fresh && !this.#readOnly) await markFolder(this.#path);
    } catch (cause) {
      await this.#closeAll();
      throw cause instanceof StorageError ? cause : errorOf(faultOf(cause, 'reading'), cause);
    }
    this.#writer?.sweep();
  }

  get(key: string): Entry | undefined {
    const octets = Buffer.from(key);
    if (octets.length > MAX_KEY_OCTETS) return undefined;
    const entry = this.#read((databases) => readEntry(databases, octets));
    return entry?.expiresAt !== undefined && entry.expiresAt <= Date.now() ? undefined : entry;
  }

  list(page: Page): Listing {
    return this.#read((databases) => listPage(databases, page, Date.now()));
  }

  commit(change: Change): Promise<CommitResult> {
    if (this.#databases === undefined) return Promise.reject(new StorageError('STORAGE_CLOSED'));
    if (this.#writer === undefined) {
      return Promise.reject(new StorageError('STORAGE_UNAVAILABLE', 'It is open for reading only.'));
    }
    for (const { key } of change.puts ?? []) {
      const octets = Buffer.byteLength(key);
      if (octets <= MAX_KEY_OCTETS) continue;
      const detail = `LMDB accepts keys of up to ${MAX_KEY_OCTETS} octets; this key has ${octets}.`;
      return Promise.reject(new StorageError('STORAGE_KEY_INVALID', detail));
    }
    return this.#writer.commit(change);
  }

  watch(afterRevision: number): AsyncIterable<WatchedChange> {
    if (this.#databases === undefined) throw new StorageError('STORAGE_CLOSED');
    const wakeup = this.#wakeup;
    return changeFeed(
      {
        read: (reading) => this.#read(reading),
        changed: (signal) => wakeup.changed(signal),
        get closed() {
          return wakeup.closed;
        },
      },
      afterRevision,
    );
  }

  revision(): number {
    return this.#read((databases) => readCounters(databases).revision);
  }

  /** Why the store accepts no writes until it is opened again; undefined while it works. */
  get fault(): StorageError | undefined {
    return this.#writer?.fault;
  }

  async close(): Promise<void> {
    clearTimeout(this.#expiryTimer);
    await this.#closeAll();
  }

  async #closeAll(): Promise<void> {
    this.#wakeup.close();
    const databases = this.#databases;
    this.#databases = undefined;
    await this.#writer?.close();
    this.#writer = undefined;
    await databases?.root.close();
  }

  /**
   * The driver keeps one snapshot per turn of the event loop. Another process may have acknowledged a write since then,
   * so take a new snapshot for each read; one read sees one moment.
   */
  #read<T>(reading: (databases: Databases) => T): T {
    const databases = this.#databases;
    if (databases === undefined) throw new StorageError('STORAGE_CLOSED');
    try {
      databases.root.resetReadTxn();
      return reading(databases);
    } catch (cause) {
      if (cause instanceof StorageError) throw cause;
      throw errorOf(faultOf(cause, 'reading'), cause);
    }
  }

  /**
   * Expired entries are absent from every answer at once; the sweep reports them to readers of the feed and frees their
   * space.
   */
  #sweepAt(moment: number | undefined): void {
    clearTimeout(this.#expiryTimer);
    if (moment === undefined || this.#databases === undefined) return;
    const waitMs = Math.min(Math.max(moment - Date.now(), 0) + 1, LONGEST_WAIT_MS);
    this.#expiryTimer = setTimeout(() => {
      if (Date.now() < moment) this.#sweepAt(moment);
      else this.#writer?.sweep();
    }, waitMs).unref();
  }

  async #mustBeWhole(): Promise<void> {
    const [fault] = (await checkInOtherProcess(this.#path)).faults;
    if (fault !== undefined) throw new StorageError('STORAGE_CORRUPT', fault);
  }

  async #driver(): Promise<Driver> {
    try {
      return await this.#loadDriver();
    } catch (cause) {
      const missing = missingDriver('lmdb', cause);
      if (missing !== undefined) throw missing;
      const reason = cause instanceof Error ? cause.message.split('\n', 1)[0] : String(cause);
      const detail = `lmdb is installed but cannot be loaded: ${reason}`;
      throw new StorageError('STORAGE_DRIVER_MISSING', detail, { cause });
    }
  }
}

export default defineAdapter({
  name: 'lmdb',
  options: z.strictObject({
    path: z
      .string()
      .min(1)
      .default('data.lmdb')
      .describe(
        'The folder, relative to the folder of the configuration; it is created if it is missing. It must be on a disk of this machine: LMDB cannot share a file over a network. Errors: STORAGE_UNREADABLE, STORAGE_CORRUPT.',
      ),
    // LMDB announces no writes, and watching its file misses writes to the map. A check takes microseconds.
    pollMs: z
      .int()
      .min(1)
      .max(60_000)
      .default(50)
      .describe(
        'Milliseconds between two checks for changes of other processes, while a feed of changes waits. Changes of this process are reported at once.',
      ),
    // Minutes of a busy store.
    historyChanges: z
      .int()
      .min(1)
      .default(10_000)
      .describe(
        'How many commits a feed of changes can go back; for older ones it gets STORAGE_HISTORY_GONE.',
      ),
    // So that large values do not double the store.
    historyOctets: z
      .int()
      .min(1)
      .default(16_777_216)
      .describe(
        'The most octets of all kept commits together, including values. The last commit is always kept.',
      ),
  }),
  create: ({ path, ...options }, { folder, readOnly = false }) =>
    new LmdbAdapter({ ...options, readOnly, path: resolve(folder, path) }),
  async verify({ path }, { folder }) {
    // A folder that holds no store gets its own sentence; reading it would only end the process.
    const fault = await inspectFolder(resolve(folder, path), true).then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof StorageError && error.code === 'STORAGE_CORRUPT') return error.message;
        throw error;
      },
    );
    if (fault !== undefined) return { faults: [fault] };
    const { faults, entries } = await checkInOtherProcess(resolve(folder, path));
    return { faults, notes: { 'entries read by lmdb itself': entries } };
  },
});
