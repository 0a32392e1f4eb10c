/**
 * The request parser: octets in, events out, RFC 9112. It uses no socket, timer or handler.
 *
 * Rules of this file:
 * - Each octet is read at most a constant number of times, however the octets were split.
 * - The result never depends on the split: a line is judged when it is complete (or too long), and its length is judged
 *   before its syntax.
 * - Lines end in CR LF. One exception: after a Host field that the standard refuses, field lines and the empty line may
 *   end in a bare LF if a dialect allows it. Such a head is accepted only if a dialect claims it.
 * - Header text is latin1, one character per octet, so a position in the text is a position in the octets.
 */
import { type ErrorCode, JackfieldError } from '../errors.js';
import { ChunkedBody } from './chunked-body.js';
import type { ClaimedHead, RefusedHead } from './dialect.js';
import type { Framing } from './framing.js';
import { HeaderSection } from './header-section.js';
import { parseHost } from './host.js';
import { COLON, CR, HTAB, IS_FIELD_VALUE, IS_TOKEN, isBlank, LF, SP } from './octets.js';
import { type OtherProtocol, otherProtocolIn } from './other-protocol.js';
import type { RequestHead } from './request-head.js';
import { MAX_METHOD_OCTETS, RequestLine } from './request-line.js';
import { SectionMemo } from './section-memo.js';

export interface ParserOptions {
  readonly maxTargetOctets: number;
  readonly maxHeaderSectionOctets: number;
  readonly maxHeaderFields: number;
  readonly maxBodyOctets: number;
  /** Called before a body begins. Returns a different limit for this request, in octets. */
  readonly bodyLimit?: ((head: RequestHead) => number | undefined) | undefined;
  /** Called with a head whose only fault is its Host field. */
  readonly claim?: (head: RefusedHead, hasBareLf: boolean) => ClaimedHead | undefined;
  /**
   * Called at a bare LF after a Host field that the standard refuses: whether lines of this head may end in a bare LF.
   */
  readonly allowsBareLf?: (host: string) => boolean;
}

/**
 * - `need-data`: all octets were read; feed more.
 * - `head`: `parser.head` is a request; its body follows.
 * - `data`: `parser.data` is a part of the body, a view of the octets that were fed.
 * - `complete`: the request is complete. Repeated until `proceed`.
 * - `error`: `parser.error` says why. Final: framing is lost.
 */
export type ParserEvent = 'need-data' | 'head' | 'data' | 'complete' | 'error';

/** Where the parser is. The data of a state is in fields: an object per state would cost one object per request. */
type ParserState =
  | 'request-line' // RFC 9112 §3, empty lines before it §2.2
  | 'header-section' // §5; then framing is decided, §6.3
  | 'body-by-length' // §6.2
  | 'chunked-body' // §7.1
  | 'trailer-section' // §7.1.2
  | 'complete' // waits until answered, §9.3.2
  | 'failed';

/** The event to report; undefined if the next state must run first. */
type Step = ParserEvent | undefined;

/** §2.2 asks for at least one; a client that sends more than a few is not an HTTP client. */
const MAX_EMPTY_LINES = 4;
/** The parts of a request line besides its target: the longest method, two spaces, the version. */
const REQUEST_LINE_REST = MAX_METHOD_OCTETS + 2 + 'HTTP/1.1'.length;
const MAX_CHUNK_EXTENSION_OCTETS = 16_384;
/** How much of a request line is kept for the log. Enough to recognise the client; more would only fill the log. */
const MAX_LOGGED_LINE_OCTETS = 256;

const NO_OCTETS = Buffer.alloc(0);
const NO_TRAILERS: readonly string[] = [];
/** Used between two requests; the parser never writes to it. */
const NO_LINE = new RequestLine();

export class RequestParser {
  readonly #options: ParserOptions;
  #state: ParserState = 'request-line';

  // The octets from feed(): those from #at on are unread. In the line states they are also #text, unread from #p on.
  #octets: Buffer = NO_OCTETS;
  #at = 0;
  #end = 0;
  #text = '';
  #p = 0;
  /** Position in the octets = position in the text + #shift. The text may begin with a carried line. */
  #shift = 0;
  /** An incomplete line from earlier octets. A rope string: flattened only when the line is complete. */
  #carry = '';

