/**
 * Received octets that were not processed yet: those in the parser, and after them those that arrived while it could
 * not read. The counterpart of the outbox.
 */
import { lentCopy } from '../exchange/lent-octets.js';
import type { RequestBody } from '../exchange/request-body.js';
import type { ParserEvent } from '../http/message-parser.js';
import type { RequestParser } from '../http/parser.js';

const NO_OCTETS = Buffer.alloc(0);

export class Inbox {
  readonly #parser: RequestParser;
  /** Created when needed: most connections never have one, and an idle connection should use little memory. */
  #backlog: Buffer[] | undefined;
  #backlogOctets = 0;
  /** The parser's octets are in the shared buffer; the next read of any connection overwrites them. */
  #isShared = false;
  #peerEnded = false;

  constructor(parser: RequestParser) {
    this.#parser = parser;
  }

  /** Whether there are octets that were not processed yet. */
  get hasMore(): boolean {
    return this.#backlog !== undefined || this.#parser.hasUnread;
  }

  /** The peer has ended its sending side; earlier octets may still have to be processed. */
  end(): void {
    this.#peerEnded = true;
  }

  get peerEnded(): boolean {
    return this.#peerEnded;
  }

  /** The peer has ended its sending side, and all its octets were processed. */
  get isAtEnd(): boolean {
    return this.#peerEnded && !this.hasMore;
  }

  /** Octets that wait after those in the parser. */
  get waiting(): number {
    return this.#backlogOctets;
  }

  /**
   * @param isShared The octets are valid only until `release`.
   * @param mustWait The pump is already reading.
   * @returns whether the parser has them; otherwise they wait.
   */
  receive(octets: Buffer, length: number, isShared: boolean, mustWait: boolean): boolean {
    if (mustWait || this.hasMore) {
      this.#backlog ??= [];
      this.#backlog.push(isShared ? Buffer.from(octets.subarray(0, length)) : octets.subarray(0, length));
      this.#backlogOctets += length;
      return false;
    }
    this.#isShared = isShared;
    this.#parser.feed(octets, length);
    return true;
  }

  /** Copies octets that must wait for an answer out of the shared buffer. */
  release(): void {
    if (this.#isShared && this.#parser.hasUnread) this.#parser.keep();
    this.#isShared = false;
  }

  /** Passes the next octets to the parser. @returns whether there were any. */
  feedNext(): boolean {
    const octets = this.#backlog?.shift();
    if (octets === undefined) return false;
    if (this.#backlog?.length === 0) this.#backlog = undefined;
    this.#backlogOctets -= octets.length;
    this.#parser.feed(octets);
    return true;
  }

  /** The parser's current run of body octets, safe to keep. */
  get data(): Buffer {
    return this.#isShared ? lentCopy(this.#parser.data) : this.#parser.data;
  }

  /**
   * Reads the part of a body that is here, up to the buffer limit. Drops octets that nobody wants.
   * @returns `data` if there is more than the limit, otherwise the first event that is not `data`.
   */
  readBody(body: RequestBody | undefined): ParserEvent {
    for (;;) {
      const event = this.#parser.next();
      if (event !== 'data') return event;
      body?.push(this.data);
      if (body?.isFull === true && this.#parser.hasUnread) return event;
    }
  }

  /** Removes and returns all unread octets. */
  takeAll(): readonly Buffer[] {
    const all = [Buffer.from(this.#parser.unread), ...(this.#backlog ?? [])];
    this.#parser.feed(NO_OCTETS);
    this.drop();
    return all;
  }

  /** Drops the waiting octets. */
  drop(): void {
    this.#backlog = undefined;
    this.#backlogOctets = 0;
  }
}
