/** One request and its answer, as far as they are. */

import type { ErrorCode } from '../errors.js';
import type { ExchangeRequest } from './exchange-request.js';
import type { RequestBody } from './request-body.js';
import type { TakenConnections } from './taken-connections.js';

/** What an exchange needs of the dispatcher that answers it. */
export interface Dispatching {
  /** Called once for each exchange, when it is over. */
  closed(exchange: Exchange): void;
  /** Where connections belong that this plugin takes over. */
  takenBy(plugin: string): TakenConnections | undefined;
}

export interface Exchange {
  readonly request: ExchangeRequest;
  /** The one that began it also ends it, whatever a reload has put in its place. */
  readonly dispatcher: Dispatching;
  /** Where it is counted, if it is; a reload may have put another in its place. */
  readonly overload: { end(): void } | undefined;
  /** Absent where the request has none. */
  readonly body: RequestBody | undefined;
  /** The request has arrived whole. */
  received: boolean;
  /** An answer was chosen; no other can take its place. */
  answered: boolean;
  /** The final answer has begun on the wire: no interim one may follow. */
  headSent: boolean;
  /** The answer was handed to the transport whole. */
  sent: boolean;
  /** When it began, by `performance.now()`; 0 where nobody asks. */
  readonly startedAt: number;
  /** Of the final answer; 0 until its head is written. */
  status: number;
  /** Of the error that the final answer reports. */
  code: ErrorCode | undefined;
  /** Octets of content in the outbox so far. */
  contentOctets: number;
  /** `100 Continue` was sent (RFC 9110 §10.1.1). */
  continueSent: boolean;
  /** Octets behind the head have come, so that the client does not wait for `100 Continue`. */
  bodyBegun: boolean;
  /**
   * The end of the connection could pass for the end of a response: the body of the final one is delimited by it, or an
   * interim response was sent and no final one, which Chromium takes for an empty 200.
   */
  endLooksWhole: boolean;
}
