/**
 * What every storage adapter promises. Interchangeable means: the same calls get the same answers from each.
 * What an adapter cannot promise it declares in `supports`; what it declares, the contract kit tests.
 *
 * The core checks keys, values and pages once, at its own door (`storage-door.ts`), so an adapter gets clean
 * arguments. It throws `StorageError`; anything else it throws is reported as `STORAGE_UNAVAILABLE`.
 */
import { sameInAllCopies } from '../across-copies.js';
import type { StandardSchema } from '../config/standard-schema.js';
import { type ErrorCode, JackfieldError } from '../errors.js';
import type { Log } from '../log.js';
import type { MaybePromise } from '../maybe-promise.js';

/** This file is the door of adapters: they may import from the core nothing else. */
export { lazyOptions } from '../config/lazy-options.js';
export type { MaybePromise } from '../maybe-promise.js';

export interface Entry {
  readonly key: string;
  readonly value: string;
  /**
   * When the key first appeared: a sequence number counted per entry, unique also within one commit (in the order
   * of its puts) and kept by later puts of the key. An entry deleted and put again is new. Compare etcd's
   * create_revision.
   */
  readonly created: number;
  /** When the key last changed: a sequence number counted per commit. Compare etcd's mod_revision. */
  readonly revision: number;
  /** Milliseconds since the epoch from which on the entry is absent. */
  readonly expiresAt?: number;
}

/** One page in creation order. */
export interface Page {
  /** Only keys that begin with these characters; `''` is every key. */
  readonly prefix?: string;
  /** The `created` of the last entry of the page before. */
  readonly after?: number;
  /** How many entries at the most, at least 1. */
  readonly limit: number;
}

export interface Listing {
  readonly entries: Entry[];
  /** Pass it as `after` for the page that follows; absent on the last page. */
  readonly next?: number;
}

/** A change that is made whole or not at all. No key stands twice in `puts` and `deletes` together. */
export interface Change {
  /** Each holds when the entry's revision is the given one; 0 means absent. */
  readonly checks?: readonly { readonly key: string; readonly revision: number }[];
  /** `ttlMs`: milliseconds until the entry is absent again; without it the entry stays. */
  readonly puts?: readonly { readonly key: string; readonly value: string; readonly ttlMs?: number }[];
  readonly deletes?: readonly string[];
}

/** A change that was made. */
export interface Committed {
  readonly ok: true;
  /** The revision of this commit. */
  readonly revision: number;
  /** What stood at each put or deleted key before; keys that were absent are absent here. */
  readonly previous: Map<string, Entry>;
}

export type CommitResult =
  | Committed
  /** Nothing was changed; `conflict` is the key of the first check that did not hold. */
  | { readonly ok: false; readonly conflict: string };

export interface Supports {
  /** An answered commit survives kill -9 and power loss. */
  readonly durable: boolean;
  /** Who may open the same data at once. */
  readonly shared: 'process' | 'machine' | 'cluster';
  /** May evict entries when full. */
  readonly bounded: boolean;
  /** Has `watch`. */
  readonly watch: boolean;
}

/**
 * One commit as `watch` tells it, whole: a reader that stops behind it has seen all of its revision. What expires is
 * told as a change of its own, under a revision of its own, as soon as the adapter notices.
 */
export interface WatchedChange {
  readonly revision: number;
  /**
   * Where a store can lose what was answered, as a server does that another one takes over from: a word in hexadecimal
   * digits that no other change has. Behind such a loss revisions are given again; what has another mark is another one.
   */
  readonly mark?: string;
  /** As they stood behind the commit, in the order of its puts. */
  readonly puts: readonly Entry[];
  /** Keys that were there before. */
  readonly deletes: readonly string[];
}

/** Behind a change: where a reader of the feed stands. */
export type Position = Pick<WatchedChange, 'revision' | 'mark'>;