  // The current request
  #emptyLines = 0;
  #line = NO_LINE;
  #fields: string[] | undefined;
  #sectionOctets = 0;
  /** Where the section begins in the text; -1 if it began in an earlier text. */
  #sectionStart = -1;
  /** A line of the header section ended in a bare LF. True only after a Host field that the standard refuses. */
  #hasBareLf = false;
  #memo: SectionMemo | undefined;
  /** Many connections carry only one request, so a section is remembered from the second request on. */
  #isFirstRequest = true;
  #bodyLeft = 0;
  #chunked: ChunkedBody | undefined;
  #trailers: string[] | undefined;

  /** Valid from `head` until `proceed`. */
  head: RequestHead | undefined;
  /** Valid after `data`, until the next call. */
  data: Buffer = NO_OCTETS;
  /** Valid after `error`. */
  error: JackfieldError | undefined;
  /** Valid after `error`: the refused head, if it was read to its end. Its framing cannot be trusted. */
  refusedHead: RequestHead | undefined;
  #failedLine = '';
  /** Valid after `error`: the protocol at the start of the connection, if it is a known one other than HTTP. */
  otherProtocol: OtherProtocol | undefined;

  constructor(options: ParserOptions) {
    this.#options = options;
  }

  /** Trailer fields of the last request, names and values in turn; valid from `complete` until `proceed`. */
  get trailers(): readonly string[] {
    return this.#trailers ?? NO_TRAILERS;
  }

