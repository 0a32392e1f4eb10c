/** Conditional requests, RFC 9110 §13: the method is performed only if the condition holds. */
import { matchesStrongly, matchesWeakly } from './entity-tag.js';
import { parseHttpDate } from './http-date.js';

/** The values that distinguish two states of a resource, RFC 9110 §8.8. */
export interface Validators {
  /** With its quotes. */
  readonly etag: string | undefined;
  /** Milliseconds since 1970. */
  readonly lastModified: number | undefined;
}

/**
 * - `perform`: the condition holds, or there is none.
 * - `not-modified`: 304, the client's copy is current.
 * - `failed`: 412.
 */
export type Verdict = 'perform' | 'not-modified' | 'failed';

type Fields = Readonly<Record<string, string | undefined>>;

/**
 * Evaluates the fields in the order of §13.2.2. If-Range is part of the range code.
 * @param current Validators of the resource; undefined if it does not exist.
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
 * If-Range, §13.1.5: whether the requested part belongs to the version that the client has.
 * @param now Milliseconds since 1970.
 */
export function mayBePartial(ifRange: string | undefined, current: Validators, now = Date.now()): boolean {
  if (ifRange === undefined) return true;
  const { etag, lastModified } = current;
  if (ifRange.includes('"')) return etag !== undefined && matchesStrongly(ifRange, etag);
  const date = parseHttpDate(ifRange);
  if (date === undefined || lastModified === undefined || date !== wholeSeconds(lastModified)) return false;
  // A date is strong only when its second is over (§8.8.2.2): the file may change twice in one second.
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

/** @returns undefined if a date is missing or invalid: then the condition is ignored (§13.1.3, §13.1.4). */
function isNewer(current: Validators | undefined, since: string | undefined): boolean | undefined {
  if (since === undefined || current?.lastModified === undefined) return undefined;
  const date = parseHttpDate(since);
  return date === undefined ? undefined : wholeSeconds(current.lastModified) > date;
}

/** An HTTP-date has no unit smaller than a second. */
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}
