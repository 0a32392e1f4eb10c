/**
 * What the parsers of requests and responses share: octets in, events out, RFC 9112. It knows no socket, no timer and
 * no handler. `parser.ts` adds the request line, `response-parser.ts` the status line.
 *
 * Rules of this file:
 * - Each octet is read at most a constant number of times, however the octets were split.
 * - The result never depends on the split: a line is judged when it is complete (or too long), and its length is judged
 *   before its syntax.
 * - Lines end in CR LF, unless the parser of requests allows an exception.
 * - Header text is latin1, one character an octet, so a position in the text is a position in the octets.
 */
import { type ErrorCode, JackfieldError } from '../errors.js';
import { ChunkedBody } from './chunked-body.js';
import { COLON, CR, HTAB, IS_FIELD_VALUE, IS_TOKEN, isBlank, LF, SP } from './octets.js';

/** Limits of header and trailer sections. */
export interface SectionLimits {
  readonly maxHeaderSectionOctets: number;
  readonly maxHeaderFields: number;
}

/**
 * - `need-data`: all octets were read; feed more.
 * - `head`: `parser.head` is a message; its body follows.
 * - `data`: `parser.data` is a run of body octets, a view of what was fed.
 * - `complete`: the message is whole. Comes again until `proceed`.
 * - `error`: `parser.error` says why. Final: framing is lost.
 */
export type ParserEvent = 'need-data' | 'head' | 'data' | 'complete' | 'error';

/** Where the parser stands. What a state needs lives in fields: an object per state would cost one per message. */
type ParserState =
  | 'start-line' // RFC 9112 §3 and §4, empty lines before a request §2.2
  | 'header-section' // §5; then framing is decided, §6.3
  | 'body-by-length' // §6.2
  | 'chunked-body' // §7.1
  | 'trailer-section' // §7.1.2
  | 'body-to-end' // §6.3, item 8: only of responses
  | 'complete' // waits until answered, §9.3.2
  | 'failed';

/** The event to report; undefined if the next state must run first. */
export type Step = ParserEvent | undefined;

const MAX_CHUNK_EXTENSION_OCTETS = 16_384;

export const NO_OCTETS = Buffer.alloc(0);
const NO_TRAILERS: readonly string[] = [];

export abstract class MessageParser {
  readonly #limits: SectionLimits;
  protected state: ParserState = 'start-line';

  // What was fed: octets from `at` on are unread. In the line states the same octets are in `text`, from `p` on.
  #octets: Buffer = NO_OCTETS;
  #at = 0;
  #end = 0;
  protected text = '';
  protected p = 0;
  /** Position in the octets = position in the text + #shift. The text may begin with a carried line. */
  #shift = 0;
  /** An incomplete line from earlier octets. A rope string: flattened only when the line is complete. */
  protected carry = '';

  // The message under way
  protected fields: string[] | undefined;
  protected sectionOctets = 0;
  /** Where the section begins in the text; -1 if it began in an earlier text. */
  protected sectionStart = -1;
  /** A line of the header section ended in a bare LF. */
  protected hasBareLf = false;
  #bodyLeft = 0;
  #chunked: ChunkedBody | undefined;
  #trailers: string[] | undefined;

  /** Valid after `data`, until the next call. */
  data: Buffer = NO_OCTETS;
  /** Valid after `error`. */
  error: JackfieldError | undefined;

  constructor(limits: SectionLimits) {
    this.#limits = limits;
  }

  /** Trailer fields of the last message, names and values in turn; valid from its `complete` until `proceed`. */
  get trailers(): readonly string[] {
    return this.#trailers ?? NO_TRAILERS;
  }

  /** Whether fed octets are still unread. */
  get hasUnread(): boolean {
    return this.#position() < this.#end;
  }

  /** Octets of the body that are still to come: Infinity for chunked. */
  get bodyLeft(): number {
    if (this.state === 'body-by-length') return this.#bodyLeft;
    return this.state === 'chunked-body' || this.state === 'trailer-section' ? Number.POSITIVE_INFINITY : 0;
  }

  /**
   * Passes octets to the parser; only after `need-data`. They must not change until the next `need-data` or `keep`.
   * @param length How many of them are valid.
   */
  feed(octets: Buffer, length = octets.length): void {
    this.#octets = octets;
    this.#end = length;
    this.#at = 0;
    this.text = '';
    this.p = 0;
    this.#shift = 0;
    this.sectionStart = -1;
  }

  /** Copies the unread octets, so that the caller may reuse its buffer. */
  keep(): void {
    this.feed(Buffer.from(this.unread));
  }

  /** The unread octets; valid as long as the buffer that was fed. */
  get unread(): Buffer {
    return this.#octets.subarray(this.#position(), this.#end);
  }

  next(): ParserEvent {
    for (;;) {
      const step = this.#step();
      if (step !== undefined) return step;
    }
  }

