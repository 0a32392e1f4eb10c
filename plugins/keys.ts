/**
 * `/keys/:key`: GET, PUT and DELETE one entry under conditions; `/keys`: the entries in pages, as JSON.
 * Source: RFC 9110 §9.3 (methods), §8.8.3 and §13.1 (ETag, If-Match, If-None-Match); RFC 8288 (Link); RFC 8594 (Sunset).
 * Errors: ENTRY_NOT_FOUND, PRECONDITION_FAILED, QUERY_INVALID, PARTIAL_PUT_UNSUPPORTED, BODY_NOT_TEXT,
 * CHARSET_UNSUPPORTED, CONTENT_CODING_UNSUPPORTED, LENGTH_REQUIRED and those of the store.
 */
import { crc32 } from 'node:zlib';
import {
  type Change,
  type Committed,
  definePlugin,
  type Entry,
  JackfieldError,
  precondition,
  type Request,
  type ResponseParts,
  type Storage,
} from '../core/plugin-api.js';
import { boundedPage } from './shared/bounded-page.js';
import { ofClient } from './shared/of-client.js';
import { readPageQuery, strangeParameter, targetOfNext, wholeNumber } from './shared/page-query.js';
import { mustHaveBody, mustNotBeCoded } from './shared/stored-body.js';

type KeyRequest = Request<{ readonly key: string }>;

/** The default size of a page: with values of a few KiB, some hundred KiB. */
const DEFAULT_LIMIT = 100;
/** 100 years: later dates are unsafe in an HTTP-date. */
const MAX_TTL_MS = 3_155_760_000_000;

export default definePlugin({
  name: 'keys',
  setup({ handle, storage, prefix }) {
    handle('GET', '/keys', async (request) => page(storage, request));
    handle('GET', '/keys/:key', ({ params: { key } }) => {
      const found = ofClient(() => storage.get(key));
      // A store in memory returns directly; then so does the handler.
      return found instanceof Promise ? found.then(shown) : shown(found);
    });
    handle('PUT', '/keys/:key', (request) => put(storage, request, `${prefix}/keys`));
    handle('DELETE', '/keys/:key', (request) => remove(storage, request));
  },
});

/** The core itself answers 304 and 412 if an answer has a validator. */
function shown(entry: Entry | undefined): ResponseParts {
  if (entry === undefined) throw new JackfieldError('ENTRY_NOT_FOUND');
  return { headers: headersOf(entry), body: entry.value };
}

async function page(storage: Storage, request: Request): Promise<ResponseParts> {
  const asked = readPageQuery(request);
  if ('refusal' in asked) throw new JackfieldError('QUERY_INVALID', asked.refusal);
  const whole = { ...asked, limit: asked.limit ?? DEFAULT_LIMIT };
  const { entries, next } = await boundedPage(storage, whole);
  const link = next === undefined ? {} : { Link: `<${targetOfNext(request.path, whole, next)}>; rel="next"` };
  return {
    headers: { 'Cache-Control': 'no-cache', ...link },
    json: {
      entries: entries.map((entry) => ({ ...entry, etag: etagOf(entry) })),
      next,
    },
  };
}

async function put(storage: Storage, request: KeyRequest, folder: string): Promise<ResponseParts> {
  const { key } = request.params;
  const ttlMs = timeToLive(request.query);
  if (request.headers['content-range'] !== undefined) throw new JackfieldError('PARTIAL_PUT_UNSUPPORTED');
  const value = await valueIn(request);
  const change = { puts: [ttlMs === undefined ? { key, value } : { key, value, ttlMs }] };
  const { previous, revision } = await commitIf(storage, request, change);
  const headers = { ETag: etagOf({ revision, value }) };
  if (previous.has(key)) return { status: 204, headers };
  return { status: 201, headers: { ...headers, Location: `${folder}/${encodeURIComponent(key)}` } };
}

