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
  /** When it held them: milliseconds since the epoch. */
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

/** Takes up to so many tokens out. @param bucket Absent: it is full. */
export function draw(
  bucket: Bucket | undefined,
  limit: Limit,
  now: number,
  wanted: number,
): { readonly bucket: Bucket; readonly taken: number } {
  const full: Bucket = { tokens: limit.limit, at: now };
  // A time far ahead is no clock's: it would keep the client out until then.
  const before = bucket === undefined || bucket.at > now + limit.windowSeconds * 1_000 ? full : bucket;
  // The clock of the machine that wrote it may be a little ahead; time that it has counted is not counted again.
  const at = Math.max(before.at, now);
  const filled = Math.min(limit.limit, before.tokens + (at - before.at) * perMillisecond(limit));
  const taken = Math.min(wanted, Math.floor(filled));
  return { bucket: { tokens: filled - taken, at }, taken };
}

export function standing(bucket: Bucket, limit: Limit, isAllowed: boolean): Standing {
  return {
    isAllowed,
    remaining: Math.floor(bucket.tokens),
    fullInSeconds: Math.ceil(msUntilFull(bucket, limit) / 1_000),
    retryInSeconds:
      bucket.tokens >= 1 ? 0 : Math.max(1, Math.ceil((1 - bucket.tokens) / perMillisecond(limit) / 1_000)),
  };
}

export function msUntilFull({ tokens }: Bucket, limit: Limit): number {
  return (limit.limit - tokens) / perMillisecond(limit);
}

function perMillisecond({ limit, windowSeconds }: Limit): number {
  return limit / (windowSeconds * 1_000);
}
