/**
 * What every storage adapter promises. Adapters are interchangeable: the same calls get the same answers from each. An
 * adapter declares its limits in `supports`; the contract kit tests each declared ability.
 *
 * The core checks keys, values and pages once, at its own door (`storage-door.ts`), so an adapter gets valid arguments.
 * An adapter throws `StorageError`; any other error is reported as `STORAGE_UNAVAILABLE`.
 */
import { sameInAllCopies } from '../across-copies.js';
import type { StandardSchema } from '../config/standard-schema.js';
import { type ErrorCode, JackfieldError } from '../errors.js';
import type { Log } from '../log.js';
import type { MaybePromise } from '../maybe-promise.js';

/** This file is the door for adapters: they may import nothing else from the core. */
export { lazyOptions } from '../config/lazy-options.js';
export type { MaybePromise } from '../maybe-promise.js';

export interface Entry {
  readonly key: string;
  readonly value: string;
  /**
   * When the key first appeared: a sequence number counted per entry. It is unique, also within one commit (in the
   * order of its puts), and later puts of the key keep it. An entry that is deleted and put again is new. Compare
   * etcd's create_revision.
   */
  readonly created: number;
  /** When the key last changed: a sequence number counted per commit. Compare etcd's mod_revision. */
  readonly revision: number;
  /** The entry is absent from this moment on, in milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/** One page in creation order. */
export interface Page {
  /** Only keys that begin with these characters; `''` is every key. */
  readonly prefix?: string;
  /** The `created` of the last entry of the previous page. */
  readonly after?: number;
  /** The maximum number of entries, at least 1. */
  readonly limit: number;
}

export interface Listing {
  readonly entries: Entry[];
  /** Pass it as `after` to get the next page; absent on the last page. */
  readonly next?: number;
}

/** A change that is made completely or not at all. A key may appear only once in `puts` and `deletes` together. */
export interface Change {
  /** A check holds if the entry's current revision equals `revision`; 0 means absent. */
  readonly checks?: readonly { readonly key: string; readonly revision: number }[];
  /** `ttlMs`: milliseconds until the entry is absent again; without it the entry stays. */
  readonly puts?: readonly { readonly key: string; readonly value: string; readonly ttlMs?: number }[];
  readonly deletes?: readonly string[];
}

/** The result of a change that was made. */
export interface Committed {
  readonly ok: true;
  /** The revision of this commit. */
  readonly revision: number;
  /** The entry at each put or deleted key before the commit. Keys that were absent are not in the map. */
  readonly previous: Map<string, Entry>;
}

export type CommitResult =
  | Committed
  /** Nothing was changed; `conflict` is the key of the first check that did not hold. */
  | { readonly ok: false; readonly conflict: string };

export interface Supports {
  /** An acknowledged commit survives kill -9 and power loss. */
  readonly durable: boolean;
  /** Which processes may open the same data at the same time. */
  readonly shared: 'process' | 'machine' | 'cluster';
  /** May evict entries when it is full. */
  readonly bounded: boolean;
  /** Has `watch`. */
  readonly watch: boolean;
}

/**
 * One complete commit, as `watch` reports it: after it, a reader has seen all of its revision. Expiry is a change of
 * its own, with its own revision, reported when the adapter notices it.
 */
export interface WatchedChange {
  readonly revision: number;
  /**
   * Set by stores that can lose acknowledged changes (failover): a hex token unique to this change, because revisions
   * are then reused. The same revision with another mark is another change.
   */
  readonly mark?: string;
  /** The entries after the commit, in the order of its puts. */
  readonly puts: readonly Entry[];
  /** The deleted keys that existed before. */
  readonly deletes: readonly string[];
}

/** The place of a reader in the feed: after this change. */
export type Position = Pick<WatchedChange, 'revision' | 'mark'>;

/**
 * Each function may return its result directly or as a promise; stores in memory return it directly, which is faster.
 * Life: `open` once, then any number of calls, also at the same time, then `close` once.
 */
export interface StorageAdapter {
  readonly name: string;
  readonly supports: Supports;
  /** Errors: STORAGE_UNREADABLE, STORAGE_CORRUPT, STORAGE_LOCKED, STORAGE_UNAVAILABLE. */
  open(): MaybePromise<void>;
  get(key: string): MaybePromise<Entry | undefined>;
  list(page: Page): MaybePromise<Listing>;
  /** Errors: STORAGE_UNAVAILABLE, STORAGE_FULL (nothing changed); STORAGE_OUTCOME_UNKNOWN. */
  commit(change: Change): MaybePromise<CommitResult>;
  /**
   * Every change after the given revision, in order, without gaps, then those to come, until `close` ends it or the
   * reader returns (which also ends a waiting `next`). A commit that changed nothing need not be reported.
   * Errors, from `next`: STORAGE_HISTORY_GONE if changes after the given revision are no longer kept;
   * STORAGE_REVISION_UNKNOWN if the store has not reached this revision, or if the change with this revision has
   * another mark.
   * @param mark The mark of the change with that revision, if the store sets marks.
   */
  watch?(afterRevision: number, mark?: string): AsyncIterable<WatchedChange>;
  /** The revision of the last readable change; 0 if there is none. Present if `watch` is. */
  revision?(): MaybePromise<number>;
  /** The start position for a reader that wants only future changes. Present if changes have marks. */
  position?(): MaybePromise<Position>;
  /**
   * Optional: why the store accepts no writes until it is opened again, for example after a disk failure; undefined
   * while it works. Health probes report it.
   */
  readonly fault?: StorageError | undefined;
  /** Waits for calls in progress. Later calls fail with STORAGE_CLOSED. */
  close(): MaybePromise<void>;
}

/** An error of a store. The code says whether the data may have changed. */
export class StorageError extends JackfieldError {
  constructor(code: Extract<ErrorCode, `STORAGE_${string}`>, detail = '', options?: { cause?: unknown }) {
    super(code, detail, options);
  }
}

sameInAllCopies(StorageError, 'StorageError');

/**
 * The store's door refused an argument. The plugin made the call, so its request gets a 500 and the log names the
 * plugin, whatever status the table has for the code.
 */
export class RefusedArgument extends StorageError {
  readonly detail: string;
  /** The argument is a text that is empty, too long or not well-formed, so it may come from a client. */
  readonly mayBeClients: boolean;

