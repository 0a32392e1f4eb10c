/** Which deadline of a connection is over, by where it stands. */
import type { Limits } from '../config/limits.js';
import { PHASE, type Phase } from './phases.js';
import type { ServedExchange } from './served-exchange.js';

/** Where a connection stands. Times in milliseconds. */
export interface Standing {
  readonly phase: Phase;
  readonly inPhase: number;
  /** Since the first octet of the request under way came. */
  readonly inRequest: number;
  /** Since the peer has taken nothing; 0 while it keeps up. */
  readonly blocked: number;
  readonly isBlocked: boolean;
  readonly midRequest: boolean;
  readonly exchange: ServedExchange | undefined;
}

/**
 * - `rest`: give back the memory that only serves speed.
 * - `close`, `break-off`: with and without the peer's time to read what was sent.
 * - `send-refusal`: the hooks that work on a refusal have had their time.
 * - a code: refuse with it.
 */
export type Due = 'rest' | 'close' | 'break-off' | 'send-refusal' | 'REQUEST_TIMEOUT' | 'HANDLER_TIMEOUT';

const REST_AFTER_MS = 5_000;

/**
 * For all hooks of one refusal together, milliseconds. They add a few fields; a client that is refused, or a server
 * with too much to do, must not wait for more.
 */
const REFUSAL_HOOKS_MS = 1_000;

/** How long a closing connection still reads, so that the last answer is not lost to a reset (RFC 9112 §9.6). */
export const LINGER_MS = 2_000;

export function dueNow(limits: Limits, standing: Standing): Due | undefined {
  const { phase, inPhase, inRequest, blocked, isBlocked, midRequest } = standing;
  if (blocked > limits.writeTimeoutMs) return 'break-off';
  switch (phase) {
    case PHASE.idle:
      if (inPhase > limits.idleTimeoutMs) return 'close';
      return inPhase > REST_AFTER_MS ? 'rest' : undefined;
    case PHASE.reading:
      if (!midRequest) return inPhase > limits.idleTimeoutMs ? 'close' : undefined;
      return inRequest > limits.headerTimeoutMs ? 'REQUEST_TIMEOUT' : undefined;
    case PHASE.handling:
      return dueOfHandler(limits, standing);
    case PHASE.writing:
      return dueOfBody(limits, standing);
    case PHASE.draining:
      // As long as the last answer is on its way it is the write deadline that counts.
      return inPhase > LINGER_MS && !isBlocked ? 'break-off' : undefined;
    default:
      return undefined;
  }
}

function dueOfHandler(limits: Limits, { exchange, inPhase, inRequest }: Standing): Due | undefined {
  if (exchange === undefined) return undefined;
  if (exchange.refusal !== undefined) return inPhase > REFUSAL_HOOKS_MS ? 'send-refusal' : undefined;
  // While the body is still on its way its sender is waited for, not the handler, unless the handler holds it up.
  if (!exchange.received && exchange.body?.isFull !== true)
    return inRequest > limits.requestTimeoutMs ? 'REQUEST_TIMEOUT' : undefined;
  return inPhase > limits.handlerTimeoutMs ? 'HANDLER_TIMEOUT' : undefined;
}

/** The answer is chosen, and the rest of the request does not come. */
function dueOfBody(limits: Limits, { exchange, inRequest }: Standing): Due | undefined {
  if (exchange === undefined || exchange.received || inRequest <= limits.requestTimeoutMs) return undefined;
  if (exchange.sent) return 'close';
  return exchange.body?.isAwaited === true ? 'REQUEST_TIMEOUT' : undefined;
}
