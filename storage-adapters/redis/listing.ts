/** Pages in creation order. Each call looks at a bounded number of entries, so that no listing blocks the server. */
import type { Entry, Listing, Page } from '../../core/storage/contract.js';
import type { Link } from './link.js';
import { entriesOf, type Keys, strings } from './packed.js';
import { LIST } from './scripts.js';

const SEEN_AT_ONCE = 1_000;
const OCTETS_AT_ONCE = 4_194_304;
const ATTEMPTS = 4;

/**
 * A page from several calls may mix several moments if something was committed in between. Then read it again, the last
 * time in one unbounded call: a mixed page would be wrong, a slow one is not.
 */
export async function listPage(link: Link, keys: Keys, page: Page): Promise<Listing> {
  for (let attempt = 1; ; attempt += 1) {
    const isLast = attempt === ATTEMPTS;
    const listing = await readPage(link, keys, page, isLast ? Number.MAX_SAFE_INTEGER : SEEN_AT_ONCE);
    if (listing !== undefined) return listing;
  }
}

/** Undefined if something was committed between two calls. */
async function readPage(
  link: Link,
  { entries: hash, order, numbers }: Keys,
  { prefix = '', after = 0, limit }: Page,
  mostSeen: number,
): Promise<Listing | undefined> {
  // One entry more than the page holds: `next` is set only if the next page has an entry.
  const wanted = Math.min(limit + 1, Number.MAX_SAFE_INTEGER);
  const mostOctets = mostSeen === SEEN_AT_ONCE ? OCTETS_AT_ONCE : Number.MAX_SAFE_INTEGER;
  const found: Entry[] = [];
  let first: string | undefined;
  for (let cursor = String(after); cursor !== '' && found.length < wanted; ) {
    const args = [cursor, wanted - found.length, prefix, mostSeen, mostOctets].map(String);
    const [revision = '', last = '', ...flat] = strings(await link.run(LIST, [hash, order, numbers], args));
    first ??= revision;
    if (revision !== first) return undefined;
    found.push(...entriesOf(flat));
    cursor = last;
  }
  const entries = found.slice(0, limit);
  return found.length > limit ? { entries, next: entries[limit - 1]!.created } : { entries };
}
