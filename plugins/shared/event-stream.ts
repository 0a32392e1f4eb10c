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

/** Ends when the stream ends or the client has closed its direction; then it cancels the stream. */
export class EventsWhileWanted implements AsyncIterableIterator<string | Uint8Array> {
  readonly #parts: Parts;
  readonly #over: Promise<typeof DONE>;
  #end: () => void = () => {};
  #isOver = false;

  /** @param clientEnded The request's `clientEnded`. */
  constructor(events: Streamed, clientEnded: AbortSignal) {
    this.#parts = partsOf(events);
    this.#over = new Promise((resolve) => {
      this.#end = () => resolve(DONE);
    });
    clientEnded.addEventListener('abort', () => void this.return(), { once: true });
    if (clientEnded.aborted) void this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<string | Uint8Array, undefined>> {
    if (this.#isOver) return DONE;
    try {
      const { done, value } = await Promise.race([this.#parts.next(), this.#over]);
      // The sender checks the type of each part.
      return this.#isOver || done === true ? DONE : { done: false, value: value as string | Uint8Array };
    } catch (error) {
      if (this.#isOver) return DONE;
      throw error;
    }
  }

  async return(): Promise<typeof DONE> {
    this.#isOver = true;
    this.#end();
    await this.#parts.cancel();
    return DONE;
  }
}
