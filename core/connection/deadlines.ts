/** Which deadline of a connection is over, by its phase. */
import type { Limits } from '../config/limits.js';
import type { Exchange } from '../exchange/exchange.js';
import { PHASE } from './phases.js';
import type { Standing } from './standing.js';

/** The facts besides the phase that deadlines depend on. */
export interface UnderWay {
  readonly exchange: Exchange | undefined;
  /** A request has begun to arrive and is not complete. */
  readonly midRequest: boolean;
  /** The peer has not accepted everything that was sent. */
  readonly isBlocked: boolean;
}

/**
 * - `rest`: release the memory that only saves time.
 * - `close`, `break-off`: with and without time for the peer to read what was sent.
 * - `send-refusal`: the time of the hooks for a refusal is over.
 * - a code: refuse with it.
 */
export type Due = 'rest' | 'close' | 'break-off' | 'send-refusal' | 'REQUEST_TIMEOUT' | 'HANDLER_TIMEOUT';

const REST_AFTER_MS = 5_000;

/**
 * For all hooks of one refusal together, milliseconds. They only add a few fields; a refused client, or an overloaded
 * server, must not wait longer.
 */
const REFUSAL_HOOKS_MS = 1_000;

/** How long a closing connection still reads, so that the last answer is not lost to a reset (RFC 9112 §9.6). */
export const LINGER_MS = 2_000;

/** @param now Milliseconds, by the clock of `standing`. */
export function dueNow(limits: Limits, standing: Standing, under: UnderWay, now: number): Due | undefined {
  const inPhase = standing.inPhase(now);
  if (standing.blocked(now) > limits.writeTimeoutMs) return 'break-off';
  switch (standing.phase) {
    case PHASE.idle:
      if (inPhase > limits.idleTimeoutMs) return 'close';
      return inPhase > REST_AFTER_MS ? 'rest' : undefined;
    case PHASE.reading:
      if (!under.midRequest) return inPhase > limits.idleTimeoutMs ? 'close' : undefined;
      return standing.inRequest(now) > limits.headerTimeoutMs ? 'REQUEST_TIMEOUT' : undefined;
    case PHASE.handling:
      return under.exchange && dueOfHandler(limits, under.exchange, inPhase, standing.inRequest(now));
    case PHASE.writing:
      return under.exchange && dueOfBody(limits, under.exchange, standing.inRequest(now));
    case PHASE.draining:
      // While the last answer is being sent, the write deadline applies.
      return inPhase > LINGER_MS && !under.isBlocked ? 'break-off' : undefined;
    default:
      return undefined;
  }
}

function dueOfHandler(
  limits: Limits,
  exchange: Exchange,
  inPhase: number,
  inRequest: number,
): Due | undefined {
  if (exchange.isRefused) return inPhase > REFUSAL_HOOKS_MS ? 'send-refusal' : undefined;
  // While the body arrives, we wait for its sender and not for the handler, unless the handler does not read.
  if (!exchange.isReceived && exchange.body?.isFull !== true)
    return inRequest > limits.requestTimeoutMs ? 'REQUEST_TIMEOUT' : undefined;
  return inPhase > limits.handlerTimeoutMs ? 'HANDLER_TIMEOUT' : undefined;
}

/** The answer is chosen, and the rest of the request does not arrive. */
function dueOfBody(limits: Limits, exchange: Exchange, inRequest: number): Due | undefined {
  if (exchange.isReceived || inRequest <= limits.requestTimeoutMs) return undefined;
  if (exchange.isWritten) return 'close';
  return exchange.body?.isAwaited === true ? 'REQUEST_TIMEOUT' : undefined;
}
