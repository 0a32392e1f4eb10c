/** Rows and their meaning. Keys and values are octets of UTF-8: PostgreSQL's text cannot hold U+0000. */
import type { Entry, Position, WatchedChange } from '../../core/storage/contract.js';
import { nextMark } from '../../core/storage/polled-feed.js';
import type { Row } from './database.js';

/** Milliseconds since the epoch by the server's clock, the only clock that all servers share. */
export const NOW_MS = 'floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

export const octets = (text: string): Buffer => Buffer.from(text);

/** `bigint` arrives as text, because it may exceed the range of a number; our numbers never do. */
export function entryOf({ k, v, created, revision, expires_at: expiresAt }: Row): Entry {
  const entry = {
    key: textOf(k),
    value: textOf(v),
    created: Number(created),
    revision: Number(revision),
  };
  return expiresAt === null ? entry : { ...entry, expiresAt: Number(expiresAt) };
}

/** The keys with this prefix are those from the prefix up to this bound; undefined if there is no upper bound. */
export function behindPrefix(prefix: Buffer): Buffer | undefined {
  // UTF-8 has no octet 255, so the last octet can always be raised.
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  if (last < 0) return undefined;
  end[last] = end[last]! + 1;
  return end;
}

/** The mark comes first, so that it can be read without the rest. */
export const writtenChange = ({ puts, deletes }: WatchedChange): Buffer =>
  octets(JSON.stringify({ mark: nextMark(), puts, deletes }));

export function changeOf({ revision, change }: Row): WatchedChange {
  // Only `writtenChange` writes it. Changes of old versions have no mark.
  const { mark, puts, deletes } = JSON.parse(textOf(change)) as Omit<WatchedChange, 'revision'>;
  return { revision: Number(revision), ...(mark === undefined ? {} : { mark }), puts, deletes };
}

/** The part of a change that holds its mark. */
export const HEAD = 'substring(change FROM 1 FOR 64)';

/** The last change up to a revision; only its head was read. */
export function lastOf({ last, head }: Row): Position | undefined {
  if (last === null || last === undefined) return undefined;
  const mark = /^\{"mark":"([0-9a-f]+)"/.exec(textOf(head))?.[1];
  return mark === undefined ? { revision: Number(last) } : { revision: Number(last), mark };
}

function textOf(column: unknown): string {
  if (!Buffer.isBuffer(column)) throw new TypeError('a bytea column is expected');
  return column.toString();
}