async function remove(storage: Storage, request: KeyRequest): Promise<ResponseParts> {
  const { key } = request.params;
  const refusal = strangeParameter(request.query, []);
  if (refusal !== undefined) throw new JackfieldError('QUERY_INVALID', refusal);
  const { previous } = await commitIf(storage, request, { deletes: [key] });
  if (previous.has(key)) return { status: 204 };
  throw new JackfieldError('ENTRY_NOT_FOUND');
}

/**
 * Makes the change while the conditions of the request hold. They are judged, and checked by the store, against the
 * same revision.
 */
async function commitIf(
  storage: Storage,
  request: KeyRequest,
  change: Omit<Change, 'checks'>,
): Promise<Committed> {
  const { key } = request.params;
  const { headers } = request;
  if (headers['if-match'] === undefined && headers['if-none-match'] === undefined) {
    return ofClient(() => storage.commit(change));
  }
  for (;;) {
    const entry = await ofClient(() => storage.get(key));
    // Conditions do not apply if the answer would be 404 without them (RFC 9110 §13.2.1).
    if (entry === undefined && change.puts === undefined) throw new JackfieldError('ENTRY_NOT_FOUND');
    precondition(request, entry && { etag: etagOf(entry) });
    const checks = [{ key, revision: entry?.revision ?? 0 }];
    const result = await ofClient(() => storage.commit({ ...change, checks }));
    if (result.ok) return result;
    // Another commit was faster. It need not break the condition (`If-Match: *`), so judge it again. Each failed round
    // is another commit that succeeded.
    request.signal.throwIfAborted();
  }
}

/**
 * Revisions are counted per commit, so no two states of an entry share one. But a store in memory restarts its
 * revisions, and a client may still have an old tag. So the tag also contains the checksum of the value. A plain
 * checksum is enough, since nobody gains from a value with the same one.
 */
function etagOf({ revision, value }: Pick<Entry, 'revision' | 'value'>): string {
  return `"${revision}-${crc32(value)}"`;
}

function headersOf(entry: Entry): Record<string, string> {
  const headers = {
    // Caches may keep it, but must ask each time: an entry can change at any moment.
    'Cache-Control': 'no-cache',
    ETag: etagOf(entry),
    'Content-Type': 'text/plain; charset=utf-8',
    // A value can be any text, also one that a browser would show as a page of this server.
    'X-Content-Type-Options': 'nosniff',
  };
  const { expiresAt } = entry;
  if (expiresAt === undefined) return headers;
  // An HTTP-date has whole seconds. Round up: until then the entry may exist.
  return { ...headers, Sunset: new Date(Math.ceil(expiresAt / 1_000) * 1_000).toUTCString() };
}

function timeToLive(query: URLSearchParams): number | undefined {
  const refusal = strangeParameter(query, ['ttlMs']);
  if (refusal !== undefined) throw new JackfieldError('QUERY_INVALID', refusal);
  const ttlMs = wholeNumber(query.get('ttlMs'));
  if (ttlMs === undefined || (ttlMs >= 1 && ttlMs <= MAX_TTL_MS)) return ttlMs;
  throw new JackfieldError(
    'QUERY_INVALID',
    `The query parameter ttlMs is not a whole number of milliseconds from 1 to ${MAX_TTL_MS}.`,
  );
}

/** UTF-8. GET returns the same octets, so a byte order mark stays too. */
async function valueIn(request: KeyRequest): Promise<string> {
  const charset =
    /;\s*charset\s*=\s*"?([^\s";]*)/i.exec(request.headers['content-type'] ?? '')?.[1] ?? 'utf-8';
  if (!/^(?:utf-?8|us-ascii)$/i.test(charset)) {
    throw new JackfieldError('CHARSET_UNSUPPORTED', `${charset}; values are UTF-8.`);
  }
  mustNotBeCoded(request);
  mustHaveBody(request);
  const octets = await request.bytes();
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch (cause) {
    throw new JackfieldError('BODY_NOT_TEXT', '', { cause });
  }
}
