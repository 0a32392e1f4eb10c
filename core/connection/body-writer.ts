/**
 * Sends a body in several parts: a stream, or more octets than may be buffered. Reads more from the source only when
 * the peer has accepted the parts before.
 */
import { JackfieldError } from '../errors.js';
import { type AnswerSource, HOLDS_HEAD, openSource, type Streamed } from '../exchange/answer-source.js';
import { type AnswerTrailers, trailerText } from '../handlers/answer-trailers.js';

/** The destination of an answer. */
export interface BodySink {
  /** Writes the head of the answer. Called once before the first octet of the body, unless the source fails at once. */
  begin(): void;
  content(octets: Uint8Array): void;
  /** Writes delimiters of the content; latin1. */
  text(text: string): void;
  flushSoon(): void;
  /** True while the peer must accept something before more may be sent. */
  readonly isBlocked: boolean;
  /** Resolves when there is room. */
  room(): Promise<void>;
  /** The source has failed while it was closed. */
  blame(error: unknown): void;
}

export interface BodyWriting {
  readonly body: Streamed | Uint8Array;
  readonly chunked: boolean;
  /** The value of Content-Length. */
  readonly contentLength: number | undefined;
  /** The fields after a chunked body. */
  readonly trailers: AnswerTrailers | undefined;
  /** Octets per write. */
  readonly pieceOctets: number;
}

export class BodyWriter {
  readonly #sink: BodySink;
  readonly #writing: BodyWriting;
  /** Set until it ends or is cancelled. */
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
   * @throws the error of the source, or HANDLER_ANSWER_INVALID if its length differs from Content-Length.
   */
  async run(): Promise<void> {
    // A source that fails at once can still be answered with 500; a source that starts slowly does not delay the head.
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
      // In pieces, so that the write deadline sees that a slow peer accepts a large part.
      for (let at = 0; at < octets.length; at += pieceOctets) {
        sink.content(octets.length <= pieceOctets ? octets : octets.subarray(at, at + pieceOctets));
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
    // Not awaited: a generator that hangs would keep the connection open.
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
