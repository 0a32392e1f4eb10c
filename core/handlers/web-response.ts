/**
 * A web `Response` as an answer. Many come from `fetch`, as they are or as `new Response(body, upstream)`, and carry
 * fields that were about the hop between this server and another.
 */

/** RFC 9110 §7.6.1. */
const OF_ONE_HOP: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
/** What `fetch` takes off a body without taking it off the fields. */
const DECODED = new Set(['gzip', 'x-gzip', 'deflate', 'br']);

/** By shape: a Response may come from another copy of the fetch implementation. */
export function isWebResponse(value: object): value is Response {
  return 'bodyUsed' in value && 'headers' in value && 'status' in value;
}

/** Its fields without those of another hop; several Set-Cookie lines stay several. */
export function endToEndHeaders({ headers, status, url }: Response): Headers {
  // Only what fetch itself returned has a URL.
  const isFetched = url !== '';
  if (!isFetched && !OF_ONE_HOP.some((name) => headers.has(name))) return headers;
  const kept = new Headers(headers);
  const connection = listOf(headers.get('connection'));
  for (const name of [...OF_ONE_HOP, ...connection]) {
    // 426 is about this very connection (RFC 9110 §15.5.22).
    if (headers.has(name) && !(name === 'upgrade' && status === 426)) kept.delete(name);
  }
  // That the other server closes its connection does not concern ours.
  if (!isFetched && connection.includes('close')) kept.set('connection', 'close');
  if (isFetched && listOf(headers.get('content-encoding')).some((coding) => DECODED.has(coding))) {
    kept.delete('content-encoding');
    kept.delete('content-length');
  }
  return kept;
}

function listOf(list: string | null): string[] {
  return list === null ? [] : list.toLowerCase().split(/[ \t]*,[ \t]*/);
}