  #step(): Step {
    switch (this.state) {
      case 'start-line':
        return this.#loadText() ?? this.startLine();
      case 'header-section':
        return this.#loadText() ?? this.headerSection();
      case 'body-by-length':
        return this.#bodyByLength();
      case 'chunked-body':
        return this.#chunkedBody();
      case 'trailer-section':
        return this.#loadText() ?? this.#trailerSection();
      case 'body-to-end':
        return this.#bodyToEnd();
      case 'complete':
        return 'complete';
      case 'failed':
        return 'error';
    }
  }

  protected abstract startLine(): Step;

  protected abstract headerSection(): Step;

  /** Of a start line that is too long: its fault. @param length Octets of the line so far, without its end. */
  protected abstract startLineTooLong(line: string, length: number): ErrorCode | undefined;

  /** Whether the line under way may end in a bare LF. */
  protected mayEndInLf(): boolean {
    return false;
  }

  /** Ready for the next message. */
  protected forget(): void {
    this.state = 'start-line';
    this.fields = undefined;
    this.#trailers = undefined;
    this.data = NO_OCTETS;
  }

  // Text and octets

  #position(): number {
    return this.text === '' ? this.#at : this.p + this.#shift;
  }

  /** Makes text of the unread octets, once per feed. Returns an event if there is nothing to read. */
  #loadText(): Step {
    if (this.text !== '') {
      if (this.p < this.text.length) return undefined;
      // An idle connection must not keep octets that it has read.
      this.feed(NO_OCTETS);
      return 'need-data';
    }
    if (this.#at >= this.#end) return 'need-data';
    const fresh = latin1(this.#octets, this.#at, this.#end);
    this.#shift = this.#at - this.carry.length;
    this.text = this.carry === '' ? fresh : this.carry + fresh;
    this.p = 0;
    if (this.carry !== '') {
      // The carried line has no LF, so only the new text is searched. Without an LF the rope just grows.
      if (!fresh.includes('\n')) return this.carryOver(0);
      this.carry = '';
    }
    return undefined;
  }

  /** Leaves the text; the octets continue at position p. */
  #leaveText(): void {
    this.#at = this.#position();
    this.text = '';
  }

  /** The line from `start` on is incomplete: keep it for the next octets, unless it is already too long. */
  protected carryOver(start: number): Step {
    this.carry = start === 0 ? this.text : this.text.slice(start);
    this.#at = this.#end;
    this.text = '';
    const tooLong = this.#lineTooLong(this.carry, this.carry.length);
    return tooLong === undefined ? 'need-data' : this.fail(tooLong);
  }

  /** @param length Octets of the line received so far, without its line end. */
  #lineTooLong(line: string, length: number): ErrorCode | undefined {
    // A CR at the end may belong to the line end; its LF may still come.
    if (this.state === 'start-line') return this.startLineTooLong(line, length);
    if (this.sectionOctets + length <= this.#limits.maxHeaderSectionOctets) return undefined;
    return this.state === 'trailer-section' ? 'TRAILER_SECTION_TOO_LARGE' : 'HEADER_SECTION_TOO_LARGE';
  }

  /** The line from `start` on has a fault; it counts only when the line is complete and not too long. */
  protected failLine(start: number, code: ErrorCode): Step {
    const end = this.text.indexOf('\n', start);
    if (end === -1) return this.carryOver(start);
    const tooLong = this.#lineTooLong(this.text.slice(start, end), end - start);
    if (tooLong !== undefined) return this.fail(tooLong);
    // A misplaced CR or LF is reported as such, whatever else it broke.
    const content = this.text.slice(start, this.text[end - 1] === '\r' && end > start ? end - 1 : end);
    const properEnd = (end > start && this.text[end - 1] === '\r') || this.mayEndInLf();
    return this.fail(!properEnd || content.includes('\r') ? 'LINE_END_INVALID' : code);
  }

  protected fail(code: ErrorCode): ParserEvent {
    this.state = 'failed';
    this.error = new JackfieldError(code);
    return 'error';
  }

  // Field lines, RFC 9112 §5

  /** The section begins at the present position. */
  protected beginHeaderSection(): void {
    this.fields = undefined;
    this.sectionOctets = 0;
    this.sectionStart = this.p;
    this.state = 'header-section';
  }

  /** Reads field lines into `fields` up to the empty line; returns `end` when it was read. */
  protected fieldLines(fields: string[]): Step | 'end' {
    const text = this.text;
    const { maxHeaderSectionOctets: limit, maxHeaderFields: most } = this.#limits;
    const isHeader = this.state === 'header-section';
    let p = this.p;
    for (;;) {
      const start = p;
      if (text.charCodeAt(p) === CR) {
        if (p + 1 >= text.length) return this.carryOver(start);
        if (text.charCodeAt(p + 1) !== LF) return this.failLine(start, 'LINE_END_INVALID');
        this.p = p + 2;
        return 'end';
      }
      while (IS_TOKEN[text.charCodeAt(p)] === 1) p++;
      const nameEnd = p;
      if (nameEnd === start || text.charCodeAt(p) !== COLON) {
        if (start >= text.length) return this.carryOver(start);
        const first = text.charCodeAt(start);
        if (first === LF && this.mayEndInLf()) {
          this.hasBareLf = true;
          this.p = start + 1;
          return 'end';
        }
        const folded = fields.length > 0 && (first === SP || first === HTAB);
        return this.failLine(start, folded ? 'FIELD_FOLDED' : 'FIELD_NAME_INVALID');
      }
      p++;
      while (text.charCodeAt(p) === SP || text.charCodeAt(p) === HTAB) p++;
      const valueStart = p;
      while (IS_FIELD_VALUE[text.charCodeAt(p)] === 1) p++;
      let next = p + 2;
      if (text.charCodeAt(p) !== CR || text.charCodeAt(p + 1) !== LF) {
        if (text.charCodeAt(p) !== LF || !this.mayEndInLf()) {
          return this.failLine(start, 'FIELD_VALUE_INVALID');
        }
        this.hasBareLf = true;
        next = p + 1;
      }
      this.sectionOctets += next - start;
      // The empty line counts towards the limit, so it is never too long when it arrives alone.
      if (this.sectionOctets + 2 > limit) {
        return this.fail(isHeader ? 'HEADER_SECTION_TOO_LARGE' : 'TRAILER_SECTION_TOO_LARGE');
      }
      if (fields.length >= most * 2) {
        return this.fail(isHeader ? 'HEADER_FIELDS_TOO_MANY' : 'TRAILER_SECTION_TOO_LARGE');
      }

      let valueEnd = p;
      while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd--;
      fields.push(text.slice(start, nameEnd), text.slice(valueStart, valueEnd));
      p = next;
      this.p = p;
    }
  }

  // Body, RFC 9112 §6 and §7

  protected withoutBody(): void {
    this.#trailers = undefined;
    this.state = 'complete';
  }

  /** @param octets Its length. */
  protected beginBodyByLength(octets: number): void {
    this.#beginBody();
    this.#bodyLeft = octets;
    this.state = 'body-by-length';
  }

  protected beginChunkedBody(maxBodyOctets: number): void {
    this.#beginBody();
    this.#chunked = new ChunkedBody({ maxBodyOctets, maxExtensionOctets: MAX_CHUNK_EXTENSION_OCTETS });
    this.state = 'chunked-body';
  }

  protected beginBodyToEnd(): void {
    this.#beginBody();
    this.state = 'body-to-end';
  }

  #beginBody(): void {
    this.#trailers = undefined;
    this.#leaveText();
  }

  #bodyByLength(): Step {
    if (this.#bodyLeft === 0) {
      this.state = 'complete';
      return undefined;
    }
    const left = this.#end - this.#at;
    if (left === 0) return 'need-data';
    this.#take(Math.min(left, this.#bodyLeft));
    this.#bodyLeft -= this.data.length;
    return 'data';
  }

  #bodyToEnd(): Step {
    const left = this.#end - this.#at;
    if (left === 0) return 'need-data';
    this.#take(left);
    return 'data';
  }

  #take(length: number): void {
    this.data = this.#octets.subarray(this.#at, this.#at + length);
    this.#at += length;
  }

  #chunkedBody(): Step {
    const chunked = this.#chunked!;
    chunked.at = this.#at;
    const step = chunked.next(this.#octets, this.#end);
    this.#at = chunked.at;
    switch (step.type) {
      case 'need-data':
        return 'need-data';
      case 'data':
        this.data = this.#octets.subarray(step.start, step.end);
        return 'data';
      case 'last-chunk':
        this.#chunked = undefined;
        this.sectionOctets = 0;
        this.state = 'trailer-section';
        return undefined;
      case 'error':
        return this.fail(step.code);
    }
  }

  /** §7.1.2: trailers are parsed like fields, limited, and never merged into the header section. */
  #trailerSection(): Step {
    this.#trailers ??= [];
    const step = this.fieldLines(this.#trailers);
    if (step !== 'end') return step;
    this.state = 'complete';
    return undefined;
  }
}

/** `toString('latin1')` without its two wrapper calls; missing in the type definitions. */
const { latin1Slice } = Buffer.prototype as unknown as { latin1Slice?: unknown };
const latin1: (octets: Buffer, start: number, end: number) => string =
  typeof latin1Slice === 'function'
    ? (octets, start, end) => (octets as Buffer & SlicesLatin1).latin1Slice(start, end)
    : (octets, start, end) => octets.toString('latin1', start, end);

interface SlicesLatin1 {
  latin1Slice(start: number, end: number): string;
}
