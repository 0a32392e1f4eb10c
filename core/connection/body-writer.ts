/**
 * Sends a body that does not go out in one piece: a stream, or more octets than may be buffered. The source is asked
 * for more only when the peer has taken what was sent.
 */
import { JackfieldError } from '../errors.js';
import { type AnswerSource, HOLDS_HEAD, openSource, type Streamed } from '../exchange/answer-source.js';
import { type AnswerTrailers, trailerText } from '../handlers/answer-trailers.js';

/** Where an answer goes. */
export interface BodySink {
  /** Takes the head of the answer; once, before the first octet of the body, unless the source fails at once. */
  begin(): void;
  content(octets: Uint8Array): void;
  /** What delimits the content, in latin1. */
  text(text: string): void;
  flushSoon(): void;
  flush(): void;
  /** Whether the system has every octet. */
  readonly isFlushed: boolean;
  /** The peer has to take something before more may be sent. */
  readonly isBlocked: boolean;
  /** Resolves when there is room. */
  room(): Promise<void>;
  /** The source has failed while it was closed. */
  blame(error: unknown): void;
}

export interface BodyWriting {
  readonly body: Streamed | Uint8Array;
  readonly chunked: boolean;
  /** What Content-Length promised. */
  readonly contentLength: number | undefined;
  /** The fields after a chunked body. */
  readonly trailers: AnswerTrailers | undefined;
  /** Octets of one write. */
  readonly pieceOctets: number;
}

export class BodyWriter {
  readonly #sink: BodySink;
  readonly #writing: BodyWriting;
  /** Until it ends by itself, or is cancelled. */
  #source: AnswerSource | undefined;
  #hasBegun = false;
  #isCancelled = false;

  constructor(sink: BodySink, writing: BodyWriting) {
    this.#sink = sink;
    this.#writing = writing;
  }

  /** The sink has the head, so the answer cannot be replaced any more. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /**
   * Resolves when everything is in the sink, or soon after `cancel`.
   * @throws what the source throws, or HANDLER_ANSWER_INVALID if it has more or less than it promised.
   */
  async run(): Promise<void> {
    // A source that fails at once can still be answered 500; one that is slow to begin does not hold the head back.
    const { body, pieceOctets } = this.#writing;
    const soon = HOLDS_HEAD in body ? undefined : setImmediate(() => this.#begin());
    try {
      this.#source = openSource(body instanceof Uint8Array ? pieces(body, pieceOctets) : body);
      await this.#pass(this.#source);
    } catch (error) {
      if (this.#isCancelled) return;
      this.#closeSource();
      throw error;
    } finally {
      clearImmediate(soon);
    }
  }

  /** The peer is gone: nobody reads the rest. */
  cancel(): void {
    this.#isCancelled = true;
    this.#closeSource();
  }

  async #pass(source: AnswerSource): Promise<void> {
    const sink = this.#sink;
    const { chunked, contentLength, trailers, pieceOctets } = this.#writing;
    let sent = 0;
    for (;;) {
      const { done, value } = await this.#next(source);
      if (this.#isCancelled) return;
      if (done === true) break;
      const octets = toOctets(value);
      sent += octets.length;
      if (contentLength !== undefined && sent > contentLength) break;
      if (octets.length === 0) continue; // an empty chunk would end the body
      this.#begin();
      if (chunked) sink.text(`${octets.length.toString(16)}\r\n`);
      // In pieces, so that the write deadline sees that a slow peer takes a large part.
      for (let at = 0; at < octets.length; at += pieceOctets) {
        sink.content(octets.length <= pieceOctets ? octets : octets.subarray(at, at + pieceOctets));
        if (!sink.isBlocked) continue;
        await sink.room();
        if (this.#isCancelled) return;
      }
      if (source.giveBack !== undefined) {
        sink.flush();
        if (sink.isFlushed) source.giveBack(octets);
      }
      if (chunked) sink.text('\r\n');
      sink.flushSoon();
    }
    if (contentLength !== undefined && sent !== contentLength) {
      const detail = `Its Content-Length is ${contentLength}, but its body has ${sent} octets or more.`;
      throw new JackfieldError('HANDLER_ANSWER_INVALID', detail);
    }
    this.#begin();
    if (!chunked) return;
    const text = trailers === undefined ? '' : await trailerText(trailers);
    if (!this.#isCancelled) sink.text(`0\r\n${text}\r\n`);
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

  #begin(): void {
    if (this.#hasBegun || this.#isCancelled) return;
    this.#hasBegun = true;
    this.#sink.begin();
    this.#sink.flushSoon();
  }

  #closeSource(): void {
    const source = this.#source;
    this.#source = undefined;
    // Not waited for: a generator that hangs would keep the connection.
    source?.cancel().catch((error: unknown) => this.#sink.blame(error));
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
