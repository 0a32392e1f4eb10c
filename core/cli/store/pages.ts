/** Reads all entries of a store in creation order, page by page, so that only one page is in memory. */

import type { MaybePromise } from '../../maybe-promise.js';
import type { Entry, Page } from '../../storage/contract.js';

export interface Listed {
  list(page: Page): MaybePromise<{ readonly entries: Entry[]; readonly next?: number }>;
}

/** The target size of a page, estimated from the page before. */
const PAGE_CHARACTERS = 1_048_576;
/** A page with large values may follow one with small values; this limits its size. A value may have 1 MiB. */
const MOST_ENTRIES = 100;

export async function* pagesOf(store: Listed, signal?: AbortSignal): AsyncGenerator<Entry[], void> {
  let limit = 1;
  for (let after: number | undefined = 0; after !== undefined; ) {
    signal?.throwIfAborted();
    const page: { readonly entries: Entry[]; readonly next?: number } = await store.list({ after, limit });
    if (page.entries.length > 0) yield page.entries;
    const characters = page.entries.reduce((sum, { key, value }) => sum + key.length + value.length + 64, 0);
    const each = characters / Math.max(1, page.entries.length);
    limit = Math.min(MOST_ENTRIES, limit * 4, Math.max(1, Math.floor(PAGE_CHARACTERS / Math.max(1, each))));
    after = page.next;
    // With adapters that return directly, signals and progress would never get a turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export async function* entriesOf(pages: AsyncIterable<Entry[]>): AsyncGenerator<Entry, void> {
  for await (const page of pages) yield* page;
}
