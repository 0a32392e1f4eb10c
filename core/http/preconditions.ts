/** Conditional requests, RFC 9110 §13: what a client asks for is only done while its condition holds. */
import { matchesStrongly, matchesWeakly } from './entity-tag.js';
import { parseHttpDate } from './http-date.js';

/** What tells one state of a resource from another, RFC 9110 §8.8. */
export interface Validators {
  /** With its quotes. */
  readonly etag: string | undefined;
  /** Milliseconds since 1970. */
  readonly lastModified: number | undefined;
}

/**
 * - `perform`: the condition holds, or there is none.
 * - `not-modified`: 304, the client has what it asks for.
 * - `failed`: 412.
 */
export type Verdict = 'perform' | 'not-modified' | 'failed';

type Fields = Readonly<Record<string, string | undefined>>;

/**
 * In the order of §13.2.2; If-Range stands with the ranges.
 * @param current Of the resource as it is; undefined where there is none.
 * @param isRead Whether the method is GET or HEAD.
 */
export function evaluatePreconditions(
  headers: Fields,
  current: Validators | undefined,
  isRead: boolean,
): Verdict {
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined) {
    if (!isMatch(ifMatch, current, matchesStrongly)) return 'failed';
  } else if (isNewer(current, headers['if-unmodified-since']) === true) return 'failed';
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) {
    if (isMatch(ifNoneMatch, current, matchesWeakly)) return isRead ? 'not-modified' : 'failed';
  } else if (isRead && isNewer(current, headers['if-modified-since']) === false) return 'not-modified';
  return 'perform';
}

/**
 * If-Range, §13.1.5: whether the part that is asked for fits what the client has.
 * @param now Milliseconds since 1970.
 */
export function mayBePartial(ifRange: string | undefined, current: Validators, now = Date.now()): boolean {
  if (ifRange === undefined) return true;
  const { etag, lastModified } = current;
  if (ifRange.includes('"')) return etag !== undefined && matchesStrongly(ifRange, etag);
  const date = parseHttpDate(ifRange);
  if (date === undefined || lastModified === undefined || date !== wholeSeconds(lastModified)) return false;
  // A date is only strong when the second it names is over (§8.8.2.2): the file may change twice in one.
  return now - date >= 1_000;
}

function isMatch(
  list: string,
  current: Validators | undefined,
  matches: (list: string, etag: string) => boolean,
): boolean {
  if (list.trim() === '*') return current !== undefined;
  return current?.etag !== undefined && matches(list, current.etag);
}

/** @returns undefined where one of the dates is not known or none: the condition is ignored (§13.1.3, §13.1.4). */
function isNewer(current: Validators | undefined, since: string | undefined): boolean | undefined {
  if (since === undefined || current?.lastModified === undefined) return undefined;
  const date = parseHttpDate(since);
  return date === undefined ? undefined : wholeSeconds(current.lastModified) > date;
}

/** An HTTP-date knows nothing smaller. */
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
