/** The changes of a store for `watch`: the kept ones, then those to come. */
import { StorageError, type WatchedChange } from '../../core/storage/contract.js';
import { BEHIND_LAST, type Databases, readCounters } from './databases.js';
import { decodeChange, numberKey } from './records.js';

/** The most to read at once: a page of small changes, or a single large one. */
const PAGE_CHANGES = 100;
const PAGE_OCTETS = 1_048_576;

export interface FeedSource {
  /** Reads from a new snapshot. Errors: STORAGE_CLOSED and those of reading. */
  read<T>(reading: (databases: Databases) => T): T;
  /** Settles when something may have changed, or when the store is closed. */
  changed(signal: AbortSignal): Promise<void>;
  readonly closed: boolean;
}

export function changeFeed(source: FeedSource, afterRevision: number): AsyncIterable<WatchedChange> {
  return { [Symbol.asyncIterator]: () => new ChangeFeed(source, afterRevision) };
}

class ChangeFeed implements AsyncIterator<WatchedChange> {
  readonly #source: FeedSource;
  /** The revision of the last change that the reader got. */
  #after: number;
  #page: WatchedChange[] = [];
  readonly #ended = new AbortController();
  /** One `next` after the other, also if the caller does not wait. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(source: FeedSource, after: number) {
    this.#source = source;
    this.#after = after;
  }

  next(): Promise<IteratorResult<WatchedChange>> {
    const turn = this.#turn.then(() => this.#next());
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async return(): Promise<IteratorResult<WatchedChange>> {
    this.#ended.abort();
    this.#page = [];
    return { done: true, value: undefined };
  }

  async #next(): Promise<IteratorResult<WatchedChange>> {
    for (;;) {
      if (this.#ended.signal.aborted || this.#source.closed) return this.return();
      const waiting = this.#page.shift();
      if (waiting !== undefined) {
        this.#after = waiting.revision;
        return { done: false, value: waiting };
      }
      try {
        this.#page = this.#source.read((databases) => pageAfter(databases, this.#after));
      } catch (error) {
        this.#ended.abort();
        throw error;
      }
      if (this.#page.length === 0) await this.#source.changed(this.#ended.signal);
    }
  }
}

/** Errors: STORAGE_HISTORY_GONE, STORAGE_REVISION_UNKNOWN, STORAGE_CORRUPT. */
function pageAfter(databases: Databases, after: number): WatchedChange[] {
  const { forgotten, revision } = readCounters(databases);
  if (after < forgotten) {
    throw new StorageError('STORAGE_HISTORY_GONE', `The changes after revision ${forgotten} are kept.`);
  }
  if (after > revision) {
    throw new StorageError('STORAGE_REVISION_UNKNOWN', `${after}; the last one is ${revision}.`);
  }
  const page: WatchedChange[] = [];
  let octets = 0;
  const range = { start: numberKey(after + 1), end: BEHIND_LAST, limit: PAGE_CHANGES };
  for (const { key, value } of databases.changes.getRange(range)) {
    page.push(decodeChange(Buffer.from(key), Buffer.from(value)));
    octets += value.length;
    if (octets >= PAGE_OCTETS) break;
  }
  return page;
}
