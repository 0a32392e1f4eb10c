/**
 * Changes as Server-Sent Events. One commit is one event, so a client that is cut off has all of it or nothing, and
 * `Last-Event-ID` says which.
 *
 * Rule: read nothing ahead. The next change is read when the client has room for it, so a slow client costs only the
 * event that is on its way.
 */
import { JackfieldError, type Position, type WatchedChange } from '../../core/plugin-api.js';
import { idOf } from './position.js';
import { retryLine } from './refusal.js';

export interface StreamOptions {
  /** The start position of the reader. */
  readonly start: Position;
  /** Why the reader does not start at the client's position; the client gets this first. */
  readonly lost: JackfieldError | undefined;
  /** The store's era, if it has one: part of every ID, like the mark of a change. */
  readonly era: string | undefined;
  readonly prefix: string;
  readonly heartbeatMs: number;
  readonly readFrom: (start: Position) => Reader;
  /**
   * The position after the last change. If present, a reader that lost its place goes on from there after an event `lost`;
   * if not, the stream ends with an event `failure`.
   */
  readonly end: (() => Promise<Position>) | undefined;
}

export interface StreamListener {
  /** The feed failed after the head was sent. */
  failed(error: unknown): void;
  ended(): void;
}

type Reader = AsyncIterator<WatchedChange>;
type Step = { readonly result: IteratorResult<WatchedChange> } | { readonly error: unknown };

const DONE = { done: true, value: undefined } as const;
/** How long the head waits for a feed that should have a change. */
const BEGIN_MS = 1_000;

/** Not a generator: a waiting generator cannot return before its wait ends. */
export class EventStream implements AsyncIterableIterator<string> {
  #reader: Reader;
  readonly #options: StreamOptions;
  readonly #listener: StreamListener;
  /** The reader's pending result, not yet used; it never rejects. */
  #step: Promise<Step> | undefined;
  /** The position up to which everything was read. */
  #read: Position;
  /** The revision of the last event ID that the client has. */
  #told: number | undefined;
  /** No change came after the last event `lost`: another loss now would not end by going on once more. */
  #isFresh = false;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(options: StreamOptions, listener: StreamListener) {
    this.#options = options;
    this.#listener = listener;
    this.#read = options.start;
    this.#reader = options.readFrom(options.start);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Rejects if the feed refuses to begin; resolves when it has begun, or has not refused for a moment. */
  async begun(): Promise<void> {
    const step = await this.#within(this.#ask(), BEGIN_MS);
    if (step === undefined || !('error' in step)) return;
    await this.return();
    throw step.error;
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    // Sent first, so that a client that is cut off before the first change knows where to resume.
    if (this.#told === undefined && !this.#isOver) {
      const { lost } = this.#options;
      return this.#given(retryLine() + (lost === undefined ? this.#position() : this.#lost(lost)));
    }
    const silentUntil = performance.now() + this.#options.heartbeatMs;
    for (;;) {
      if (this.#isOver) return DONE;
      // If the store is busy under other prefixes, this client must still get a heartbeat.
      const left = silentUntil - performance.now();
      const step = left > 0 ? await this.#within(this.#ask(), left) : undefined;
      if (step === undefined)
        return this.#given(this.#told === this.#read.revision ? ':\n\n' : this.#position());
      this.#step = undefined;
      if ('error' in step) return this.#failed(step.error);
      if (step.result.done === true) {
        await this.return();
        return DONE;
      }
      const event = this.#change(step.result.value);
      if (event !== undefined) return this.#given(event);
    }
  }

  async return(): Promise<IteratorResult<string, undefined>> {
    if (this.#isOver) return DONE;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#listener.ended();
    await this.#reader.return?.();
    return DONE;
  }

  #ask(): Promise<Step> {
    this.#step ??= this.#reader.next().then(
      (result) => ({ result }),
      (error: unknown) => ({ error }),
    );
    return this.#step;
  }

  /** Undefined if it takes longer. */
  #within(step: Promise<Step>, ms: number): Promise<Step | undefined> {
    return new Promise((resolve) => {
      this.#timer = setTimeout(resolve, ms, undefined);
      void step.then((settled) => {
        clearTimeout(this.#timer);
        resolve(settled);
      });
    });
  }

  /** The stream has begun, so a status cannot report the error. */
  async #failed(error: unknown): Promise<IteratorResult<string, undefined>> {
    const { end } = this.#options;
    if (end !== undefined && !this.#isOver && !this.#isFresh && isLoss(error)) {
      try {
        const position = await end();
        if (this.#isOver) return DONE;
        this.#read = position;
        this.#reader = this.#options.readFrom(position);
        return this.#given(this.#lost(error));
      } catch (again) {
        return this.#broken(again);
      }
    }
    return this.#broken(error);
  }

  async #broken(error: unknown): Promise<IteratorResult<string, undefined>> {
    const over = this.#isOver;
    await this.return();
    if (over) return DONE;
    this.#listener.failed(error);
    return this.#given(`event: failure\ndata: ${JSON.stringify(toldOf(error))}\n\n`);
  }

  /** With data: many clients, Firefox among them, ignore the ID of an event without data. */
  #position(): string {
    return this.#event('position', { revision: this.#read.revision });
  }

  /** Between the client's position and this one changes are missing. */
  #lost(error: JackfieldError): string {
    this.#isFresh = true;
    return this.#event('lost', { revision: this.#read.revision, ...toldOf(error) });
  }

  /** With the ID of the last change that was read. */
  #event(name: string, data: unknown): string {
    this.#told = this.#read.revision;
    return `id: ${idOf(this.#read, this.#options.era)}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  }

  /** Undefined if no key of the change has the prefix. */
  #change({ revision, mark, puts, deletes }: WatchedChange): string | undefined {
    this.#read = { revision, ...(mark === undefined ? {} : { mark }) };
    this.#isFresh = false;
    const { prefix } = this.#options;
    const change = {
      revision,
      puts: puts.filter(({ key }) => key.startsWith(prefix)),
      deletes: deletes.filter((key) => key.startsWith(prefix)),
    };
    return change.puts.length + change.deletes.length === 0 ? undefined : this.#event('change', change);
  }

  #given(value: string): IteratorResult<string, undefined> {
    return { done: false, value };
  }
}

/** Whether a client that lists the entries again can go on. */
function isLoss(error: unknown): error is JackfieldError {
  return (
    error instanceof JackfieldError &&
    (error.code === 'STORAGE_HISTORY_GONE' || error.code === 'STORAGE_REVISION_UNKNOWN')
  );
}

/** As in other answers: faults of the store itself go to the log only. */
function toldOf(error: unknown): {
  readonly code: string;
  readonly status: number;
  readonly message: string;
} {
  if (!(error instanceof JackfieldError)) return { code: '', status: 500, message: 'The feed failed.' };
  const { code, status, message } = error.status < 500 ? error : new JackfieldError(error.code);
  return { code, status, message };
}
