/**
 * The request parser: octets in, events out, RFC 9112. It adds to `message-parser.ts` the request line, the framing of
 * requests and the dialects.
 *
 * Lines end in CR LF. One exception: after a Host field that the standard refuses, field lines and the empty line may
 * end in a bare LF if a dialect allows it. Such a head is only accepted if a dialect claims it.
 */
import type { ErrorCode } from '../errors.js';
import type { ClaimedHead, RefusedHead } from './dialect.js';
import type { Framing } from './framing.js';
import { HeaderSection } from './header-section.js';
import { parseHost } from './host.js';
import {
  MessageParser,
  NO_OCTETS,
  type ParserEvent,
  type SectionLimits,
  type Step,
} from './message-parser.js';
import { CR, HTAB, IS_TOKEN, LF, SP } from './octets.js';
import { type OtherProtocol, otherProtocolIn } from './other-protocol.js';
import type { RequestHead } from './request-head.js';
import { MAX_METHOD_OCTETS, RequestLine } from './request-line.js';
import { SectionMemo } from './section-memo.js';

export interface ParserOptions extends SectionLimits {
  readonly maxTargetOctets: number;
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

/** §2.2 asks for at least one; a client that sends more than a few is not an HTTP client. */
const MAX_EMPTY_LINES = 4;
/** The parts of a request line besides its target: the longest method, two spaces, the version. */
const REQUEST_LINE_REST = MAX_METHOD_OCTETS + 2 + 'HTTP/1.1'.length;
/** How much of a request line is kept for the log. Enough to recognise the client; more would only fill the log. */
const MAX_LOGGED_LINE_OCTETS = 256;

/** Used between two requests; the parser never writes to it. */
const NO_LINE = new RequestLine();

export class RequestParser extends MessageParser {
  readonly #options: ParserOptions;

  // The current request
  #emptyLines = 0;
  #line = NO_LINE;
  #memo: SectionMemo | undefined;
  /** Many connections carry only one request, so a section is remembered from the second request on. */
  #isFirstRequest = true;

  /** Valid from `head` until `proceed`. */
  head: RequestHead | undefined;
  /** Valid after `error`: the refused head, if it was read to its end. Its framing cannot be trusted. */
  refusedHead: RequestHead | undefined;
  #failedLine = '';
  /** Valid after `error`: the protocol at the start of the connection, if it is a known one other than HTTP. */
  otherProtocol: OtherProtocol | undefined;

  constructor(options: ParserOptions) {
    super(options);
    this.#options = options;
  }

  /** Whether a request has begun and is not complete. Empty lines before it, or half of one, do not count. */
  get midRequest(): boolean {
    if (this.state === 'start-line') return this.carry !== '' && this.carry !== '\r';
    return this.state !== 'complete';
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
    if (this.state === 'failed') return this.#failedLine;
    const { method, target, minorVersion } = this.#line;
    if (this.state !== 'start-line')
      return `${method} ${target} HTTP/1.${minorVersion}`.slice(0, MAX_LOGGED_LINE_OCTETS);
    const start = this.text === '' ? 0 : this.p;
    const text = (this.text === '' ? this.carry : this.text).slice(start, start + MAX_LOGGED_LINE_OCTETS);
    const end = text.indexOf('\n');
    return end === -1 ? text : text.slice(0, text[end - 1] === '\r' ? end - 1 : end);
  }

