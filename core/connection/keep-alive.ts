/**
 * Whether a connection stays open for another request (RFC 9112 §9.3). Only this file decides; the connection acts on
 * the decision.
 *
 * Rule of this file: once an answer is the last one, it stays the last one.
 */
import type { Limits } from '../config/limits.js';
import type { Exchange } from '../exchange/exchange.js';
import { type Answer, isStream } from '../handlers/answer.js';
import type { RequestParser } from '../http/parser.js';
import type { ResponseFraming } from '../http/response-head.js';
import type { Inbox } from './inbox.js';

export interface KeepAliveServices {
  readonly limits: Limits;
  /** The server is stopping: every answer is the last of its connection. */
  readonly isStopping: boolean;
}

export class KeepAlive {
  readonly #services: KeepAliveServices;
  readonly #parser: RequestParser;
  readonly #inbox: Inbox;
  #isLast = false;

  constructor(services: KeepAliveServices, parser: RequestParser, inbox: Inbox) {
    this.#services = services;
    this.#parser = parser;
    this.#inbox = inbox;
  }

  /** The connection closes after the current answer, and a head that is written now says so. */
  get isLast(): boolean {
    return this.#isLast;
  }

  /** The server refuses the current request: nothing later on the connection is served. */
  refused(): void {
    this.#isLast = true;
  }

  /** An answer is about to be sent. Skips the rest of the request, as far as it is here. */
  answering(exchange: Exchange, answer: Answer): void {
    this.#isLast ||= this.#endsWith(exchange, answer);
  }

  /** The head of an answer is about to be written. If no field frames the body, the connection's end delimits it. */
  writing(framing: ResponseFraming): void {
    this.#isLast ||= framing === 'close';
  }

  /** A dialect, or an error that replaces an answer, decides for itself. */
  also(closes: boolean): void {
    this.#isLast ||= closes;
  }

  /** Whether the connection closes when the answer is written, even if part of the request is missing. */
  closesAfterAnswer(exchange: Exchange): boolean {
    return this.#isLast && !exchange.isReceived;
  }

  /** Whether the connection closes when an exchange is done. */
  get closesAfterExchange(): boolean {
    // An answer from before the stop could not say that it is the last; the answer to a pipelined request will.
    return this.#isLast || (this.#services.isStopping && !this.#inbox.hasMore);
  }

  /** Whether the connection closes between two requests. */
  get closesIdle(): boolean {
    // Its last answer may be from before the stop, and so not have said that it is the last.
    return this.#services.isStopping && !this.#parser.midRequest;
  }

  #endsWith(exchange: Exchange, answer: Answer): boolean {
    if (!exchange.request.head.section.persistent || answer.close || this.#services.isStopping) return true;
    if (this.#inbox.isAtEnd) return true;
    if (exchange.isReceived) return false;
    const event = this.#inbox.readBody(exchange.body);
    if (event === 'complete') return false;
    // A client that waits for 100 may send its body or the next request; we could not tell which.
    if (exchange.mayAwaitContinue) return true;
    // A stream may be made from the request's body while it arrives: we do not know yet whether it reads all of it.
    if (event !== 'need-data' || isStream(answer.body)) return true;
    return this.#parser.bodyLeft > this.#services.limits.maxBufferedOctets;
  }
}
