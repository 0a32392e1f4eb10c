/**
 * Changes as Server-Sent Events. One commit is one event, so whoever is cut off has all of it or nothing, and
 * `Last-Event-ID` says which.
 *
 * Law of this file: nothing is read ahead. The next change is taken when the client has room for it, so a slow client
 * costs the one event that is on its way.
 */
import type { WatchedChange } from '../../core/plugin-api.js';
import { JackfieldError } from '../../core/plugin-api.js';

export interface StreamOptions {
  /** Where the reader begins. */
  readonly revision: number;
  /** Of the change there, where it is known. */
  readonly mark?: string | undefined;
  /** Of the store, where it has one: part of every ID, as the mark of a change is. */
  readonly era: string | undefined;
  readonly prefix: string;
  readonly heartbeatMs: number;
}

export interface StreamListener {
  /** The feed failed after the head was sent. */
  failed(error: unknown): void;
  ended(): void;
}

type Reader = AsyncIterator<WatchedChange>;
type Step = { readonly result: IteratorResult<WatchedChange> } | { readonly error: unknown };

const DONE = { done: true, value: undefined } as const;
/** How long the head waits for a feed that should have something to say. */
const BEGIN_MS = 1_000;

/** Not a generator: one that waits cannot be returned before what it waits for has come. */
export class EventStream implements AsyncIterableIterator<string> {
  readonly #reader: Reader;
  readonly #options: StreamOptions;
  readonly #listener: StreamListener;
  /** What was asked of the reader and not yet used; it never rejects. */
  #step: Promise<Step> | undefined;
  /** The revision up to which everything was read. */
  #read: number;
  /** Of the change with that revision. */
  #mark: string | undefined;
  /** What the client knows as its last event ID. */
  #told: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isOver = false;

  constructor(reader: Reader, options: StreamOptions, listener: StreamListener) {
    this.#reader = reader;
    this.#options = options;
    this.#listener = listener;
    this.#read = options.revision;
    this.#mark = options.mark;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Rejects where the feed refuses to begin; resolves when it has, or has not refused for a moment. */
  async begun(): Promise<void> {
    const step = await this.#within(this.#ask(), BEGIN_MS);
    if (step === undefined || !('error' in step)) return;
    await this.return();
    throw step.error;
  }

  async next(): Promise<IteratorResult<string, undefined>> {
    // An ID without data is no event, but from then on the client knows where to go on.
    if (this.#told === undefined && !this.#isOver) return this.#given(this.#position());
    const silentUntil = performance.now() + this.#options.heartbeatMs;
    for (;;) {
      if (this.#isOver) return DONE;
      // A store that is busy under other prefixes must not keep this client without a sign.
      const left = silentUntil - performance.now();
      const step = left > 0 ? await this.#within(this.#ask(), left) : undefined;
      if (step === undefined) return this.#given(this.#told === this.#read ? ':\n\n' : this.#position());
      this.#step = undefined;
      if ('error' in step) return this.#failed(step.error);
      if (step.result.done === true) {
        await this.return();
        return DONE;
      }
      const event = this.#event(step.result.value);
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

  /** undefined where it takes longer. */
  #within(step: Promise<Step>, ms: number): Promise<Step | undefined> {
    return new Promise((resolve) => {
      this.#timer = setTimeout(resolve, ms, undefined);
      void step.then((settled) => {
        clearTimeout(this.#timer);
        resolve(settled);
      });
    });
  }

  /** The stream has begun, so no status can tell; the client learns it at the latest when it comes again. */
  async #failed(error: unknown): Promise<IteratorResult<string, undefined>> {
    const over = this.#isOver;
    await this.return();
    if (over) return DONE;
    this.#listener.failed(error);
    return this.#given(`event: failure\ndata: ${JSON.stringify(toldOf(error))}\n\n`);
  }

  #position(): string {
    this.#told = this.#read;
    return `${this.#id()}\n`;
  }

  /** Of what was read last. */
  #id(): string {
    const word = this.#options.era ?? this.#mark;
    return word === undefined ? `id: ${this.#read}\n` : `id: ${this.#read}-${word}\n`;
  }

  /** undefined where nothing of the change has the prefix. */
  #event({ revision, mark, puts, deletes }: WatchedChange): string | undefined {
    this.#read = revision;
    this.#mark = mark;
    const { prefix } = this.#options;
    const change = {
      revision,
      puts: puts.filter(({ key }) => key.startsWith(prefix)),
      deletes: deletes.filter((key) => key.startsWith(prefix)),
    };
    if (change.puts.length + change.deletes.length === 0) return undefined;
    this.#told = revision;
    return `${this.#id()}event: change\ndata: ${JSON.stringify(change)}\n\n`;
  }

  #given(value: string): IteratorResult<string, undefined> {
    return { done: false, value };
  }
}

/** As other answers tell it: what is wrong with the store itself is for the log. */
function toldOf(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof JackfieldError)) return { code: '', message: 'The feed broke off.' };
  const { code, message } = error.status < 500 ? error : new JackfieldError(error.code);
  return { code, message };
}
