/**
 * Pages with a bound in characters too: values may have a mebibyte each, and a thousand of them are longer than any
 * string can be. A page that would be larger ends earlier, which is allowed: `limit` is a maximum.
 */
import type { Entry, Listing, MaybePromise, Page, Storage } from '../../core/plugin-api.js';
import { ofClient } from './of-client.js';

/**
 * Characters of keys and values together. JSON can take up to six times as much, for a page of control characters only.
 */
const MOST_CHARACTERS = 4_194_304;
/** The first read, before any size is known: at worst 16 MiB, if values have a mebibyte each. */
const ENTRIES_AT_FIRST = 16;

/**
 * Holds at least one entry, however large, if there is any. Returns directly, without a promise, if the store does.
 * @param before Entries of the previous page: their size decides how many to read.
 * Errors: those of the store.
 */
export function boundedPage(
  storage: Storage,
  page: Page,
  before: readonly Entry[] = [],
): MaybePromise<Listing> {
  const limit = fitting(MOST_CHARACTERS, before.length, before.length === 0 ? 0 : charactersIn(before));
  const first = ofClient(() => storage.list({ ...page, limit: Math.min(page.limit, limit) }));
  // Most listings end here, at no further cost.
  if ('entries' in first && first.next === undefined && isBounded(first.entries)) return first;
  return grown(storage, page, first);
}

/** Reads as many more entries as fit, judging by the size of the earlier ones. */
function grown(storage: Storage, page: Page, first: MaybePromise<Listing>): MaybePromise<Listing> {
  const entries: Entry[] = [];
  let used = 0;

  /** @returns the page once it is complete. */
  const take = (listing: Listing): Listing | undefined => {
    for (const entry of listing.entries) {
      used += charactersOf(entry);
      const last = entries.at(-1);
      if (used > MOST_CHARACTERS && last !== undefined) return { entries, next: last.created };
      entries.push(entry);
    }
    if (listing.next === undefined) return { entries };
    return entries.length === page.limit ? { entries, next: listing.next } : undefined;
  };
  const more = (after: number): MaybePromise<Listing> => {
    const limit = fitting(MOST_CHARACTERS - used, entries.length, used);
    return ofClient(() =>
      storage.list({ ...page, after, limit: Math.min(page.limit - entries.length, limit) }),
    );
  };
  const goOn = (listing: MaybePromise<Listing>): MaybePromise<Listing> => {
    for (let one = listing; ; ) {
      if (!('entries' in one)) return one.then((settled) => goOn(settled));
      const whole = take(one);
      if (whole !== undefined) return whole;
      // `take` asks for more only if the store has returned `next`.
      one = more(one.next ?? 0);
    }
  };
  return goOn(first);
}

/** How many entries have so many characters, if they are like `count` entries with `used`. At least 1. */
function fitting(characters: number, count: number, used: number): number {
  return used === 0 ? ENTRIES_AT_FIRST : Math.max(1, Math.floor((characters * count) / used));
}

function isBounded(entries: readonly Entry[]): boolean {
  return charactersIn(entries) <= MOST_CHARACTERS;
}

function charactersIn(entries: readonly Entry[]): number {
  let characters = 0;
  for (const entry of entries) characters += charactersOf(entry);
  return characters;
}

function charactersOf({ key, value }: Entry): number {
  return key.length + value.length;
}
