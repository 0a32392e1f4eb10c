/**
 * A token bucket: full, it holds as many requests as the limit, and it fills evenly within the window. So a client may
 * use its whole limit at once, and never more than twice the limit within one window.
 */

export interface Limit {
  readonly limit: number;
  readonly windowSeconds: number;
}

export interface Bucket {
  /** The requests that it still holds; a fraction counts towards the next. */
  readonly tokens: number;
  /** The moment of that count, in milliseconds of the clock of `draw`. */
  readonly at: number;
}

/** The numbers in the answer to a client. */
export interface Verdict {
  readonly isAllowed: boolean;
  readonly remaining: number;
  /** Until the bucket is full. */
  readonly fullInSeconds: number;
  /** Until the next request passes; 0 if it would pass now. */
  readonly retryInSeconds: number;
}

/** A token that lacks only the last bits of its fraction counts as whole: clients were told to come at this moment. */
const ROUNDING = 1e-9;

/**
 * Takes up to this many tokens from a bucket.
 * @param bucket Undefined: a full one.
 * @param now Milliseconds. For a bucket of one process, of a clock that is never set; for a shared bucket, since the
 * epoch.
 */
export function draw(
  bucket: Bucket | undefined,
  limit: Limit,
  now: number,
  wanted: number,
): { readonly bucket: Bucket; readonly taken: number } {
  const full: Bucket = { tokens: limit.limit, at: now };
  // A time more than a window ahead does not come from a fast clock: the clock was set back, or the time is forged.
  // Waiting for it would keep the client out for longer than any limit says.
  const before = bucket === undefined || bucket.at > now + limit.windowSeconds * 1_000 ? full : bucket;
  // The clock of the machine that wrote it may be slightly ahead: do not count that time twice.
  const at = Math.max(before.at, now);
  const filled = Math.min(limit.limit, before.tokens + (at - before.at) * perMillisecond(limit));
  const taken = Math.min(wanted, Math.floor(filled + ROUNDING));
  return { bucket: { tokens: Math.max(0, filled - taken), at }, taken };
}

export function verdictOf(bucket: Bucket, limit: Limit, isAllowed: boolean): Verdict {
  return {
    isAllowed,
    remaining: Math.floor(bucket.tokens),
    fullInSeconds: wholeSeconds(msUntilFull(bucket, limit)),
    retryInSeconds:
      bucket.tokens >= 1 ? 0 : Math.max(1, wholeSeconds((1 - bucket.tokens) / perMillisecond(limit))),
  };
}

export function msUntilFull({ tokens }: Bucket, limit: Limit): number {
  return (limit.limit - tokens) / perMillisecond(limit);
}

/** Rounds up, but ignores the last bits of a fraction. */
function wholeSeconds(ms: number): number {
  return Math.ceil(Math.round(ms * 1_000) / 1e6);
}

function perMillisecond({ limit, windowSeconds }: Limit): number {
  return limit / (windowSeconds * 1_000);
}
