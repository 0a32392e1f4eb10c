/**
 * Requests that a page of another site makes a browser send. A browser posts a form without asking, and sends cookies
 * and remembered credentials with it; only reading the answer needs permission. So such a request is refused if it
 * could change something, unless the server allows the page.
 *
 * Two fields show it, and a page can neither set nor remove them: `Sec-Fetch-Site` (Fetch Metadata §2.3) and `Origin`
 * (Fetch §3.2). Other programs send neither, so their requests are not checked.
 */
import type { ExchangeRequest } from '../exchange/exchange-request.js';
import { isSameOrigin } from '../http/origin-field.js';

/** RFC 9110 §9.2.1; QUERY: RFC 10008 §2. Any other method may change something. */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY']);

/**
 * The sign that a request comes from a page of another origin and could change something: the origin and the host that
 * it differs from, or `Sec-Fetch-Site` with its value. Undefined for every other request.
 */
export function crossSiteSign(request: ExchangeRequest): string | undefined {
  const { section, claim } = request.head;
  if (!section.fromBrowser) return undefined;
  // CORS does not protect WebSockets: their handshake is a GET that any page may send (RFC 6455 §10.2).
  if (SAFE.has(request.method) && !section.upgrades) return undefined;
  const { origin, 'sec-fetch-site': site } = section.record;
  const host = claim?.host ?? request.effectiveHost ?? '';
  if (origin !== undefined && !isSameOrigin(origin, request.protocol, host)) {
    // Browsers send `null` for forms of our own pages too, if the page has the referrer policy `no-referrer`. The
    // message names the host because a proxy may have changed it.
    if (origin !== 'null' || site !== 'same-origin') return `${origin}, sent to ${host || 'no host'}`;
  }
  return site !== undefined && /(?:cross|same)-site/i.test(site)
    ? (origin ?? `Sec-Fetch-Site: ${site}`)
    : undefined;
}
