/**
 * The last changes of a store and everyone who follows them: what `watch` is, for adapters that see every change
 * themselves.
 *
 * Readers keep no queue of their own. Each knows the revision it has read to and takes what follows from the one
 * history, so a slow reader costs no memory; one that falls behind all that is kept is told so.
 */
import type { z as types } from 'zod';
import type { Zod } from '../config/zod.js';
import { type Entry, StorageError, type WatchedChange } from './contract.js';

/** 10,000 changes of 800 characters are 16 MiB. */
const DEFAULT_HISTORY = { historyChanges: 10_000, historyOctets: 16_777_216 };

/** What adapters with such a history have among their options: `z.strictObject({ …, ...historyOptions(z) })`. */
export function historyOptions(z: Pick<Zod, 'int'>): {
  readonly historyChanges: types.ZodOptional<types.ZodInt>;
  readonly historyOctets: types.ZodOptional<types.ZodInt>;
} {
  return {
    historyChanges: z
      .int()
      .min(1)
      .meta({
        default: DEFAULT_HISTORY.historyChanges,
        description:
          'How many changes are kept for readers of the feed: more than a client misses that reconnects within seconds. A reader further back gets STORAGE_HISTORY_GONE.',
      })
      .optional(),
    historyOctets: z
      .int()
      .min(1)
      .meta({
        default: DEFAULT_HISTORY.historyOctets,
        description:
          'How many octets the keys and values of the kept changes may need, counted as two for each UTF-16 code unit, the most that a string needs in memory. So large values cannot make the history larger than the store. The last change is always kept. A reader further back gets STORAGE_HISTORY_GONE.',
      })
      .optional(),
  };
}

/** `historyOptions`, as they are read. */
export interface HistoryBounds {
  readonly historyChanges?: number | undefined;
  readonly historyOctets?: number | undefined;
}

type Result = IteratorResult<WatchedChange, undefined>;
interface Waiting {
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * A change as the history has it. Most are the put of one entry, which the store keeps anyway: to have thousands of
 * them as objects of their own is what the garbage collector would spend its time on.
 */
type Kept = WatchedChange | Entry;

const DONE: Result = { done: true, value: undefined };

export class ChangeFeed {
  readonly #maxChanges: number;
  readonly #maxOctets: number;
  /** By ascending revision; what stands before `#first` was dropped. */
  #history: Kept[] = [];
  /** Of each in `#history`, so that one that is dropped need not be looked at again. */
  #sizes: number[] = [];
  #first = 0;
  #octets = 0;
  /** Changes up to this revision are not kept. */
  #gone: number;
  #revision: number;
  readonly #waiting = new Set<Reader>();
  #isClosed = false;

  /** @param revision What the store had reached before the first change that will be told. */
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
   * Tells changes that are made and can be read, once each and by ascending revision.
   * @param revision What the store has reached: more than the last change has, where a commit changed nothing.
   */
  tell(changes: readonly WatchedChange[], revision = changes.at(-1)?.revision ?? 0): void {
    this.#revision = Math.max(this.#revision, revision);
    if (changes.length === 0) return;
    for (const change of changes) {
      const octets = octetsOf(change);
      this.#history.push(kept(change));
      this.#sizes.push(octets);
      this.#octets += octets;
    }
    // Before the history is cut: who waits has read all that came before, and must not miss any of these.
    if (this.#waiting.size > 0) for (const reader of [...this.#waiting]) reader.serve();
    this.#cut();
  }

  /** Every change behind this revision, then those to come. What the errors mean is told in the contract. */
  watch(afterRevision: number): AsyncIterable<WatchedChange> {
    return { [Symbol.asyncIterator]: () => new Reader(this, this.#waiting, afterRevision) };
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
   * The first change behind this revision; undefined where it is still to come.
   * Errors: STORAGE_HISTORY_GONE, STORAGE_REVISION_UNKNOWN.
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
    // Dropped ones are let go in large steps: to shift an array at every commit would cost its length each time.
    if (this.#first >= 256 && this.#first * 2 >= this.#history.length) {
      this.#history = this.#history.slice(this.#first);
      this.#sizes = this.#sizes.slice(this.#first);
      this.#first = 0;
    }
  }
}

class Reader implements AsyncIterator<WatchedChange, undefined> {
  readonly #feed: ChangeFeed;
  /** The feed's set of readers for which nothing is there yet. */
  readonly #waiting: Set<Reader>;
  #revision: number;
  /** More than one only where `next` was called again before it answered. */
  readonly #asked: Waiting[] = [];
  #isDone = false;

  constructor(feed: ChangeFeed, waiting: Set<Reader>, revision: number) {
    this.#feed = feed;
    this.#waiting = waiting;
    this.#revision = revision;
  }

  next(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject });
      this.serve();
    });
  }

  return(): Promise<Result> {
    this.#end();
    return Promise.resolve(DONE);
  }

  /** Answers what was asked as far as the history goes, and waits for the rest. */
  serve(): void {
    if (this.#feed.isClosed || this.#isDone) {
      this.#end();
      return;
    }
    try {
      while (this.#asked.length > 0) {
        const value = this.#feed.following(this.#revision);
        if (value === undefined) {
          this.#waiting.add(this);
          return;
        }
        this.#revision = value.revision;
        this.#asked.shift()!.resolve({ done: false, value });
      }
      this.#waiting.delete(this);
    } catch (error) {
      this.#asked.shift()!.reject(error);
      this.#end();
    }
  }

  #end(): void {
    this.#isDone = true;
    this.#waiting.delete(this);
    for (const { resolve } of this.#asked.splice(0)) resolve(DONE);
  }
}

function kept(change: WatchedChange): Kept {
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
