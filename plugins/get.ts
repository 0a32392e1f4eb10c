/**
 * GET `/`: the entries in creation order, as text or as a JSON object, complete or in pages.
 * Source: the classic protocol, rule 7; RFC 9110 §12.5.1 (Accept); RFC 8288 (Link).
 * Errors: 400 for an invalid query, and those of the store.
 */
import {
  definePlugin,
  type Entry,
  type Listing,
  type Page,
  type ResponseParts,
  type Storage,
} from '../core/plugin-api.js';
import { boundedPage } from './shared/bounded-page.js';
import { preferredType } from './shared/negotiation.js';
import { type PageQuery, readPageQuery, targetOfNext, WHOLE_LISTING } from './shared/page-query.js';

/** A form of the listing: the text before, between and after the entries. */
interface Form {
  readonly headers: Readonly<Record<string, string>>;
  readonly empty: string;
  readonly opening: string;
  readonly between: string;
  readonly closing: string;
  entry(entry: Entry): string;
}

/** In the server's own order of preference. */
const TYPES = ['text/plain', 'application/json'] as const;

/** Caches must ask each time: without the field, some keep a 200 for minutes, and an entry can change at any moment. */
function headersFor(type: string): Readonly<Record<string, string>> {
  return Object.freeze({ 'Content-Type': type, 'Cache-Control': 'no-cache', Vary: 'Accept' });
}

const FORMS = {
  'text/plain': {
    headers: headersFor('text/plain; charset=utf-8'),
    empty: 'No data in DB',
    opening: 'The data in DB is as follows. \n\n',
    between: '\n\n',
    closing: '',
    entry: ({ key, value }) => `${key}:${value}`,
  },
  // Written without `JSON.stringify` of an object: an object would move keys like "1" to the front and lose a key like
  // "__proto__".
  'application/json': {
    headers: headersFor('application/json'),
    empty: '{}',
    opening: '{',
    between: ',',
    closing: '}',
    entry: ({ key, value }) => `${JSON.stringify(key)}:${JSON.stringify(value)}`,
  },
} as const satisfies Record<(typeof TYPES)[number], Form>;

/** Entries per read of a streamed listing: some ten KiB of usual entries. */
const ENTRIES_PER_READ = 256;

/** Like every error of the server. */
const REFUSAL_HEADERS = Object.freeze({ 'Cache-Control': 'no-store' });

/** The size of one piece of a streamed listing. */
const PIECE_CHARACTERS = 262_144;

export default definePlugin({
  name: 'get',
  setup({ handle, storage, prefix }) {
    // The path of this plugin, for links.
    const path = prefix === '' ? '/' : prefix;
    handle('GET', '/', (request) => {
      // Most requests have no query, and creating a URLSearchParams would be the most expensive step.
      const query = request.target.includes('?') ? readPageQuery(request) : WHOLE_LISTING;
      if ('refusal' in query) return { status: 400, headers: REFUSAL_HEADERS, body: query.refusal };

      const form = FORMS[preferredType(request.headers.accept, TYPES)];
      const page = pageOf(query, query.after);
      const listing = boundedPage(storage, page);
      // A store in memory returns directly; then create no promise.
      return 'entries' in listing
        ? answer(storage, path, query, form, listing)
        : listing.then((settled) => answer(storage, path, query, form, settled));
    });
  },
});

function answer(
  storage: Storage,
  path: string,
  query: PageQuery,
  form: Form,
  listing: Listing,
): ResponseParts {
  const { headers } = form;
  if (listing.next === undefined) return { headers, body: textOf(form, listing.entries) };
  if (query.limit === undefined) return { headers, body: stream(storage, query, form, listing) };
  const link = `<${targetOfNext(path, query, listing.next)}>; rel="next"`;
  return { headers: { ...headers, Link: link }, body: textOf(form, listing.entries) };
}

function textOf(form: Form, entries: readonly Entry[]): string {
  return entries.length === 0 ? form.empty : form.opening + joined(form, entries) + form.closing;
}

/** Holds one page and one piece of text at a time, for a listing of any length and a client of any speed. */
async function* stream(
  storage: Storage,
  query: PageQuery,
  form: Form,
  first: Listing,
): AsyncGenerator<string> {
  let started = false;
  for (
    let listing = first;
    ;
    listing = await boundedPage(storage, pageOf(query, listing.next), listing.entries)
  ) {
    // A page can be empty if its entries were deleted or expired since the previous one was read.
    for (const text of piecesOf(form, listing.entries)) {
      yield (started ? form.between : form.opening) + text;
      started = true;
    }
    if (listing.next === undefined) break;
  }
  yield started ? form.closing : form.empty;
}

/** Joins small entries; each large one is a piece. */
function* piecesOf(form: Form, entries: readonly Entry[]): Generator<string> {
  let text = '';
  for (const entry of entries) {
    text += text === '' ? form.entry(entry) : form.between + form.entry(entry);
    if (text.length < PIECE_CHARACTERS) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

function joined(form: Form, entries: readonly Entry[]): string {
  let text = '';
  for (const entry of entries) text += text === '' ? form.entry(entry) : form.between + form.entry(entry);
  return text;
}

function pageOf({ prefix, limit = ENTRIES_PER_READ }: PageQuery, after: number | undefined): Page {
  return after === undefined ? { prefix, limit } : { prefix, after, limit };
}
