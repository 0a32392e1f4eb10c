/**
 * `watch` for adapters whose history is on a server. Each reader reads the changes after its own revision from there.
 * If there are none, it waits until the adapter wakes it.
 *
 * Rule: a wake-up carries no data. It may be late, repeated or needless. A reader only reports changes that it read
 * after its own revision, so a lost wake-up cannot lose a change.
 */
import { randomBytes } from 'node:crypto';
import { type Position, StorageError, type WatchedChange } from './contract.js';

/** The changes after a revision and the last change before them, from one snapshot. */
export interface Following {
  /** The revision of the store. */
  readonly reached: number;
  /** The changes after this revision are kept. */
  readonly history: number;
  /** In order and without a gap, at most one batch; empty if there are none yet. */
  readonly changes: readonly WatchedChange[];
  /** The last change up to the revision, if it is kept. */
  readonly last?: Position | undefined;
}

/** Errors: STORAGE_UNAVAILABLE. */
export type ReadChanges = (afterRevision: number) => Promise<Following>;

const ours = randomBytes(6).toString('hex');
let marks = 0;

/** A new unique mark: a random part for this process, and a counter. */
export function nextMark(): string {
  marks += 1;
  return ours + marks.toString(16);
}

interface ReaderState {
  revision: number;
  /** The mark of the change with that revision, if it is known. */
  mark: string | undefined;
  isDone: boolean;
  hasRead: boolean;
}

type Result = IteratorResult<WatchedChange, undefined>;
const DONE: Result = { done: true, value: undefined };

export class PolledFeed {
  readonly #read: ReadChanges;
  readonly #sleepers = new Set<() => void>();
  /** Counts wake-ups. Without it, a reader would sleep through one that comes between its read and its sleep. */
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
    const state: ReaderState = { revision: afterRevision, mark, isDone: false, hasRead: false };
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
    // One call at a time, even if `next` is called again before it has settled.
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
   * A reader that starts during an outage gets the error. One that has read before waits and resumes without a gap: the
   * adapter wakes all readers when it is connected again.
   */
  async #readOn(state: ReaderState): Promise<readonly WatchedChange[]> {
    try {
      const { reached, history, changes, last } = await this.#read(state.revision);
      mustBeKept(state.revision, reached, history);
      // A reader without a mark starts after the last change and adopts its mark.
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

function mustBeKept(after: number, reached: number, history: number): void {
  if (after > reached) {
    throw new StorageError('STORAGE_REVISION_UNKNOWN', `${after} was requested, ${reached} is the last.`);
  }
  if (after < history) {
    throw new StorageError(
      'STORAGE_HISTORY_GONE',
      `The changes after revision ${after} were requested; those after ${history} are kept.`,
    );
  }
}

/**
 * After a loss, the revision of a change that was read belongs to another change. The reader would miss the changes in
 * between.
 */
function mustBeSame({ revision, mark }: Position | ReaderState, last: Position | undefined): void {
  if (mark === undefined || (last?.revision === revision && last.mark === mark)) return;
  throw new StorageError(
    'STORAGE_REVISION_UNKNOWN',
    `the change with revision ${revision} is not in it. The store has lost confirmed changes; list the entries again.`,
  );
}
