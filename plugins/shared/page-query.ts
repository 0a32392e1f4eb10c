/** The part of the listing that a request asks for: `?prefix=&after=&limit=`. */

export interface PageQuery {
  /** Only keys that begin with these characters; `''` is every key. */
  readonly prefix: string;
  /** Only entries that were created after the one with this number. */
  readonly after?: number;
  /** The maximum number of entries, 1 to 1,000; without it, all of them. */
  readonly limit?: number;
}

export const WHOLE_LISTING: PageQuery = { prefix: '' };

/** A whole page is held in memory. To read more, take the next page, or the stream, which has no limit. */
const MAX_LIMIT = 1000;
const NAMES: readonly string[] = ['prefix', 'after', 'limit'];

/** Refuse anything unknown: a misread parameter could silently return the wrong entries. */
export function readPageQuery({ query, target }: Asked): PageQuery | { readonly refusal: string } {
  const refusal = strangeParameter(query, NAMES) ?? misreadText({ query, target });
  if (refusal !== undefined) return { refusal };
  const prefix = query.get('prefix') ?? '';
  const after = wholeNumber(query.get('after'));
  const limit = wholeNumber(query.get('limit'));
  if (Number.isNaN(after))
    return { refusal: 'The query parameter after is not a whole number of at least 0.' };
  if (limit !== undefined && !(limit >= 1 && limit <= MAX_LIMIT)) {
    return { refusal: `The query parameter limit is not a whole number from 1 to ${MAX_LIMIT}.` };
  }
  return { prefix, ...(after === undefined ? {} : { after }), ...(limit === undefined ? {} : { limit }) };
}

/** The parts of a request that a query is read from. */
interface Asked {
  readonly query: URLSearchParams;
  readonly target: string;
}

/** `URLSearchParams` reads octets that are not UTF-8 as U+FFFD, a character that keys may contain too. */
export function misreadText({ query, target }: Asked): string | undefined {
  if (![...query.values()].some((value) => value.includes('\ufffd'))) return undefined;
  try {
    decodeURIComponent(target.slice(target.indexOf('?')));
    return undefined;
  } catch {
    return 'The query is not percent-encoded UTF-8 text.';
  }
}

/** The target of the next page, under the same path. */
export function targetOfNext(path: string, { prefix, limit }: PageQuery, next: number): string {
  const first = prefix === '' ? '' : `prefix=${encodeURIComponent(prefix)}&`;
  return `${path}?${first}after=${next}&limit=${limit}`;
}

/** The fault in the names of a query, as a sentence; undefined if each is known and occurs once. */
export function strangeParameter(query: URLSearchParams, known: readonly string[]): string | undefined {
  for (const name of query.keys()) {
    if (!known.includes(name)) {
      return `There is no query parameter ${JSON.stringify(name)} here, only ${inWords(known)}.`;
    }
    if (query.getAll(name).length > 1) return `The query parameter ${name} occurs twice.`;
  }
  return undefined;
}

/** `a, b and c` */
function inWords(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** NaN if it is not a whole number, or too large to be exact; undefined for no text. */
export function wholeNumber(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : Number.NaN;
}
