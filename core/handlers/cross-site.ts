/**
 * Requests that a page of another site makes a browser send. A browser asks nobody before it posts a form, and sends
 * cookies and remembered credentials along; only the reading of the answer needs permission. So such a request is
 * refused where it could change something, unless the server says that the page may.
 *
 * Two fields give it away, which a page can neither set nor remove: `Sec-Fetch-Site` (Fetch Metadata §2.3) and `Origin`
 * (Fetch §3.2). A program sends neither, and is not concerned.
 */
import type { ExchangeRequest } from '../exchange/exchange-request.js';
import { isSameOrigin } from '../http/origin-field.js';

/** RFC 9110 §9.2.1; QUERY: RFC 10008 §2. A method that is not registered there may do anything. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']);

/**
 * What shows that a request comes from a page of another origin and could change something: the origin with the host
 * that it differs from, or `Sec-Fetch-Site` with its value. Undefined for every other request.
 */
export function crossSiteSign(request: ExchangeRequest): string | undefined {
  const { section, claim } = request.head;
  if (!section.fromBrowser) return undefined;
  // No CORS keeps a page of another site from a WebSocket, whose handshake is a GET (RFC 6455 §10.2).
  if (SAFE.has(request.method) && !section.upgrades) return undefined;
  const { origin, 'sec-fetch-site': site } = section.record;
  const host = claim?.host ?? request.effectiveHost ?? '';
  if (origin !== undefined && !isSameOrigin(origin, request.protocol, host)) {
    // Browsers send `null` for forms of our own pages too, where the referrer policy of the page is `no-referrer`.
    // The host shows whether a proxy has changed it.
    if (origin !== 'null' || site !== 'same-origin') return `${origin}, sent to ${host || 'no host'}`;
  }
  return site !== undefined && /(?:cross|same)-site/i.test(site)
    ? (origin ?? `Sec-Fetch-Site: ${site}`)
    : undefined;
}