  /** Whether a request has begun and is not complete. Empty lines before it, or half of one, do not count. */
  get midRequest(): boolean {
    if (this.#state === 'request-line') return this.#carry !== '' && this.#carry !== '\r';
    return this.#state !== 'complete';
  }

  /** Whether this request, or the one that failed, is HEAD: even a refusal then has no body (RFC 9110 §9.3.2). */
  get isHead(): boolean {
    return this.requestLine.startsWith('HEAD ');
  }

  /**
   * The received part of the current or failed request line: latin1, without its line end, at most 256 octets. It may
   * contain anything that a client can send.
   */
  get requestLine(): string {
    if (this.#state === 'failed') return this.#failedLine;
    const { method, target, minorVersion } = this.#line;
    if (this.#state !== 'request-line')
      return `${method} ${target} HTTP/1.${minorVersion}`.slice(0, MAX_LOGGED_LINE_OCTETS);
    const start = this.#text === '' ? 0 : this.#p;
    const text = (this.#text === '' ? this.#carry : this.#text).slice(start, start + MAX_LOGGED_LINE_OCTETS);
    const end = text.indexOf('\n');
    return end === -1 ? text : text.slice(0, text[end - 1] === '\r' ? end - 1 : end);
  }

  /** Whether fed octets are still unread. */
  get hasUnread(): boolean {
    return this.#position() < this.#end;
  }

  /** Octets of the body that are still to come: Infinity for chunked. */
  get bodyLeft(): number {
    if (this.#state === 'body-by-length') return this.#bodyLeft;
    return this.#state === 'chunked-body' || this.#state === 'trailer-section' ? Number.POSITIVE_INFINITY : 0;
  }

  /**
   * Passes octets to the parser; only after `need-data`. They must not change until the next `need-data` or `keep`.
   * @param length How many of them are valid.
   */
  feed(octets: Buffer, length = octets.length): void {
    this.#octets = octets;
    this.#end = length;
    this.#at = 0;
    this.#text = '';
    this.#p = 0;
    this.#shift = 0;
    this.#sectionStart = -1;
  }

  /** Copies the unread octets, so that the caller may reuse its buffer. */
  keep(): void {
    this.feed(Buffer.from(this.unread));
  }

  /** The unread octets; valid as long as the buffer that was fed. */
  get unread(): Buffer {
    return this.#octets.subarray(this.#position(), this.#end);
  }

  /** Starts the next request; only after `complete`. */
  proceed(): void {
    if (this.#state !== 'complete') throw new TypeError(`proceed() in state ${this.#state}`);
    this.#state = 'request-line';
    this.#emptyLines = 0;
    // Otherwise the last request would take most of the memory of an idle connection.
    this.head = undefined;
    this.#fields = undefined;
    this.#trailers = undefined;
    this.data = NO_OCTETS;
    // After its first request a client is often idle for long.
    if (this.#isFirstRequest) this.#line = NO_LINE;
    this.#isFirstRequest = false;
  }

  /** Releases memory that only saves time; for idle connections. */
  rest(): void {
    this.#memo = undefined;
    if (this.#state === 'request-line') this.#line = NO_LINE;
    if (!this.hasUnread) this.feed(NO_OCTETS);
  }

  next(): ParserEvent {
    for (;;) {
      const step = this.#step();
      if (step !== undefined) return step;
    }
  }

  #step(): Step {
    switch (this.#state) {
      case 'request-line':
        return this.#loadText() ?? this.#requestLine();
      case 'header-section':
        return this.#loadText() ?? this.#headerSection();
      case 'body-by-length':
        return this.#bodyByLength();
      case 'chunked-body':
        return this.#chunkedBody();
      case 'trailer-section':
        return this.#loadText() ?? this.#trailerSection();
      case 'complete':
        return 'complete';
      case 'failed':
        return 'error';
    }
  }

  // Text and octets

  #position(): number {
    return this.#text === '' ? this.#at : this.#p + this.#shift;
  }

  /** Makes text of the unread octets, once per feed. Returns an event if there is nothing to read. */
  #loadText(): Step {
    if (this.#text !== '') {
      if (this.#p < this.#text.length) return undefined;
      // An idle connection must not keep octets that it has read.
      this.feed(NO_OCTETS);
      return 'need-data';
    }
    if (this.#at >= this.#end) return 'need-data';
    const fresh = latin1(this.#octets, this.#at, this.#end);
    this.#shift = this.#at - this.#carry.length;
    this.#text = this.#carry === '' ? fresh : this.#carry + fresh;
    this.#p = 0;
    if (this.#carry !== '') {
      // The carried line has no LF, so only the new text is searched. Without an LF the rope just grows.
      if (!fresh.includes('\n')) return this.#carryOver(0);
      this.#carry = '';
    }
    return undefined;
  }

  /** Leaves the text; the octets continue at position p. */
  #leaveText(): void {
    this.#at = this.#position();
    this.#text = '';
  }

  /** The line from `start` on is incomplete: keep it for the next octets, unless it is already too long. */
  #carryOver(start: number): Step {
    this.#carry = start === 0 ? this.#text : this.#text.slice(start);
    this.#at = this.#end;
    this.#text = '';
    const tooLong = this.#lineTooLong(this.#carry, this.#carry.length);
    return tooLong === undefined ? 'need-data' : this.#fail(tooLong);
  }

  /** @param length Octets of the line received so far, without its line end. */
  #lineTooLong(line: string, length: number): ErrorCode | undefined {
    // A CR at the end may belong to the line end; its LF may still come.
    if (this.#state === 'request-line') {
      const most = this.#options.maxTargetOctets + REQUEST_LINE_REST;
      if (length <= most + 1) return undefined;
      const space = line.indexOf(' ');
      return space === -1 || space > MAX_METHOD_OCTETS ? 'METHOD_TOO_LONG' : 'TARGET_TOO_LONG';
    }
    if (this.#sectionOctets + length <= this.#options.maxHeaderSectionOctets) return undefined;
    return this.#state === 'trailer-section' ? 'TRAILER_SECTION_TOO_LARGE' : 'HEADER_SECTION_TOO_LARGE';
  }

  /** The line from `start` on has a fault; it counts only when the line is complete and not too long. */
  #failLine(start: number, code: ErrorCode): Step {
    const end = this.#text.indexOf('\n', start);
    if (end === -1) return this.#carryOver(start);
    const tooLong = this.#lineTooLong(this.#text.slice(start, end), end - start);
    if (tooLong !== undefined) return this.#fail(tooLong);
    // A misplaced CR or LF is reported as such, whatever else it broke.
    const content = this.#text.slice(start, this.#text[end - 1] === '\r' && end > start ? end - 1 : end);
    const properEnd = (end > start && this.#text[end - 1] === '\r') || this.#mayEndInLf();
    return this.#fail(!properEnd || content.includes('\r') ? 'LINE_END_INVALID' : code);
  }

  /** @param head The head of the request, if it was read to its end. */
  #fail(code: ErrorCode, head?: RequestHead): ParserEvent {
    this.#failedLine = this.requestLine;
    this.refusedHead = head;
    // Other protocols are recognised only at the start of a connection. A line that is too long is in #carry, not
    // #text.
    if (this.#isFirstRequest && this.#state === 'request-line') {
      const [text, start] = this.#text === '' ? [this.#carry, 0] : [this.#text, this.#p];
      this.otherProtocol = otherProtocolIn(text, start, this.#emptyLines);
    }
    this.#state = 'failed';
    this.error = new JackfieldError(code);
    return 'error';
  }

  // Request line, RFC 9112 §3

  #requestLine(): Step {
    const text = this.#text;
    const start = this.#p;
    const first = text.charCodeAt(start);
    if (first === CR) return this.#emptyLine();
    // Refuse now, not at the end of a line that may never come: a TLS handshake begins with 0x16.
    if (IS_TOKEN[first] !== 1) return this.#fail(firstOctetFault(first));
    if (this.#line === NO_LINE) this.#line = new RequestLine();
    const line = this.#line;
    const fault = line.read(text, start, this.#options.maxTargetOctets);
    if (fault !== undefined) return this.#failLine(start, fault);
    this.#p = line.end;
    const memo = this.#memo;
    const known = memo?.find(text, this.#p, line.minorVersion);
    if (memo !== undefined && known !== undefined) {
      this.#p += memo.length;
      return this.#endOfHeaderSection(known);
    }
    this.#fields = undefined;
    this.#sectionOctets = 0;
    this.#sectionStart = this.#p;
    this.#state = 'header-section';
    return undefined;
  }

  /** §2.2: an empty line before the request line is ignored; some old clients send one after a body. */
  #emptyLine(): Step {
    const start = this.#p;
    if (start + 1 >= this.#text.length) return this.#carryOver(start);
    if (this.#text.charCodeAt(start + 1) !== LF) return this.#failLine(start, 'LINE_END_INVALID');
    if (++this.#emptyLines > MAX_EMPTY_LINES) return this.#fail('REQUEST_LINE_INVALID');
    this.#p = start + 2;
    return undefined;
  }

  // Header section, RFC 9112 §5

  #headerSection(): Step {
    const text = this.#text;
    this.#fields ??= [];
    const step = this.#fieldLines(this.#fields, this.#options.maxHeaderFields);
    if (step !== 'end') return step;
    const section = new HeaderSection(this.#fields, this.#line.minorVersion);
    // A memo would skip the question to the dialects, so a section with a bare LF is parsed again each time.
    if (this.#sectionStart !== -1 && !this.#isFirstRequest && !this.#hasBareLf) {
      this.#memo ??= new SectionMemo();
      this.#memo.keep(text.slice(this.#sectionStart, this.#p), section, this.#line.minorVersion);
    }
    return this.#endOfHeaderSection(section);
  }

  /** Reads field lines into `fields` up to the empty line; returns `end` when it was read. */
  #fieldLines(fields: string[], most: number): Step | 'end' {
    const text = this.#text;
    const limit = this.#options.maxHeaderSectionOctets;
    const isHeader = this.#state === 'header-section';
    let p = this.#p;
    for (;;) {
      const start = p;
      if (text.charCodeAt(p) === CR) {
        if (p + 1 >= text.length) return this.#carryOver(start);
        if (text.charCodeAt(p + 1) !== LF) return this.#failLine(start, 'LINE_END_INVALID');
        this.#p = p + 2;
        return 'end';
      }
      while (IS_TOKEN[text.charCodeAt(p)] === 1) p++;
      const nameEnd = p;
      if (nameEnd === start || text.charCodeAt(p) !== COLON) {
        if (start >= text.length) return this.#carryOver(start);
        const first = text.charCodeAt(start);
        if (first === LF && this.#mayEndInLf()) {
          this.#hasBareLf = true;
          this.#p = start + 1;
          return 'end';
        }
        const folded = fields.length > 0 && (first === SP || first === HTAB);
        return this.#failLine(start, folded ? 'FIELD_FOLDED' : 'FIELD_NAME_INVALID');
      }
      p++;
      while (text.charCodeAt(p) === SP || text.charCodeAt(p) === HTAB) p++;
      const valueStart = p;
      while (IS_FIELD_VALUE[text.charCodeAt(p)] === 1) p++;
      let next = p + 2;
      if (text.charCodeAt(p) !== CR || text.charCodeAt(p + 1) !== LF) {
        if (text.charCodeAt(p) !== LF || !this.#mayEndInLf()) {
          return this.#failLine(start, 'FIELD_VALUE_INVALID');
        }
        this.#hasBareLf = true;
        next = p + 1;
      }
      this.#sectionOctets += next - start;
      // The empty line counts towards the limit, so it is never too long when it arrives alone.
      if (this.#sectionOctets + 2 > limit) {
        return this.#fail(isHeader ? 'HEADER_SECTION_TOO_LARGE' : 'TRAILER_SECTION_TOO_LARGE');
      }
      if (fields.length >= most * 2) {
        return this.#fail(isHeader ? 'HEADER_FIELDS_TOO_MANY' : 'TRAILER_SECTION_TOO_LARGE');
      }

      let valueEnd = p;
      while (valueEnd > valueStart && isBlank(text.charCodeAt(valueEnd - 1))) valueEnd--;
      fields.push(text.slice(start, nameEnd), text.slice(valueStart, valueEnd));
      p = next;
      this.#p = p;
    }
  }

  /**
   * Whether the current line may end in a bare LF. Some clients from 2022 send one, so a dialect may allow it.
   * Only after the only Host field line, and only if the standard refuses the value of that field: a standard request
   * read by two line end rules could be two requests to two servers. The Host line itself ends in CR LF.
   */
  #mayEndInLf(): boolean {
    if (this.#state !== 'header-section') return false;
    const fields = this.#fields ?? [];
    let host: string | undefined;
    for (let at = 0; at < fields.length; at += 2) {
      if (fields[at]!.toLowerCase() !== 'host') continue;
      if (host !== undefined) return false;
      host = fields[at + 1]!;
    }
    if (host === undefined || parseHost(host) !== undefined) return false;
    return this.#hasBareLf || this.#options.allowsBareLf?.(host) === true;
  }

  #endOfHeaderSection(section: HeaderSection): Step {
    if (section.fault !== undefined) return this.#fail(section.fault, this.#headOf(section));
    let claim: ClaimedHead | undefined;
    const fault = section.hostFault;
    if (fault !== undefined) {
      const hasBareLf = this.#hasBareLf;
      // A second Host field may have followed the LF that the first one allowed.
      if (hasBareLf && fault !== 'HOST_INVALID') return this.#fail('LINE_END_INVALID');
      const { method, target } = this.#line;
      claim = this.#options.claim?.({ method, target, rawHeaders: section.raw, fault }, hasBareLf);
      if (claim === undefined)
        return hasBareLf ? this.#fail('LINE_END_INVALID') : this.#fail(fault, this.#headOf(section));
      this.#hasBareLf = false;
    }
    this.head = this.#headOf(section, claim);
    return this.#beginBody(section.framing);
  }

  #headOf(section: HeaderSection, claim?: ClaimedHead): RequestHead {
    const { method, target, path, query, minorVersion, authority, needsTls } = this.#line;
    // Only a dialect can use a Host field that the standard refuses.
    const isUsable = section.hostFault === undefined || claim !== undefined;
    const host = authority ?? (isUsable ? section.host : undefined);
    return { method, target, path, query, needsTls, minorVersion, section, host, claim };
  }

  // Body, RFC 9112 §6 and §7

  #beginBody(framing: Framing): ParserEvent {
    this.#trailers = undefined;
    if (framing.kind === 'none') {
      this.#state = 'complete';
      return 'head';
    }
    this.#leaveText();
    const maxBodyOctets = this.#options.bodyLimit?.(this.head!) ?? this.#options.maxBodyOctets;
    if (framing.kind === 'length') {
      if (framing.octets > maxBodyOctets) return this.#fail('BODY_TOO_LARGE', this.head);
      this.#bodyLeft = framing.octets;
      this.#state = 'body-by-length';
    } else {
      this.#chunked = new ChunkedBody({ maxBodyOctets, maxExtensionOctets: MAX_CHUNK_EXTENSION_OCTETS });
      this.#state = 'chunked-body';
    }
    return 'head';
  }

  #bodyByLength(): Step {
    if (this.#bodyLeft === 0) {
      this.#state = 'complete';
      return undefined;
    }
    const left = this.#end - this.#at;
    if (left === 0) return 'need-data';
    const end = this.#at + Math.min(left, this.#bodyLeft);
    this.data = this.#octets.subarray(this.#at, end);
    this.#bodyLeft -= end - this.#at;
    this.#at = end;
    return 'data';
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
        this.#sectionOctets = 0;
        this.#state = 'trailer-section';
        return undefined;
      case 'error':
        return this.#fail(step.code);
    }
  }

  /** §7.1.2: trailers are parsed like fields, limited, and never merged into the header section. */
  #trailerSection(): Step {
    this.#trailers ??= [];
    const step = this.#fieldLines(this.#trailers, this.#options.maxHeaderFields);
    if (step !== 'end') return step;
    this.#state = 'complete';
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

function firstOctetFault(octet: number): ErrorCode {
  if (octet === LF) return 'LINE_END_INVALID';
  return octet === SP || octet === HTAB ? 'REQUEST_LINE_INVALID' : 'METHOD_INVALID';
}
