/**
 * The adapter's side of the writer thread: commits gather while a batch is in progress, and the next batch takes them
 * all, so that many writers share one sync of the disk.
 */
import { Worker } from 'node:worker_threads';
import type { Change, CommitResult, StorageError } from '../../core/storage/contract.js';
import { errorOf, type Fault } from './faults.js';
import type { Answer, Request, Verdict, WriterData } from './writer-thread.js';

/** The bounds of a batch, so that other processes get their turn and a transaction stays in memory. */
const BATCH_COMMITS = 1_000;
const BATCH_CHARACTERS = 4_194_304;

interface Waiting {
  readonly change: Change;
  readonly settle: (verdict: Verdict) => void;
}

export interface WriterEvents {
  /** A batch is on disk, or was refused. @param nextExpiry When the next entry expires, if one does. */
  batchDone(nextExpiry: number | undefined): void;
}

export class Writer {
  readonly #events: WriterEvents;
  readonly #thread: Worker;
  #queue: Waiting[] = [];
  /** The batch that the thread works on; undefined while it waits. */
  #batch: Waiting[] | undefined;
  /** Why nothing more may be written. */
  #broken: string | undefined;
  /** Why the last batch was refused, if the next one may succeed. */
  #refused: Fault | undefined;
  #idle: (() => void) | undefined;

  private constructor(thread: Worker, events: WriterEvents) {
    this.#thread = thread;
    this.#events = events;
    thread.on('message', (answer: Answer) => {
      if (answer.is === 'done') this.#done(answer.verdicts, answer.nextExpiry);
    });
    thread.on('error', (error) => this.#ended(error.message));
    thread.on('exit', () => this.#ended('it has ended'));
    // Only work in progress keeps the process alive.
    thread.unref();
  }

  /** Errors: STORAGE_CORRUPT, STORAGE_UNREADABLE. */
  static async open(data: WriterData, events: WriterEvents): Promise<Writer> {
    const thread = new Worker(new URL('./writer-thread.js', import.meta.url), { workerData: data });
    const opened = new Promise<void>((resolve, reject) => {
      thread.once('message', (answer: Answer) => {
        if (answer.is === 'not-open') reject(errorOf(answer.fault));
        else resolve();
      });
      thread.once('error', (error) => reject(errorOf({ code: 'STORAGE_UNREADABLE', detail: error.message })));
    });
    await opened.catch(async (error: unknown) => {
      await thread.terminate();
      throw error;
    });
    return new Writer(thread, events);
  }

  /** Why it accepts no commits; undefined while it does. */
  get fault(): StorageError | undefined {
    if (this.#broken !== undefined) return this.#refusal();
    return this.#refused && errorOf(this.#refused);
  }

  /** Errors: STORAGE_FULL, STORAGE_UNAVAILABLE (nothing changed), STORAGE_OUTCOME_UNKNOWN, STORAGE_CORRUPT. */
  commit(change: Change): Promise<CommitResult> {
    if (this.#broken !== undefined) return Promise.reject(this.#refusal());
    return new Promise((resolve, reject) => {
      const settle = (verdict: Verdict) =>
        'result' in verdict ? resolve(verdict.result) : reject(errorOf(verdict.fault));
      this.#queue.push({ change, settle });
      this.#next();
    });
  }

  /** Removes expired entries. */
  sweep(): void {
    if (this.#batch !== undefined || this.#broken !== undefined) return;
    this.#send([]);
  }

  /** Waits for earlier commits. */
  async close(): Promise<void> {
    if (this.#batch !== undefined) await new Promise<void>((resolve) => (this.#idle = resolve));
    if (this.#broken === undefined) {
      this.#broken = 'it is closed';
      const ended = new Promise((resolve) => this.#thread.once('exit', resolve));
      this.#thread.ref();
      this.#post('close');
      await ended;
    } else {
      await this.#thread.terminate();
    }
  }

  #next(): void {
    if (this.#batch !== undefined || this.#queue.length === 0) return;
    let characters = 0;
    let count = 0;
    while (count < this.#queue.length && count < BATCH_COMMITS && characters < BATCH_CHARACTERS) {
      for (const { value } of this.#queue[count]?.change.puts ?? []) characters += value.length;
      count += 1;
    }
    const batch = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    this.#send(batch);
  }

  #send(batch: Waiting[]): void {
    this.#batch = batch;
    this.#thread.ref();
    this.#post({ changes: batch.map(({ change }) => change) });
  }

  #post(request: Request): void {
    this.#thread.postMessage(request);
  }

  #done(verdicts: readonly Verdict[], nextExpiry: number | undefined): void {
    const batch = this.#batch ?? [];
    this.#batch = undefined;
    this.#thread.unref();
    const unknown = verdicts.find(isUnknown);
    if (unknown !== undefined) this.#broken = unknown.fault.detail;
    this.#refused = verdicts.map(faultIn).find((fault) => fault?.code === 'STORAGE_UNAVAILABLE');
    // Call this before the answers, so that a caller with an answer reads its own write.
    this.#events.batchDone(nextExpiry);
    for (const [at, { settle }] of batch.entries()) settle(verdicts[at]!);
    this.#goOn();
  }

  /** The thread ended: the outcome of its batch is unknown; the waiting commits were not made. */
  #ended(why: string): void {
    if (this.#broken === 'it is closed') return;
    this.#broken ??= `its writer thread failed: ${why}`;
    const batch = this.#batch ?? [];
    this.#batch = undefined;
    for (const { settle } of batch) {
      settle({ fault: { code: 'STORAGE_OUTCOME_UNKNOWN', detail: `The writer thread failed: ${why}` } });
    }
    this.#goOn();
  }

  #goOn(): void {
    if (this.#broken !== undefined) {
      const refused = this.#queue.splice(0);
      for (const { settle } of refused) settle({ fault: this.#refusalFault() });
    }
    this.#next();
    if (this.#batch !== undefined) return;
    this.#idle?.();
    this.#idle = undefined;
  }

  #refusalFault(): Fault {
    return {
      code: 'STORAGE_UNAVAILABLE',
      detail: `A write failed (${this.#broken}), and LMDB accepts no more writes; restart the server.`,
    };
  }

  #refusal(): StorageError {
    return errorOf(this.#refusalFault());
  }
}

function isUnknown(verdict: Verdict): verdict is { readonly fault: Fault } {
  return 'fault' in verdict && verdict.fault.code === 'STORAGE_OUTCOME_UNKNOWN';
}

function faultIn(verdict: Verdict): Fault | undefined {
  return 'fault' in verdict ? verdict.fault : undefined;
}