  /** Starts the next request; only after `complete`. */
  proceed(): void {
    if (this.state !== 'complete') throw new TypeError(`proceed() in state ${this.state}`);
    this.#emptyLines = 0;
    // Otherwise the last request would take most of the memory of an idle connection.
    this.head = undefined;
    this.forget();
    // After its first request a client is often idle for long.
    if (this.#isFirstRequest) this.#line = NO_LINE;
    this.#isFirstRequest = false;
  }

  /** Releases memory that only saves time; for idle connections. */
  rest(): void {
    this.#memo = undefined;
    if (this.state === 'start-line') this.#line = NO_LINE;
    if (!this.hasUnread) this.feed(NO_OCTETS);
  }

  protected override startLineTooLong(line: string, length: number): ErrorCode | undefined {
    const most = this.#options.maxTargetOctets + REQUEST_LINE_REST;
    if (length <= most + 1) return undefined;
    const space = line.indexOf(' ');
    return space === -1 || space > MAX_METHOD_OCTETS ? 'METHOD_TOO_LONG' : 'TARGET_TOO_LONG';
  }

  /** @param head The head of the request, if it was read to its end. */
  protected override fail(code: ErrorCode, head?: RequestHead): ParserEvent {
    this.#failedLine = this.requestLine;
    this.refusedHead = head;
    // Other protocols are recognised only at the start of a connection. A line that is too long is in #carry, not
    // #text.
    if (this.#isFirstRequest && this.state === 'start-line') {
      const [text, start] = this.text === '' ? [this.carry, 0] : [this.text, this.p];
      this.otherProtocol = otherProtocolIn(text, start, this.#emptyLines);
    }
    return super.fail(code);
  }

  // Request line, RFC 9112 §3

  protected override startLine(): Step {
    const text = this.text;
    const start = this.p;
    const first = text.charCodeAt(start);
    if (first === CR) return this.#emptyLine();
    // Refuse now, not at the end of a line that may never come: a TLS handshake begins with 0x16.
    if (IS_TOKEN[first] !== 1) return this.fail(firstOctetFault(first));
    if (this.#line === NO_LINE) this.#line = new RequestLine();
    const line = this.#line;
    const fault = line.read(text, start, this.#options.maxTargetOctets);
    if (fault !== undefined) return this.failLine(start, fault);
    this.p = line.end;
    const memo = this.#memo;
    const known = memo?.find(text, this.p, line.minorVersion);
    if (memo !== undefined && known !== undefined) {
      this.p += memo.length;
      return this.#endOfHeaderSection(known);
    }
    this.beginHeaderSection();
    return undefined;
  }

  /** §2.2: an empty line before the request line is ignored; some old clients send one after a body. */
  #emptyLine(): Step {
    const start = this.p;
    if (start + 1 >= this.text.length) return this.carryOver(start);
    if (this.text.charCodeAt(start + 1) !== LF) return this.failLine(start, 'LINE_END_INVALID');
    if (++this.#emptyLines > MAX_EMPTY_LINES) return this.fail('REQUEST_LINE_INVALID');
    this.p = start + 2;
    return undefined;
  }

  // Header section, RFC 9112 §5

  protected override headerSection(): Step {
    const text = this.text;
    this.fields ??= [];
    const step = this.fieldLines(this.fields);
    if (step !== 'end') return step;
    const section = new HeaderSection(this.fields, this.#line.minorVersion);
    // A memo would skip the question to the dialects, so a section with a bare LF is parsed again each time.
    if (this.sectionStart !== -1 && !this.#isFirstRequest && !this.hasBareLf) {
      this.#memo ??= new SectionMemo();
      this.#memo.keep(text.slice(this.sectionStart, this.p), section, this.#line.minorVersion);
    }
    return this.#endOfHeaderSection(section);
  }

  /**
   * Whether the current line may end in a bare LF. Some clients from 2022 send one, so a dialect may allow it.
   * Only after the only Host field line, and only if the standard refuses the value of that field: a standard request
   * read by two line end rules could be two requests to two servers. The Host line itself ends in CR LF.
   */
  protected override mayEndInLf(): boolean {
    if (this.state !== 'header-section') return false;
    const fields = this.fields ?? [];
    let host: string | undefined;
    for (let at = 0; at < fields.length; at += 2) {
      if (fields[at]!.toLowerCase() !== 'host') continue;
      if (host !== undefined) return false;
      host = fields[at + 1]!;
    }
    if (host === undefined || parseHost(host) !== undefined) return false;
    return this.hasBareLf || this.#options.allowsBareLf?.(host) === true;
  }

  #endOfHeaderSection(section: HeaderSection): Step {
    if (section.fault !== undefined) return this.fail(section.fault, this.#headOf(section));
    let claim: ClaimedHead | undefined;
    const fault = section.hostFault;
    if (fault !== undefined) {
      const hasBareLf = this.hasBareLf;
      // A second Host field may have followed the LF that the first one allowed.
      if (hasBareLf && fault !== 'HOST_INVALID') return this.fail('LINE_END_INVALID');
      const { method, target } = this.#line;
      claim = this.#options.claim?.({ method, target, rawHeaders: section.raw, fault }, hasBareLf);
      if (claim === undefined)
        return hasBareLf ? this.fail('LINE_END_INVALID') : this.fail(fault, this.#headOf(section));
      this.hasBareLf = false;
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
    if (framing.kind === 'none') {
      this.withoutBody();
      return 'head';
    }
    const maxBodyOctets = this.#options.bodyLimit?.(this.head!) ?? this.#options.maxBodyOctets;
    if (framing.kind === 'length') {
      if (framing.octets > maxBodyOctets) return this.fail('BODY_TOO_LARGE', this.head);
      this.beginBodyByLength(framing.octets);
    } else this.beginChunkedBody(maxBodyOctets);
    return 'head';
  }
}

function firstOctetFault(octet: number): ErrorCode {
  if (octet === LF) return 'LINE_END_INVALID';
  return octet === SP || octet === HTAB ? 'REQUEST_LINE_INVALID' : 'METHOD_INVALID';
}
