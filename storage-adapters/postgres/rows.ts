/** Rows and what they mean. Keys and values are octets of UTF-8: PostgreSQL's text cannot hold U+0000. */
import type { Entry, WatchedChange } from '../../core/storage/contract.js';
import type { Row } from './database.js';

/** Milliseconds since the epoch by the server's clock, which is the one that all who share the data have. */
export const NOW_MS = 'floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint';

export const octets = (text: string): Buffer => Buffer.from(text);

/** `bigint` arrives as text, because it may be more than a number can be; ours never is. */
export function entryOf({ k, v, created, revision, expires_at: expiresAt }: Row): Entry {
  const entry = {
    key: textOf(k),
    value: textOf(v),
    created: Number(created),
    revision: Number(revision),
  };
  return expiresAt === null ? entry : { ...entry, expiresAt: Number(expiresAt) };
}

/** The keys with this prefix are those from it on and before this; undefined where nothing stands behind them. */
export function behindPrefix(prefix: Buffer): Buffer | undefined {
  // UTF-8 has no octet 255, so the last one can always be raised.
  const end = Buffer.from(prefix);
  const last = end.length - 1;
  if (last < 0) return undefined;
  end[last] = end[last]! + 1;
  return end;
}

export const writtenChange = ({ puts, deletes }: WatchedChange): Buffer =>
  octets(JSON.stringify({ puts, deletes }));

export function changeOf({ revision, change }: Row): WatchedChange {
  // Written by `writtenChange` alone.
  const { puts, deletes } = JSON.parse(textOf(change)) as Omit<WatchedChange, 'revision'>;
  return { revision: Number(revision), puts, deletes };
}

function textOf(column: unknown): string {
  if (!Buffer.isBuffer(column)) throw new TypeError('a column of octets is expected');
  return column.toString();
}
