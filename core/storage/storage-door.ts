/// <reference lib="es2024.string" />
/**
 * The core's one door to the store. Every argument is checked here, once, so that adapters get valid arguments.
 *
 * A wrong argument is a mistake of the plugin that made the call: RefusedArgument, 500. A plugin that passes on a
 * client's key or value turns it into the client's mistake with `fromClient`. If the adapter returns its result
 * directly, so does the door: no function here is `async`.
 */

import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { JackfieldError, reasonOf } from '../errors.js';
import { strangeMember } from '../known-members.js';
import { isPromise, type MaybePromise } from '../maybe-promise.js';
import type {
  Change,
  CommitResult,
  Committed,
  Entry,
  Listing,
  Page,
  Position,
  StorageAdapter,
  Supports,
  WatchedChange,
} from './contract.js';
import { RefusedArgument, StorageError } from './contract.js';

/** Octets of UTF-8 in a key: fewer than any adapter can index (LMDB takes 1,978), and far more than a name needs. */
const MAX_KEY_OCTETS = 1_024;

/**
 * Octets of UTF-8 in a value. The limit belongs to the data, not to a server: a value that one server stores must fit
 * every adapter and every server that opens or imports the data later. So `limits.maxBodyOctets` does not raise it.
 */
const MAX_VALUE_OCTETS = 1_048_576;

/** A string with fewer characters is copied before it is stored; see `ownCopy`. */
const COPY_BELOW = 65_536;
/** A buffer for the copies, allocated with the first. A character takes at most three octets of UTF-8. */
let copyRoom: Buffer | undefined;

export class StorageDoor {
  readonly #adapter: StorageAdapter;
  #state: 'new' | 'opening' | 'open' | 'closed' = 'new';
  /** Present if the adapter has it. Errors: STORAGE_REVISION_UNKNOWN, STORAGE_HISTORY_GONE, those of the store. */
  readonly watch?: (afterRevision: number, mark?: string) => AsyncIterable<WatchedChange>;
  /** Present if the adapter has it. */
  readonly revision?: () => MaybePromise<number>;
  /** Present if the adapter has it. */
  readonly position?: () => MaybePromise<Position>;
  /**
   * Set by stores that restart their revisions on every open: a token new for each open. Send it with every revision a
   * client may return with.
   */
  readonly era?: string;

  constructor(adapter: StorageAdapter) {
    this.#adapter = adapter;
    // An adapter from outside may not have `supports`.
    const { durable, shared } = Object(adapter.supports) as Partial<Supports>;
    if (durable === false && shared === 'process') this.era = randomBytes(6).toString('hex');
    if (adapter.watch === undefined || adapter.revision === undefined) return;
    this.watch = (afterRevision, mark) => this.#watch(afterRevision, mark);
    this.revision = () => {
      this.#mustBeOpen();
      return guarded(() => adapter.revision!());
    };
    if (adapter.position === undefined) return;
    this.position = () => {
      this.#mustBeOpen();
      return guarded(() => adapter.position!());
    };
  }

  get name(): string {
    return this.#adapter.name;
  }

  get supports(): Supports {
    return this.#adapter.supports;
  }

  /** Why the store accepts no writes; undefined while it works, and if the adapter does not report it. */
  get fault(): JackfieldError | undefined {
    return this.#adapter.fault;
  }

