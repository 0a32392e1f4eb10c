/** Pages in creation order. */
import { type Entry, type Listing, type Page, StorageError } from '../../core/storage/contract.js';
import { BEHIND_LAST, type Databases, readEntry } from './databases.js';
import { numberKey } from './records.js';

/** After so many entries in a row without the prefix, look up the keys with the prefix by name instead. */
const PASSED_OVER = 1_000;

export function listPage(
  databases: Databases,
  { prefix = '', after = 0, limit }: Page,
  now: number,
): Listing {
  const beginning = Buffer.from(prefix);
  const entries: Entry[] = [];
  let passedOver = 0;
  for (const { key, value } of databases.created.getRange({
    start: numberKey(after + 1),
    end: BEHIND_LAST,
  })) {
    if (!beginsWith(value, beginning)) {
      passedOver += 1;
      if (passedOver < PASSED_OVER) continue;
      const behind = Buffer.from(key).readDoubleBE(0);
      return joined(entries, limit, byName(databases, beginning, behind, limit - entries.length + 1, now));
    }
    const entry = entryAt(databases, Buffer.from(value));
    if (!isLive(entry, now)) continue;
    // Look for one entry more than the page holds: `next` is set only if the next page has an entry.
    if (entries.length === limit) return { entries, next: entries[limit - 1]!.created };
    entries.push(entry);
  }
  return { entries };
}

function joined(entries: readonly Entry[], limit: number, more: readonly Entry[]): Listing {
  const all = [...entries, ...more];
  if (all.length <= limit) return { entries: all };
  return { entries: all.slice(0, limit), next: all[limit - 1]!.created };
}

/**
 * The first `count` entries with the prefix that were created after `after`. Costs as much as the prefix has entries,
 * and holds at most twice the page.
 */
function byName(databases: Databases, prefix: Buffer, after: number, count: number, now: number): Entry[] {
  let found: Entry[] = [];
  const keepFirst = () => {
    found = found.sort((one, other) => one.created - other.created).slice(0, count);
  };
  for (const { key } of databases.entries.getRange({ start: prefix })) {
    const octets = Buffer.from(key);
    if (!beginsWith(octets, prefix)) break;
    const entry = entryAt(databases, octets);
    if (entry.created <= after || !isLive(entry, now)) continue;
    found.push(entry);
    if (found.length >= 2 * count) keepFirst();
  }
  keepFirst();
  return found;
}

function entryAt(databases: Databases, key: Buffer): Entry {
  const entry = readEntry(databases, key);
  if (entry !== undefined) return entry;
  const named = JSON.stringify(key.toString().slice(0, 40));
  throw new StorageError('STORAGE_CORRUPT', `${named} is only in the creation order.`);
}

function isLive({ expiresAt }: Entry, now: number): boolean {
  return expiresAt === undefined || expiresAt > now;
}

function beginsWith(octets: Buffer, prefix: Buffer): boolean {
  return octets.length >= prefix.length && octets.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}
