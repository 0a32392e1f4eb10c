/**
 * The last changes of a store and its readers: implements `watch` for adapters that see every change themselves.
 *
 * Readers have no queues. Each reader knows the last revision that it read and takes the next change from the shared
 * history, so a slow reader costs no memory. A reader that falls behind the oldest kept change gets an error.
 */
import { type Entry, StorageError, type WatchedChange } from './contract.js';
import { DEFAULT_HISTORY, type HistoryBounds } from './history-options.js';

type Result = IteratorResult<WatchedChange, undefined>;
interface Waiting {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * A change as the history stores it. Most changes put one entry, which the store keeps anyway. Thousands of wrapper
 * objects around such entries would cost the garbage collector most of its time.
 */
type Stored = WatchedChange | Entry;

const DONE: Result = { done: true, value: undefined };

export class ChangeFeed {
  readonly #maxChanges: number;
  readonly #maxOctets: number;
  /** By ascending revision; elements before `#first` are dropped. */
  #history: Stored[] = [];
  /** The size of each element of `#history`, so that dropping one needs no second count. */
  #sizes: number[] = [];
  #first = 0;
  #octets = 0;
  /** Changes up to this revision are not kept. */
  #gone: number;
  #revision: number;
  readonly #waiting = new Set<FeedReader>();
  #isClosed = false;

  /** @param revision The last revision of the store before the first change of this feed. */
  constructor(revision: number, bounds: HistoryBounds = {}) {
    const { historyChanges = DEFAULT_HISTORY.historyChanges, historyOctets = DEFAULT_HISTORY.historyOctets } =
      bounds;
    this.#revision = revision;
    this.#gone = revision;
    this.#maxChanges = historyChanges;
    this.#maxOctets = historyOctets;
  }

  /** The highest revision that readers may start after. */
  get revision(): number {
    return this.#revision;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Publishes changes that are made and can be read: each once, by ascending revision.
   * @param revision The current revision of the store. It is higher than that of the last change if a commit changed
   * nothing.
   */
  tell(changes: readonly WatchedChange[], revision = changes.at(-1)?.revision ?? 0): void {
    this.#revision = Math.max(this.#revision, revision);
    if (changes.length === 0) return;
    for (const change of changes) {
      const octets = octetsOf(change);
      this.#history.push(stored(change));
      this.#sizes.push(octets);
      this.#octets += octets;
    }
    // Serve before cutting. Waiting readers have read every earlier change and must not miss one of these.
    if (this.#waiting.size > 0) for (const reader of [...this.#waiting]) reader.serve();
    this.#cut();
  }

  /** Every change after this revision, then those to come. The contract describes the errors. */
  watch(afterRevision: number): AsyncIterable<WatchedChange> {
    return { [Symbol.asyncIterator]: () => new FeedReader(this, this.#waiting, afterRevision) };
  }

  /** Ends every reader, also those that wait. */
  close(): void {
    this.#isClosed = true;
    for (const reader of [...this.#waiting]) void reader.return();
    this.#history = [];
    this.#sizes = [];
    this.#first = 0;
  }

  /**
   * The first change after this revision; undefined if there is none yet. Errors: STORAGE_HISTORY_GONE,
   * STORAGE_REVISION_UNKNOWN.
   */
  following(revision: number): WatchedChange | undefined {
    if (revision > this.#revision) {
      throw new StorageError(
        'STORAGE_REVISION_UNKNOWN',
        `${revision} was requested, ${this.#revision} is the last.`,
      );
    }
    if (revision < this.#gone) {
      throw new StorageError(
        'STORAGE_HISTORY_GONE',
        `The changes after revision ${revision} were requested; those after ${this.#gone} are kept.`,
      );
    }
    let low = this.#first;
    let high = this.#history.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#history[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    const found = this.#history[low];
    return found === undefined || 'puts' in found
      ? found
      : { revision: found.revision, puts: [found], deletes: [] };
  }

  #cut(): void {
    const last = this.#history.length - 1;
    while (
      this.#first < last &&
      (this.#history.length - this.#first > this.#maxChanges || this.#octets > this.#maxOctets)
    ) {
      this.#octets -= this.#sizes[this.#first]!;
      this.#gone = this.#history[this.#first]!.revision;
      this.#first += 1;
    }
    // Free dropped elements in large steps. Shifting the array at every commit would cost its length each time.
    if (this.#first >= 256 && this.#first * 2 >= this.#history.length) {
      this.#history = this.#history.slice(this.#first);
      this.#sizes = this.#sizes.slice(this.#first);
      this.#first = 0;
    }
  }
}

class FeedReader implements AsyncIterator<WatchedChange, undefined> {
  readonly #feed: ChangeFeed;
  /** The feed's set of readers that wait for a change. */
  readonly #waiting: Set<FeedReader>;
  #revision: number;
  /** More than one only if the caller calls `next` again before the first call has settled. */
  readonly #calls: Waiting[] = [];
  #isDone = false;

  constructor(feed: ChangeFeed, waiting: Set<FeedReader>, revision: number) {
    this.#feed = feed;
    this.#waiting = waiting;
    this.#revision = revision;
  }

  next(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ resolve, reject });
      this.serve();
    });
  }

  return(): Promise<Result> {
    this.#end();
    return Promise.resolve(DONE);
  }

  /** Settles calls of `next` as far as the history goes, and waits for the rest. */
  serve(): void {
    if (this.#feed.isClosed || this.#isDone) {
      this.#end();
      return;
    }
    try {
      while (this.#calls.length > 0) {
        const value = this.#feed.following(this.#revision);
        if (value === undefined) {
          this.#waiting.add(this);
          return;
        }
        this.#revision = value.revision;
        this.#calls.shift()!.resolve({ done: false, value });
      }
      this.#waiting.delete(this);
    } catch (error) {
      this.#calls.shift()!.reject(error);
      this.#end();
    }
  }

  #end(): void {
    this.#isDone = true;
    this.#waiting.delete(this);
    for (const { resolve } of this.#calls.splice(0)) resolve(DONE);
  }
}

function stored(change: WatchedChange): Stored {
  const { revision, puts, deletes } = change;
  const [entry] = puts;
  const isOne = puts.length === 1 && deletes.length === 0 && change.mark === undefined;
  return isOne && entry?.revision === revision ? entry : change;
}

function octetsOf({ puts, deletes }: WatchedChange): number {
  let units = 0;
  for (const { key, value } of puts) units += key.length + value.length;
  for (const key of deletes) units += key.length;
  return 2 * units;
}