  /** Call it once. If it fails, nothing is open, and you may call it again. */
  open(): MaybePromise<void> {
    if (this.#state !== 'new')
      throw new TypeError(`This store is already ${this.#state}; a store can be opened only once.`);
    this.#state = 'opening';
    const opened = () => {
      if (this.#state === 'opening') this.#state = 'open';
    };
    const failed = (cause: unknown): never => {
      if (this.#state === 'opening') this.#state = 'new';
      throw storageErrorOf(cause);
    };
    try {
      const answer = this.#adapter.open();
      if (isPromise(answer)) return Promise.resolve(answer).then(opened, failed);
    } catch (cause) {
      failed(cause);
    }
    opened();
  }

  /** Errors: STORAGE_KEY_INVALID and those of the store. */
  get(key: string): MaybePromise<Entry | undefined> {
    this.#mustBeOpen();
    checkKey(key);
    return guarded(() => this.#adapter.get(key), this.#isEntry);
  }

  /** Errors: STORAGE_PAGE_INVALID and those of the store. */
  list(page: Page): MaybePromise<Listing> {
    this.#mustBeOpen();
    mustBe(page, PAGE, 'list', 'STORAGE_PAGE_INVALID');
    const { prefix = '', after = 0, limit } = page;
    if (!isWhole(limit, 1))
      throw new RefusedArgument('STORAGE_PAGE_INVALID', `the limit is ${quoted(limit)}.`);
    if (!isWhole(after, 0))
      throw new RefusedArgument('STORAGE_PAGE_INVALID', `the cursor is ${quoted(after)}.`);
    const fault = prefix === '' ? undefined : faultOf(prefix, MAX_KEY_OCTETS);
    if (fault !== undefined)
      throw new RefusedArgument('STORAGE_PAGE_INVALID', `the prefix ${fault}.`, typeof prefix === 'string');
    return guarded(() => this.#adapter.list({ prefix, after, limit }), this.#isListing);
  }

  /** Errors: STORAGE_KEY_INVALID, STORAGE_VALUE_INVALID, STORAGE_CHANGE_INVALID and those of the store. */
  commit(change: Omit<Change, 'checks'> & { readonly checks?: never }): MaybePromise<Committed>;
  commit(change: Change): MaybePromise<CommitResult>;
  commit(change: Change): MaybePromise<CommitResult> {
    this.#mustBeOpen();
    mustBe(change, CHANGE, 'commit', 'STORAGE_CHANGE_INVALID');
    const { checks = [], puts = [], deletes = [] } = change;
    mustBeLists(checks, puts, deletes);
    for (const check of checks) {
      mustBe(check, CHECK, 'A check', 'STORAGE_CHANGE_INVALID');
      const { key, revision } = check;
      checkKey(key);
      if (!isWhole(revision, 0)) {
        throw new RefusedArgument(
          'STORAGE_CHANGE_INVALID',
          `the check of ${quoted(key)} has the revision ${quoted(revision)}.`,
        );
      }
    }
    for (const put of puts) {
      mustBe(put, PUT, 'A put', 'STORAGE_CHANGE_INVALID');
      const { key, value, ttlMs } = put;
      checkKey(key);
      const fault = faultOf(value, MAX_VALUE_OCTETS);
      if (fault !== undefined) {
        throw new RefusedArgument(
          'STORAGE_VALUE_INVALID',
          `the value of ${quoted(key)} ${fault}.`,
          typeof value === 'string',
        );
      }
      if (ttlMs !== undefined && !isWhole(ttlMs, 1)) {
        throw new RefusedArgument(
          'STORAGE_CHANGE_INVALID',
          `${quoted(key)} has a ttlMs of ${quoted(ttlMs)}.`,
        );
      }
    }
    for (const key of deletes) checkKey(key);
    if (puts.length + deletes.length > 1) checkDistinct(puts, deletes);
    // Copy only strings that are stored: the keys of checks and deletes are free after the call.
    const own = puts.map(({ key, value, ttlMs }) => {
      const put = { key: ownCopy(key), value: ownCopy(value) };
      return ttlMs === undefined ? put : { ...put, ttlMs };
    });
    return guarded(() => this.#adapter.commit({ checks, puts: own, deletes }), this.#isCommitResult);
  }

  /** Waits for calls in progress. Later calls fail with STORAGE_CLOSED; a second `close` is not an error. */
  close(): MaybePromise<void> {
    const before = this.#state;
    this.#state = 'closed';
    // An adapter that was never opened has nothing to close.
    if (before === 'closed' || before === 'new') return;
    return guarded(() => this.#adapter.close());
  }

  #watch(afterRevision: number, mark: string | undefined): AsyncIterable<WatchedChange> {
    this.#mustBeOpen();
    if (!isWhole(afterRevision, 0)) {
      throw new RefusedArgument('STORAGE_REVISION_UNKNOWN', `${quoted(afterRevision)} is not a revision.`);
    }
    const changes = guardedNow(() => this.#adapter.watch!(afterRevision, mark));
    return {
      [Symbol.asyncIterator]: () => {
        const reader = guardedNow(() => changes[Symbol.asyncIterator]());
        return {
          next: async () => guarded(() => reader.next()),
          return: async () => guarded(() => reader.return?.() ?? { done: true as const, value: undefined }),
        };
      },
    };
  }

  // Check the adapter's results. A wrong value would fail later, far from the adapter that caused it.

  readonly #isEntry = (found: unknown): void => {
    if (found !== undefined && !isEntry(found)) throw this.#broken('STORAGE_ANSWER_INVALID', 'get', found);
  };

  readonly #isListing = (listing: unknown): void => {
    const { entries, next } = Object(listing) as Partial<Record<keyof Listing, unknown>>;
    if (!Array.isArray(entries) || !entries.every(isEntry) || (next !== undefined && !isWhole(next, 0)))
      throw this.#broken('STORAGE_ANSWER_INVALID', 'list', listing);
  };

  /** It is then unknown whether the change was made. */
  readonly #isCommitResult = (result: unknown): void => {
    const { ok, revision, previous, conflict } = Object(result) as Record<string, unknown>;
    const isResult =
      ok === true ? isWhole(revision, 0) && isMap(previous) : ok === false && typeof conflict === 'string';
    if (!isResult) throw this.#broken('STORAGE_OUTCOME_UNKNOWN', 'commit', result);
  };

  #broken(
    code: 'STORAGE_ANSWER_INVALID' | 'STORAGE_OUTCOME_UNKNOWN',
    call: string,
    answer: unknown,
  ): StorageError {
    const text = inspect(answer, {
      depth: 1,
      breakLength: Number.POSITIVE_INFINITY,
      maxStringLength: 40,
      maxArrayLength: 3,
    });
    return new StorageError(
      code,
      `the adapter "${String(this.#adapter.name)}" answered ${call} with ${text}.`,
    );
  }

  #mustBeOpen(): void {
    if (this.#state !== 'open') throw new StorageError('STORAGE_CLOSED');
  }
}

function checkKey(key: unknown): asserts key is string {
  const fault = key === '' ? 'is empty' : faultOf(key, MAX_KEY_OCTETS);
  if (fault !== undefined)
    throw new RefusedArgument('STORAGE_KEY_INVALID', `${quoted(key)} ${fault}.`, typeof key === 'string');
}

/** The fault of a text, as the end of a sentence; undefined if there is none. */
function faultOf(text: unknown, maxOctets: number): string | undefined {
  if (typeof text !== 'string')
    return `is ${text === null ? 'null' : `of type ${typeof text}`}, not a string`;
  // UTF-8 cannot encode half a surrogate pair: a store on disk would return another string.
  if (!text.isWellFormed()) return 'contains half a surrogate pair, which is not Unicode text';
  // A character of a string is at most three octets, so most texts need no counting.
  if (text.length * 3 <= maxOctets) return undefined;
  const octets = Buffer.byteLength(text);
  return octets <= maxOctets ? undefined : `has ${octets} octets of UTF-8 and may have ${maxOctets}`;
}

/**
 * A copy of the string. V8 makes a slice as a pointer into its source string and keeps all of that in memory: a store
 * of thirteen-character values cut from requests of 1 MiB each would hold every request. Large values are not copied,
 * because they are most of their source.
 */
function ownCopy(text: string): string {
  // V8 itself copies slices shorter than 13 characters.
  if (text.length < 13 || text.length >= COPY_BELOW) return text;
  copyRoom ??= Buffer.allocUnsafeSlow(COPY_BELOW * 3);
  return copyRoom.toString('utf8', 0, copyRoom.write(text));
}

function checkDistinct(puts: readonly { readonly key: string }[], deletes: readonly string[]): void {
  const seen = new Set<string>();
  for (const key of [...puts.map((put) => put.key), ...deletes]) {
    if (seen.has(key)) throw new RefusedArgument('STORAGE_CHANGE_INVALID', `it names ${quoted(key)} twice.`);
    seen.add(key);
  }
}

/** `guarded` for calls that never return a promise. */
function guardedNow<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    throw storageErrorOf(cause);
  }
}

/**
 * Calls the adapter. Whatever it throws or rejects with becomes an error with a code.
 * @param check Throws if the result is invalid.
 */
function guarded<T>(call: () => MaybePromise<T>, check?: (answer: unknown) => void): MaybePromise<T> {
  let answer: MaybePromise<T>;
  try {
    answer = call();
  } catch (cause) {
    throw storageErrorOf(cause);
  }
  if (!isPromise(answer)) {
    check?.(answer);
    return answer;
  }
  const failed = (cause: unknown): never => {
    throw storageErrorOf(cause);
  };
  if (check === undefined) return Promise.resolve(answer).then(undefined, failed);
  return Promise.resolve(answer).then((settled) => {
    check(settled);
    return settled;
  }, failed);
}

const CHANGE = ['checks', 'puts', 'deletes'];
const CHECK = ['key', 'revision'];
const PUT = ['key', 'value', 'ttlMs'];
const PAGE = ['prefix', 'after', 'limit'];

/** A misspelt member would be ignored, and its value or condition with it. */
function mustBe(
  given: unknown,
  known: readonly string[],
  taker: string,
  code: 'STORAGE_CHANGE_INVALID' | 'STORAGE_PAGE_INVALID',
): void {
  if (typeof given !== 'object' || given === null)
    throw new RefusedArgument(code, `${taker} must be an object, not ${quoted(given)}.`);
  const strange = strangeMember(given, known, taker);
  if (strange !== undefined) throw new RefusedArgument(code, strange);
}

function mustBeLists(...parts: readonly unknown[]): void {
  const at = parts.findIndex((part) => !Array.isArray(part));
  if (at !== -1) throw new RefusedArgument('STORAGE_CHANGE_INVALID', `"${CHANGE[at]}" is not a list.`);
}

function isEntry(found: unknown): boolean {
  if (typeof found !== 'object' || found === null) return false;
  const { key, value, created, revision, expiresAt } = found as Partial<Record<keyof Entry, unknown>>;
  return (
    typeof key === 'string' &&
    typeof value === 'string' &&
    typeof created === 'number' &&
    typeof revision === 'number' &&
    (expiresAt === undefined || typeof expiresAt === 'number')
  );
}

function isMap(previous: unknown): boolean {
  // An adapter may run in another realm.
  return previous instanceof Map || Object.prototype.toString.call(previous) === '[object Map]';
}

function storageErrorOf(cause: unknown): JackfieldError {
  if (cause instanceof JackfieldError) return cause;
  const detail = reasonOf(cause);
  return new StorageError('STORAGE_UNAVAILABLE', detail, { cause });
}

/** Adapters may return the promises of their driver, which need not be instances of our `Promise`. */
function isWhole(number: unknown, lowest: number): number is number {
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= lowest;
}

/** A value for an error message: quoted, without control characters, shortened. */
/** A key as a JSON string, for messages; at most 40 characters of it. */
export function quoted(value: unknown): string {
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
}
