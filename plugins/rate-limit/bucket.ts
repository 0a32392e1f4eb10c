/**
 * A token bucket: full it holds as many requests as the limit says, and it fills evenly within the window. So a client may
 * use all of its limit at once, and never more than twice the limit within one window.
 */

export interface Limit {
  readonly limit: number;
  readonly windowSeconds: number;
}

export interface Bucket {
  /** Requests that it still holds; a fraction is on its way to the next. */
  readonly tokens: number;
  /** When it held them, in milliseconds of the clock that `draw` is given. */
  readonly at: number;
}

/** What a client is told. */
export interface Standing {
  readonly isAllowed: boolean;
  readonly remaining: number;
  /** Until the bucket is full. */
  readonly fullInSeconds: number;
  /** Until the next request passes; 0 where it would now. */
  readonly retryInSeconds: number;
}

/** A token that is whole but for the last bits of its fraction is whole: that is when clients were told to come. */
const ROUNDING = 1e-9;

/**
 * Takes up to so many tokens out.
 * @param bucket Absent: it is full.
 * @param now Milliseconds. For a bucket of one process, of a clock that is never set; for one that several processes share,
 * since the epoch.
 */
export function draw(
  bucket: Bucket | undefined,
  limit: Limit,
  now: number,
  wanted: number,
): { readonly bucket: Bucket; readonly taken: number } {
  const full: Bucket = { tokens: limit.limit, at: now };
  // A time more than a window ahead is not that of a clock that runs fast: the clock has been set back, or the time was
  // made up. Waiting for it would keep the client out for longer than any limit says.
  const before = bucket === undefined || bucket.at > now + limit.windowSeconds * 1_000 ? full : bucket;
  // The clock of the machine that wrote it may run a little ahead: do not count again what it has counted.
  const at = Math.max(before.at, now);
  const filled = Math.min(limit.limit, before.tokens + (at - before.at) * perMillisecond(limit));
  const taken = Math.min(wanted, Math.floor(filled + ROUNDING));
  return { bucket: { tokens: Math.max(0, filled - taken), at }, taken };
}

export function standing(bucket: Bucket, limit: Limit, isAllowed: boolean): Standing {
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

/** Rounded up, but not for the sake of the last bits of a fraction. */
function wholeSeconds(ms: number): number {
  return Math.ceil(Math.round(ms * 1_000) / 1e6);
}

function perMillisecond({ limit, windowSeconds }: Limit): number {
  return limit / (windowSeconds * 1_000);
}
