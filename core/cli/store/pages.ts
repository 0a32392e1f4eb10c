/** Every entry of a store in creation order, page by page, so that no more than a page is in memory. */

import type { MaybePromise } from '../../maybe-promise.js';
import type { Entry, Page } from '../../storage/contract.js';

export interface Listed {
  list(page: Page): MaybePromise<{ readonly entries: Entry[]; readonly next?: number }>;
}

/** What a page is to hold about, going by the page before. */
const PAGE_CHARACTERS = 1_048_576;
/** Values may have a mebioctet each, and large ones may follow small ones: this bounds what a page can be then. */
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
    // Adapters that answer at once would keep signals and progress waiting.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export async function* entriesOf(pages: AsyncIterable<Entry[]>): AsyncGenerator<Entry, void> {
  for await (const page of pages) yield* page;
}