  constructor(code: Extract<ErrorCode, `STORAGE_${string}`>, detail: string, mayBeClients = false) {
    super(code, detail);
    this.detail = detail;
    this.mayBeClients = mayBeClients;
  }

  override get status(): number {
    return 500;
  }
}

sameInAllCopies(RefusedArgument, 'RefusedArgument');

/**
 * For plugins that pass a client's keys, values or prefixes to the store: `try { return storage.get(key) } catch
 * (error) { throw fromClient(error) }`.
 * @returns if the store refused such a text, the error as the client's fault, with the status of the table (400); any
 * other error unchanged.
 */
export function fromClient(error: unknown): unknown {
  if (!(error instanceof RefusedArgument) || !error.mayBeClients) return error;
  return new JackfieldError(error.code, error.detail, { cause: error });
}

/** What an adapter gets besides its options. */
export interface AdapterContext {
  /** The base folder for relative paths in options: the folder of the configuration file. Absolute. */
  readonly folder: string;
  readonly log: Log;
  /**
   * The store is only read, like the source of `jackfield store export` and `migrate`. An adapter that supports this
   * writes nothing: it creates no store, and it does not remove expired entries.
   */
  readonly readOnly?: boolean;
}

/** The result of an adapter's check of its own data. */
export interface Verification {
  /** One sentence per fault; empty if the data is sound. */
  readonly faults: readonly string[];
  /** Other facts worth reporting, by name. */
  readonly notes?: Readonly<Record<string, string | number | boolean>>;
}

/** Repairs a store that is not open. @returns A sentence that describes the repair. */
export type Repair<Options> = (options: Options, context: AdapterContext) => MaybePromise<string>;

/** The default export of an adapter's module. */
export interface AdapterDefinition<Options = unknown> {
  readonly name: string;
  /** Any Standard Schema. Without one, the adapter accepts no options. */
  readonly options?: StandardSchema<unknown, Options>;
  /** Makes the adapter; it does not open the store yet. */
  create(options: Options, context: AdapterContext): StorageAdapter;
  /**
   * For `jackfield store verify`: checks the adapter's own format before the store is opened and its entries are read
   * through the contract. It changes nothing. A store that cannot be checked at all is an error.
   */
  verify?(options: Options, context: AdapterContext): MaybePromise<Verification>;
  /**
   * Ways to open a store that is refused because of its data, each named by its command. `jackfield store adopt`
   * accepts the data as it is and applies the intact commits of its log; `jackfield store discard` accepts the data
   * alone. Both keep a copy of everything they replace, and change nothing in a store that can be opened.
   */
  readonly repair?: {
    readonly adopt?: Repair<Options>;
    readonly discard?: Repair<Options>;
  };
}

/**
 * An adapter as a class. Its constructor parameters name their tokens: `TOKENS.options`, `TOKENS.log` and
 * `TOKENS.context` (the `AdapterContext`). The rest of the definition is in `static adapter`.
 */
export interface AdapterClass {
  // biome-ignore lint/suspicious/noExplicitAny: the container decides about the constructor's arguments.
  new (...args: any[]): StorageAdapter;
  // biome-ignore lint/suspicious/noExplicitAny: an adapter of any options; they are validated by its own schema.
  readonly adapter: Omit<AdapterDefinition<any>, 'create'>;
}

/** Only adds types: it returns the object unchanged. */
export function defineAdapter<Options = Record<string, never>>(
  definition: AdapterDefinition<Options>,
): AdapterDefinition<Options> {
  return definition;
}
