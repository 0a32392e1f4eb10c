/** The Origin field: scheme "://" host [ ":" port ], or `null` (RFC 6454 §7, Fetch §3.2). */
import { type HostAndPort, parseHost } from './host.js';

const HTTP_ORIGIN = /^(https?):\/\/([^/]+)$/i;
const DEFAULT_PORTS = { http: '80', https: '443' } as const;

/**
 * Whether an Origin field names the server that got the request. False for `null`, for a list, and for schemes other
 * than `http` and `https`.
 *
 * An `https` origin also matches a request without TLS: many proxies end TLS and do not say so, and then the page is
 * ours. The reverse does not match: anybody on the network can forge a page that came without TLS.
 * @param protocol The protocol that the client used.
 * @param host Host and port that the client wants.
 */
export function isSameOrigin(origin: string, protocol: 'http' | 'https', host: string): boolean {
  const [, scheme = '', authority = ''] = HTTP_ORIGIN.exec(origin) ?? [];
  const own = parseHost(authority);
  const requested = parseHost(host);
  if (own === undefined || own.host === '' || requested === undefined) return false;
  const isSecure = scheme.toLowerCase() === 'https';
  if (protocol === 'https' && !isSecure) return false;
  const port = isSecure ? DEFAULT_PORTS.https : DEFAULT_PORTS.http;
  return nameOf(own) === nameOf(requested) && portOf(own, port) === portOf(requested, port);
}

/** Normalises the name: case, a dot at the end, IPv6 with or without zeros. */
function nameOf({ host }: HostAndPort): string {
  const url = `http://${host}/`;
  const name = URL.canParse(url) ? new URL(url).hostname : host.toLowerCase();
  return name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name;
}

function portOf({ port }: HostAndPort, byDefault: string): string {
  return port === '' ? byDefault : String(Number(port));
}
