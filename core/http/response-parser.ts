/**
 * The response parser: octets in, events out, RFC 9112. It adds to `message-parser.ts` the status line and the framing
 * of responses, and is as strict as the parser of requests: what it accepts is sent on to clients.
 *
 * One exception: the space after the status code may be missing if there is no reason phrase (§4 requires it). gunicorn
 * writes such a line for WSGI applications that set the status `200`.
 */
import type { ErrorCode } from '../errors.js';
import {
  MessageParser,
  NO_OCTETS,
  type ParserEvent,
  type SectionLimits,
  type Step,
} from './message-parser.js';
import { CR, IS_FIELD_VALUE, LF, SP } from './octets.js';
import { ReceivedHead } from './received-head.js';

/** Longer than any reason phrase that somebody writes. */
const MAX_STATUS_LINE_OCTETS = 4_096;
/** `HTTP/1.1 200` */
const STATUS_END = 12;

/**
 * The last head that parsers with this memo have read. A server repeats its heads octet for octet until its clock
 * ticks, and an equal head has an equal judgement.
 */
export class HeadMemo {
  text = '';
  head: ReceivedHead | undefined;
}

export class ResponseParser extends MessageParser {
  readonly #memo: HeadMemo | undefined;
  #headStart = -1;
  #status = 0;
  #reason = '';
  #minorVersion: 0 | 1 = 1;
  #method = '';
  #isLast = false;

  /** Valid from `head` until the next one. */
  head: ReceivedHead | undefined;

  /** @param memo Shared by the connections to one server. */
  constructor(limits: SectionLimits, memo?: HeadMemo) {
    super(limits);
    this.#memo = memo;
  }

  /**
   * A request was sent; only at the beginning and after `complete`. An interim response is a `head` too, after which
   * the next one is read.
   * @param method Of the request: a response to HEAD has no body, and 2xx to CONNECT begins a tunnel.
   */
  expect(method: string): void {
    this.#method = method;
    this.#isLast = false;
    this.head = undefined;
    this.forget();
  }

  /** Whether another response may follow this one on the connection. */
  get isLast(): boolean {
    return this.#isLast;
  }

  /** Whether any octet of a response was read since `expect`. */
  get hasBegun(): boolean {
    return this.state !== 'start-line' || this.carry !== '' || this.head !== undefined;
  }

  /**
   * The connection has ended in order; only after `need-data`.
   * @returns whether the response is whole. It is not if only some of it came (RFC 9112 §8).
   */
  end(): boolean {
    if (this.state === 'body-to-end') this.state = 'complete';
    return this.state === 'complete';
  }

  protected override startLineTooLong(_line: string, length: number): ErrorCode | undefined {
    // A CR that has not met its LF yet may belong to the end of the line.
    return length > MAX_STATUS_LINE_OCTETS + 1 ? 'STATUS_LINE_INVALID' : undefined;
  }

  // Status line, RFC 9112 §4

  protected override startLine(): Step {
    const { text, p: start } = this;
    const known = this.#memo?.head;
    if (known !== undefined) {
      const { length } = this.#memo!.text;
      // A slice is a pointer and equality compares memory.
      if (text.slice(start, start + length) === this.#memo!.text) {
        this.p += length;
        return this.#endOfHead(known);
      }
    }
    const given = text.slice(start, start + STATUS_END);
    // Another protocol is refused at once: it may never send the end of a line.
    if (!'HTTP/1.'.startsWith(given.slice(0, 7))) return this.fail('STATUS_LINE_INVALID');
    let p = start + STATUS_END;
    while (IS_FIELD_VALUE[text.charCodeAt(p)] === 1) p++;
    if (p - start > MAX_STATUS_LINE_OCTETS) return this.fail('STATUS_LINE_INVALID');
    if (text.charCodeAt(p) !== CR || text.charCodeAt(p + 1) !== LF)
      return this.failLine(start, 'STATUS_LINE_INVALID');
    const status = /^HTTP\/1\.[0-9] [1-5][0-9][0-9]$/.test(given) ? Number(given.slice(9)) : 0;
    const hasReason = p > start + STATUS_END;
    if (status === 0 || (hasReason && text.charCodeAt(start + STATUS_END) !== SP))
      return this.failLine(start, 'STATUS_LINE_INVALID');
    this.#status = status;
    this.#reason = hasReason ? text.slice(start + STATUS_END + 1, p) : '';
    // A later minor version is read as HTTP/1.1 (RFC 9110 §2.5).
    this.#minorVersion = given[7] === '0' ? 0 : 1;
    this.p = p + 2;
    this.#headStart = start;
    this.beginHeaderSection();
    return undefined;
  }

  protected override headerSection(): Step {
    this.fields ??= [];
    const step = this.fieldLines(this.fields);
    if (step !== 'end') return step;
    const head = new ReceivedHead(this.#status, this.#reason, this.#minorVersion, this.fields);
    if (head.fault !== undefined) return this.fail(head.fault);
    if (this.#memo !== undefined && this.sectionStart !== -1 && !head.isInterim) {
      this.#memo.text = this.text.slice(this.#headStart, this.p);
      this.#memo.head = head;
    }
    return this.#endOfHead(head);
  }

  #endOfHead(head: ReceivedHead): ParserEvent {
    this.head = head;
    if (head.isInterim) {
      this.forget();
      return 'head';
    }
    const isTunnel = head.status === 101 || (this.#method === 'CONNECT' && head.status < 300);
    const framing = this.#method === 'HEAD' || isTunnel ? NO_BODY : head.framing;
    this.#isLast = !head.persistent || isTunnel || framing.kind === 'to-end';
    switch (framing.kind) {
      case 'none':
        this.withoutBody();
        break;
      case 'length':
        this.beginBodyByLength(framing.octets);
        break;
      case 'chunked':
        this.beginChunkedBody(Number.MAX_SAFE_INTEGER);
        break;
      case 'to-end':
        this.beginBodyToEnd();
        break;
    }
    return 'head';
  }

  /** @returns a copy of what was fed and not read; it is not read any more. */
  takeUnread(): Buffer {
    const unread = Buffer.from(this.unread);
    this.feed(NO_OCTETS);
    return unread;
  }
}

const NO_BODY = { kind: 'none' } as const;
