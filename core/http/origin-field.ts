/** The Origin field: scheme "://" host [ ":" port ], or `null` (RFC 6454 §7, Fetch §3.2). */
import { type HostAndPort, parseHost } from './host.js';

const HTTP_ORIGIN = /^(https?):\/\/([^/]+)$/i;
const DEFAULT_PORTS = { http: '80', https: '443' } as const;

/**
 * Whether an Origin field names the server that a request was sent to. False for `null`, for a list, and for schemes
 * other than `http` and `https`.
 *
 * An `https` origin also fits a request that came without TLS: a proxy that ends TLS and does not say so is common, and
 * then the page is ours. The reverse does not fit: a page that came without TLS can be anybody's.
 * @param protocol How the client sent the request.
 * @param host Host and port that the client asked for.
 */
export function isSameOrigin(origin: string, protocol: 'http' | 'https', host: string): boolean {
  const [, scheme = '', authority = ''] = HTTP_ORIGIN.exec(origin) ?? [];
  const own = parseHost(authority);
  const asked = parseHost(host);
  if (own === undefined || own.host === '' || asked === undefined) return false;
  const isSecure = scheme.toLowerCase() === 'https';
  if (protocol === 'https' && !isSecure) return false;
  const port = isSecure ? DEFAULT_PORTS.https : DEFAULT_PORTS.http;
  return nameOf(own) === nameOf(asked) && portOf(own, port) === portOf(asked, port);
}

/** In the form in which two spellings of one name are equal: case, a dot at the end, IPv6 with or without zeros. */
function nameOf({ host }: HostAndPort): string {
  const url = `http://${host}/`;
  const name = URL.canParse(url) ? new URL(url).hostname : host.toLowerCase();
  return name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name;
}

function portOf({ port }: HostAndPort, byDefault: string): string {
  return port === '' ? byDefault : String(Number(port));
}
