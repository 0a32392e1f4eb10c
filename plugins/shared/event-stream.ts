/**
 * Server-Sent Events from another source, ended when their client goes. They have no end themselves, and between two
 * events nothing is written that would show that the client is gone.
 */
import { type Parts, partsOf, type Streamed } from './stream-parts.js';

const DONE = { done: true, value: undefined } as const;

/** @param contentType The field value. */
export function isEventStream(contentType: string | null | undefined): boolean {
  return /^text\/event-stream[ \t]*(?:;|$)/i.test(contentType ?? '');
}

/** Ends when the stream ends or one of the signals is aborted; then it cancels the stream. */
export class EventsWhileWanted implements AsyncIterableIterator<string | Uint8Array> {
  readonly #parts: Parts;
  readonly #ends: readonly AbortSignal[];
  readonly #over: Promise<typeof DONE>;
  #end: () => void = () => {};
  #isOver = false;

  /**
   * @param ends The request's `clientEnded`, and the plugin's `signal`: a stream without an end would delay the stop of
   *   the server until its time is over.
   */
  constructor(events: Streamed, ...ends: readonly AbortSignal[]) {
    this.#parts = partsOf(events);
    this.#ends = ends;
    this.#over = new Promise((resolve) => {
      this.#end = () => resolve(DONE);
    });
    for (const signal of ends) signal.addEventListener('abort', this);
    if (ends.some(({ aborted }) => aborted)) this.handleEvent();
  }

  /** A signal was aborted. */
  handleEvent(): void {
    void this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<string | Uint8Array, undefined>> {
    if (this.#isOver) return DONE;
    try {
      const { done, value } = await Promise.race([this.#parts.next(), this.#over]);
      if (done === true) this.#forget();
      // The sender checks the type of each part.
      return this.#isOver || done === true ? DONE : { done: false, value: value as string | Uint8Array };
    } catch (error) {
      this.#forget();
      if (this.#isOver) return DONE;
      throw error;
    }
  }

  async return(): Promise<typeof DONE> {
    this.#isOver = true;
    this.#forget();
    this.#end();
    await this.#parts.cancel();
    return DONE;
  }
  /** The signal of a plugin lives as long as the server, and would keep every stream. */
  #forget(): void {
    for (const signal of this.#ends) signal.removeEventListener('abort', this);
  }
}
