/**
 * What a connection has received and not worked on yet: what its parser holds, and behind that what came while it could
 * not be read. The counterpart of the outbox.
 */

import { lentCopy } from '../exchange/lent-octets.js';
import type { RequestBody } from '../exchange/request-body.js';
import type { ParserEvent } from '../http/message-parser.js';
import type { RequestParser } from '../http/parser.js';

const NO_OCTETS = Buffer.alloc(0);

export class Inbox {
  readonly #parser: RequestParser;
  /** Made when it is needed: most connections never have one, and an idle one should take little memory. */
  #backlog: Buffer[] | undefined;
  #backlogOctets = 0;
  /** What the parser reads is overwritten by the next read of any connection. */
  #isShared = false;
  #peerEnded = false;

  constructor(parser: RequestParser) {
    this.#parser = parser;
  }

  /** Whether something was received that was not worked on yet. */
  get hasMore(): boolean {
    return this.#backlog !== undefined || this.#parser.hasUnread;
  }

  /** The peer has ended its direction; what it sent before may still have to be worked on. */
  end(): void {
    this.#peerEnded = true;
  }

  get peerEnded(): boolean {
    return this.#peerEnded;
  }

  /** The peer has ended its direction, and everything that it sent was worked on. */
  get isAtEnd(): boolean {
    return this.#peerEnded && !this.hasMore;
  }

  /** Octets that wait behind what the parser holds. */
  get waiting(): number {
    return this.#backlogOctets;
  }

  /**
   * @param isShared The octets are only valid until `release`.
   * @param mustWait Somebody is in the middle of reading.
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

  /** What waits for an answer has to outlive the buffer it came in. */
  release(): void {
    if (this.#isShared && this.#parser.hasUnread) this.#parser.keep();
    this.#isShared = false;
  }

  /** Gives the parser what came next. @returns whether there was something. */
  feedNext(): boolean {
    const octets = this.#backlog?.shift();
    if (octets === undefined) return false;
    if (this.#backlog?.length === 0) this.#backlog = undefined;
    this.#backlogOctets -= octets.length;
    this.#parser.feed(octets);
    return true;
  }

  /** The run of body octets that the parser tells of, to be kept. */
  get data(): Buffer {
    return this.#isShared ? lentCopy(this.#parser.data) : this.#parser.data;
  }

  /**
   * Reads what is here of a body, at most as much as may wait. What is not wanted any more is dropped.
   * @returns `data` if there is more than may wait, otherwise the first event that is not `data`.
   */
  readBody(body: RequestBody | undefined): ParserEvent {
    for (;;) {
      const event = this.#parser.next();
      if (event !== 'data') return event;
      body?.push(this.data);
      if (body?.isFull === true && this.#parser.hasUnread) return event;
    }
  }

  /** Everything that was not read, which is nobody else's from now on. */
  takeAll(): readonly Buffer[] {
    const all = [Buffer.from(this.#parser.unread), ...(this.#backlog ?? [])];
    this.#parser.feed(NO_OCTETS);
    this.drop();
    return all;
  }

  /** Forgets what waits. */
  drop(): void {
    this.#backlog = undefined;
    this.#backlogOctets = 0;
  }
}
