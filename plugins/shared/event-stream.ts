/**
 * Server-Sent Events of somebody else, which end with their client. They have no end of their own, and between two events
 * nothing is written that would find out that nobody is there.
 */
import { type Parts, partsOf, type Streamed } from './stream-parts.js';

const DONE = { done: true, value: undefined } as const;

/** @param contentType As in the field. */
export function isEventStream(contentType: string | null | undefined): boolean {
  return /^text\/event-stream[ \t]*(?:;|$)/i.test(contentType ?? '');
}

/** Comes to an end where the stream does, or the client has ended its direction; then the stream is told. */
export class EventsWhileWanted implements AsyncIterableIterator<string | Uint8Array> {
  readonly #parts: Parts;
  readonly #over: Promise<typeof DONE>;
  #end: () => void = () => {};
  #isOver = false;

  /** @param clientEnded That of the request. */
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
      // What a stream may give is checked where it is sent.
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
