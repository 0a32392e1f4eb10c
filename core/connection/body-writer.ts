/**
 * Sends a body that does not go out in one piece: a stream, or more octets than may be buffered. The source is asked
 * for more only when the peer has taken what was sent.
 */
import { JackfieldError } from '../errors.js';
import { type AnswerSource, HOLDS_HEAD, openSource, type Streamed } from '../exchange/answer-source.js';
import type { Outbox } from './outbox.js';

/** Where the octets go. */
export type Sink = Pick<Outbox, 'text' | 'octets' | 'isBlocked' | 'room' | 'flushSoon'>;

export interface BodyWriting {
  readonly sink: Sink;
  readonly body: Streamed | Uint8Array;
  /** Sends the head; called once, before the first octet of the body, unless the source fails at once. */
  readonly sendHead: () => void;
  /** Told of octets of content that the sink was given. */
  readonly sent?: (octets: number) => void;
  readonly chunked: boolean;
  /** What Content-Length promised. */
  readonly contentLength: number | undefined;
  /** The field lines behind a chunked body, once that has ended. */
  readonly trailers?: (() => Promise<string>) | undefined;
  /** Octets of one write. */
  readonly pieceOctets: number;
  /** Told where the source fails at being let go. */
  readonly blame: (error: unknown) => void;
}

export class BodyWriter {
  readonly #writing: BodyWriting;
  /** Until it comes to an end of its own, or is cancelled. */
  #source: AnswerSource | undefined;
  #headSent = false;
  #isCancelled = false;

  constructor(writing: BodyWriting) {
    this.#writing = writing;
  }

  /** Whether the client has seen the head, so that the answer cannot be replaced any more. */
  get headSent(): boolean {
    return this.#headSent;
  }

  /**
   * Resolves when everything is in the sink, or soon after `cancel`.
   * @throws what the source throws, or HANDLER_ANSWER_INVALID where it has more or less than it promised.
   */
  async run(): Promise<void> {
    // A source that fails at once can still be answered 500; one that is slow to begin does not hold the head back.
    const { body, pieceOctets } = this.#writing;
    const soon = HOLDS_HEAD in body ? undefined : setImmediate(() => this.#sendHead());
    try {
      this.#source = openSource(body instanceof Uint8Array ? pieces(body, pieceOctets) : body);
      await this.#pass(this.#source);
    } catch (error) {
      if (this.#isCancelled) return;
      this.#letGo();
      throw error;
    } finally {
      clearImmediate(soon);
    }
  }

  /** Nobody wants the rest: the peer is gone. */
  cancel(): void {
    this.#isCancelled = true;
    this.#letGo();
  }

  async #pass(source: AnswerSource): Promise<void> {
    const { sink, chunked, contentLength, pieceOctets } = this.#writing;
    let sent = 0;
    for (;;) {
      const { done, value } = await this.#next(source);
      if (this.#isCancelled) return;
      if (done === true) break;
      const octets = toOctets(value);
      sent += octets.length;
      if (contentLength !== undefined && sent > contentLength) break;
      if (octets.length === 0) continue; // an empty chunk would end the body
      this.#sendHead();
      if (chunked) sink.text(`${octets.length.toString(16)}\r\n`);
      // In pieces, so that a peer that takes a large part slowly is seen to take it.
      for (let at = 0; at < octets.length; at += pieceOctets) {
        const piece = octets.length <= pieceOctets ? octets : octets.subarray(at, at + pieceOctets);
        sink.octets(piece);
        this.#writing.sent?.(piece.length);
        if (!sink.isBlocked) continue;
        await sink.room();
        if (this.#isCancelled) return;
      }
      if (chunked) sink.text('\r\n');
      sink.flushSoon();
    }
    if (contentLength !== undefined && sent !== contentLength) {
      const detail = `Its Content-Length is ${contentLength}, but its body has ${sent} octets or more.`;
      throw new JackfieldError('HANDLER_ANSWER_INVALID', detail);
    }
    this.#sendHead();
    if (!chunked) return;
    const trailers = (await this.#writing.trailers?.()) ?? '';
    if (!this.#isCancelled) sink.text(`0\r\n${trailers}\r\n`);
  }

  async #next(source: AnswerSource): Promise<IteratorResult<unknown>> {
    try {
      const result = await source.next();
      if (result.done === true) this.#source = undefined;
      return result;
    } catch (error) {
      this.#source = undefined;
      throw error;
    }
  }

  #sendHead(): void {
    if (this.#headSent || this.#isCancelled) return;
    this.#headSent = true;
    this.#writing.sendHead();
    this.#writing.sink.flushSoon();
  }

  #letGo(): void {
    const source = this.#source;
    this.#source = undefined;
    // Not waited for: a generator that hangs would keep the connection.
    source?.cancel().catch(this.#writing.blame);
  }
}

function* pieces(body: Uint8Array, pieceOctets: number): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += pieceOctets) yield body.subarray(at, at + pieceOctets);
}

function toOctets(part: unknown): Uint8Array {
  if (part instanceof Uint8Array) return part;
  if (typeof part === 'string') return Buffer.from(part);
  throw new JackfieldError(
    'HANDLER_ANSWER_INVALID',
    `Its stream returned ${typeof part}; only strings and bytes are allowed.`,
  );
}