/**
 * Each function may answer at once or with a promise; the synchronous answer is the fast path of stores in memory.
 * Life: `open` once, then the rest in any number and at the same time, then `close` once.
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
   * Every change after the given revision, in order, without gaps; then those to come, until `close` ends it or the
   * reader returns (which also ends a `next` that waits). A commit that changed nothing need not be told.
   * Errors, from `next`: STORAGE_HISTORY_GONE where changes behind the given revision are no longer kept,
   * STORAGE_REVISION_UNKNOWN where it is one that this store has not reached, or where the change with this revision is
   * another one than the mark says.
   * @param mark Of the change with that revision, where the store gives marks.
   */
  watch?(afterRevision: number, mark?: string): AsyncIterable<WatchedChange>;
  /** The revision of the last change that can be read; 0 where there was none. Present where `watch` is. */
  revision?(): MaybePromise<number>;
  /** Where a reader stands that wants only what comes next. Present where changes have marks. */
  position?(): MaybePromise<Position>;
  /**
   * Optional: why nothing is written any more until the store is opened anew, as after a disk that failed; undefined
   * while all is well. Health probes tell it.
   */
  readonly fault?: StorageError | undefined;
  /** Waits for what is under way; afterwards every call fails with STORAGE_CLOSED. */
  close(): MaybePromise<void>;
}

/** An error of a store. The code says whether anything can have changed. */
export class StorageError extends JackfieldError {
  constructor(code: Extract<ErrorCode, `STORAGE_${string}`>, detail = '', options?: { cause?: unknown }) {
    super(code, detail, options);
  }
}

sameInAllCopies(StorageError, 'StorageError');

/**
 * The door of the store refused an argument. The plugin made the call, so its request is answered 500 and the log has
 * the plugin's name, whatever status the table has for the code.
 */
export class RefusedArgument extends StorageError {
  readonly detail: string;
  /** The argument is a text that is empty, too long or not well-formed, as one of a client may be. */
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
 * For plugins that pass keys, values or prefixes of a client to the store:
 * `try { return storage.get(key) } catch (error) { throw fromClient(error) }`.
 * @returns the error as the client's, with the status of the table (400), if the store refused such a text; any other
 * error as it is.
 */
export function fromClient(error: unknown): unknown {
  if (!(error instanceof RefusedArgument) || !error.mayBeClients) return error;
  return new JackfieldError(error.code, error.detail, { cause: error });
}

/** What an adapter is given beside its options. */
export interface AdapterContext {
  /** The folder that relative paths in options start from: the one of the configuration file. Absolute. */
  readonly folder: string;
  readonly log: Log;
  /**
   * The store is only read, as a source of `jackfield store export` and `migrate` is: an adapter that can then writes
   * nothing at all, makes no store where there is none and leaves what has expired where it is.
   */
  readonly readOnly?: boolean;
}

/** What an adapter found where it checked its own data. */
export interface Verification {
  /** A sentence for each; empty where all is well. */
  readonly faults: readonly string[];
  /** What else is worth telling, by name. */
  readonly notes?: Readonly<Record<string, string | number | boolean>>;
}

/** Mends a store that is not open. @returns A sentence that says what was done. */
export type Repair<Options> = (options: Options, context: AdapterContext) => MaybePromise<string>;

/** The default export of an adapter's module. */
export interface AdapterDefinition<Options = unknown> {
  readonly name: string;
  /** Any Standard Schema. Without one, no options are taken. */
  readonly options?: StandardSchema<unknown, Options>;
  /** Makes the adapter; it opens nothing yet. */
  create(options: Options, context: AdapterContext): StorageAdapter;
  /**
   * For `jackfield store verify`: checks the data as only the adapter knows it, before the store is opened and its
   * entries are read through the contract. It changes nothing. A store that cannot be checked at all is an error.
   */
  verify?(options: Options, context: AdapterContext): MaybePromise<Verification>;
  /**
   * Ways out of a store that is refused for what stands there, each named by its command. `jackfield store adopt` takes
   * the data as it stands and makes what was logged beside it and is whole on top; `jackfield store discard` takes the
   * data as it stands alone. Nothing is thrown away without a copy, and a store that can be opened is left as it is.
   */
  readonly repair?: {
    readonly adopt?: Repair<Options>;
    readonly discard?: Repair<Options>;
  };
}

/**
 * An adapter as a class: its constructor parameters name their tokens, of which there are `TOKENS.options`,
 * `TOKENS.log` and `TOKENS.context` (the `AdapterContext`). Everything else of a definition is in `static adapter`.
 */
export interface AdapterClass {
  // biome-ignore lint/suspicious/noExplicitAny: the container decides what the constructor is given.
  new (...args: any[]): StorageAdapter;
  // biome-ignore lint/suspicious/noExplicitAny: an adapter of any options; they are validated by its own schema.
  readonly adapter: Omit<AdapterDefinition<any>, 'create'>;
}

/** Only adds types: the object is returned as it is. */
export function defineAdapter<Options = Record<string, never>>(
  definition: AdapterDefinition<Options>,
): AdapterDefinition<Options> {
  return definition;
}
