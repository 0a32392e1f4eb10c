/**
 * `watch` for adapters whose history lies in a server: each reader reads what follows its revision from there, and
 * where nothing follows it waits until the adapter says that something may.
 *
 * The law here: a wake-up carries nothing. It may come late, twice or for nothing; what is told is only ever what was
 * read behind the reader's own revision, so no wake-up that was lost can lose a change.
 */
import { randomBytes } from 'node:crypto';
import { type Position, StorageError, type WatchedChange } from './contract.js';

/** What follows a revision, and what stood there, all of one moment. */
export interface Following {
  /** In order and without a gap, as many as are good to read at once; none where none are there yet. */
  readonly changes: readonly WatchedChange[];
  /** The last change up to the revision, where it is kept. */
  readonly last?: Position | undefined;
}

/** Errors: STORAGE_HISTORY_GONE, STORAGE_REVISION_UNKNOWN, STORAGE_UNAVAILABLE. */
export type ReadChanges = (afterRevision: number) => Promise<Following>;

const ours = randomBytes(6).toString('hex');
let marks = 0;

/** A mark that nobody has given: this process by chance, and a number of its own. */
export function nextMark(): string {
  marks += 1;
  return ours + marks.toString(16);
}

interface Reader {
  revision: number;
  /** Of the change with that revision, where it is known. */
  mark: string | undefined;
  isDone: boolean;
  hasRead: boolean;
}

type Result = IteratorResult<WatchedChange, undefined>;
const DONE: Result = { done: true, value: undefined };

export class PolledFeed {
  readonly #read: ReadChanges;
  readonly #sleepers = new Set<() => void>();
  /** Counts wake-ups, so that one between a reader's look and its sleep is not slept through. */
  #wakes = 0;
  #isClosed = false;

  constructor(read: ReadChanges) {
    this.#read = read;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  watch(afterRevision: number, mark?: string): AsyncIterable<WatchedChange> {
    return { [Symbol.asyncIterator]: () => this.#reader(afterRevision, mark) };
  }

  /** Something may have changed. */
  wake(): void {
    this.#wakes += 1;
    for (const awaken of [...this.#sleepers]) awaken();
  }

  /** Ends every reader, also those that wait. */
  close(): void {
    this.#isClosed = true;
    this.wake();
  }

  #reader(afterRevision: number, mark: string | undefined): AsyncIterator<WatchedChange, undefined> {
    const state: Reader = { revision: afterRevision, mark, isDone: false, hasRead: false };
    let ahead: readonly WatchedChange[] = [];
    let awaken: (() => void) | undefined;
    const step = async (): Promise<Result> => {
      for (;;) {
        if (state.isDone || this.#isClosed) return DONE;
        const [change, ...rest] = ahead;
        if (change !== undefined) {
          ahead = rest;
          state.revision = change.revision;
          state.mark = change.mark;
          return { done: false, value: change };
        }
        const wakes = this.#wakes;
        ahead = await this.#readOn(state);
        if (ahead.length > 0 || wakes !== this.#wakes || state.isDone) continue;
        await new Promise<void>((resolve) => {
          awaken = resolve;
          this.#sleepers.add(resolve);
        });
        if (awaken !== undefined) this.#sleepers.delete(awaken);
      }
    };
    // One behind the other, should `next` be called again before it has answered.
    let last: Promise<unknown> = Promise.resolve();
    return {
      next: () => {
        const result = last.then(step);
        last = result.catch(() => {
          state.isDone = true;
        });
        return result;
      },
      return: async () => {
        state.isDone = true;
        awaken?.();
        return DONE;
      },
    };
  }

  /**
   * An outage is an error to who begins. Who has read before waits until it is over and goes on without a gap: the
   * adapter wakes everybody when it has its connection again.
   */
  async #readOn(state: Reader): Promise<readonly WatchedChange[]> {
    try {
      const { changes, last } = await this.#read(state.revision);
      // Who names no change stands behind the last one; from there on it is named.
      if (state.mark === undefined && last !== undefined) Object.assign(state, last);
      mustBeSame(state, last);
      state.hasRead = true;
      return changes;
    } catch (error) {
      if (this.#isClosed) return [];
      if (state.hasRead && error instanceof StorageError && error.code === 'STORAGE_UNAVAILABLE') return [];
      throw error;
    }
  }
}

/** What was read and then lost has left its revision to another change. What lies between would be missed. */
function mustBeSame({ revision, mark }: Position | Reader, last: Position | undefined): void {
  if (mark === undefined || (last?.revision === revision && last.mark === mark)) return;
  throw new StorageError(
    'STORAGE_REVISION_UNKNOWN',
    `the change with revision ${revision} is not in it. The store has lost confirmed changes; list the entries again.`,
  );
}
