/**
 * Pages with a bound in characters too: values may have a mebioctet each, and a thousand of them are longer than any
 * string can be. A page that would be larger ends earlier, as one may: `limit` is how many entries at the most.
 */
import {
  type Entry,
  fromClient,
  type Listing,
  type MaybePromise,
  type Page,
  type Storage,
} from '../../core/plugin-api.js';

/** Of keys and values together; as JSON up to six times as much, for a page of nothing but control characters. */
const MOST_CHARACTERS = 4_194_304;
/** Asked for before it is known how large they are. */
const ENTRIES_AT_FIRST = 100;

/** At least one entry, however large, where there is any. Errors: those of the store. */
export async function boundedPage(storage: Storage, page: Page): Promise<Listing> {
  const entries: Entry[] = [];
  let used = 0;
  let { after } = page;
  for (;;) {
    const left = page.limit - entries.length;
    const fitting = used === 0 ? ENTRIES_AT_FIRST : ((MOST_CHARACTERS - used) * entries.length) / used;
    const limit = Math.max(1, Math.min(left, Math.floor(fitting)));
    const listing = await listed(storage, { ...page, ...(after === undefined ? {} : { after }), limit });
    for (const entry of listing.entries) {
      used += charactersOf(entry);
      const last = entries.at(-1);
      if (used > MOST_CHARACTERS && last !== undefined) return { entries, next: last.created };
      entries.push(entry);
    }
    if (listing.next === undefined) return { entries };
    if (entries.length === page.limit) return { entries, next: listing.next };
    after = listing.next;
  }
}

/** `storage.list` with the prefix of a client, whose mistake it is if that is too long. */
export function listed(storage: Storage, page: Page): MaybePromise<Listing> {
  try {
    return storage.list(page);
  } catch (error) {
    throw fromClient(error);
  }
}

export function isBounded(entries: readonly Entry[]): boolean {
  let characters = 0;
  for (const entry of entries) characters += charactersOf(entry);
  return characters <= MOST_CHARACTERS;
}

function charactersOf({ key, value }: Entry): number {
  return key.length + value.length;
}
