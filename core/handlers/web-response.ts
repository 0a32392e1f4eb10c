/**
 * A web `Response` as an answer. Many come from `fetch`, directly or as `new Response(body, upstream)`, and have fields
 * about the hop between this server and another.
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
/** Codings that `fetch` decodes without removing them from the fields. */
const DECODED = new Set(['gzip', 'x-gzip', 'deflate', 'br']);

/** Checked by shape: a Response may come from another copy of the fetch implementation. */
export function isWebResponse(value: object): value is Response {
  return 'bodyUsed' in value && 'headers' in value && 'status' in value;
}

/** Its fields without those of the other hop; several Set-Cookie lines stay separate. */
export function endToEndHeaders({ headers, status, url }: Response): Headers {
  // Only a result of fetch itself has a URL.
  const isFetched = url !== '';
  if (!isFetched && !OF_ONE_HOP.some((name) => headers.has(name))) return headers;
  const kept = new Headers(headers);
  const connection = listOf(headers.get('connection'));
  for (const name of [...OF_ONE_HOP, ...connection]) {
    // 426 is about this connection (RFC 9110 §15.5.22).
    if (headers.has(name) && !(name === 'upgrade' && status === 426)) kept.delete(name);
  }
  // Our connection stays open even if the other server closes its own.
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
