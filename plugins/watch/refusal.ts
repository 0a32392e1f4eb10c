/**
 * Refusals in the one form after which `EventSource` connects again: a 200 that ends, with the time to wait.
 * Source: the HTML standard, §9.2.3: every other status makes it give up, and it does not read Retry-After.
 */
import type { ResponseParts, ShownResponse } from '../../core/plugin-api.js';

export const EVENT_FIELDS = Object.freeze({
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // RFC 10036: intermediaries forward each part as it comes.
  Incremental: '?1',
  // The same for nginx, which buffers responses unless this field says no.
  'X-Accel-Buffering': 'no',
});

/** Milliseconds until a client that was cut off comes back. */
const RETRY_MS = 1_000;
/** Likewise after a refusal that names no time. */
const REFUSED_RETRY_MS = 5_000;
/** A day: browsers read larger numbers, but a client that waits longer than this seems dead. */
const MAX_RETRY_MS = 86_400_000;

/** The line that sets the time to wait. Up to half as much again by chance: all clients of a server are cut off at once. */
export function retryLine(ms = RETRY_MS): string {
  const base = Math.min(ms, MAX_RETRY_MS);
  return `retry: ${Math.round(base * (1 + Math.random() / 2))}\n`;
}

/** Whether the same request may succeed later, whatever the client does. */
export function isPassing(status: number | undefined): boolean {
  return status !== undefined && (status === 429 || status >= 500);
}

/** An event `failure` with the refusal, and the end. It has no id, so the client comes back with the one it had. */
export function comeAgain({ status, headers, body }: ShownResponse): ResponseParts {
  const after = Number(headers['retry-after']);
  const ms = Number.isFinite(after) && after > 0 ? after * 1_000 : REFUSED_RETRY_MS;
  const message = typeof body === 'string' ? body : '';
  return {
    headers: EVENT_FIELDS,
    body: `${retryLine(ms)}event: failure\ndata: ${JSON.stringify({ status, message })}\n\n`,
  };
}
