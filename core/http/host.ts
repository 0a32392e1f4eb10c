/** The Host field and the authority of a target: uri-host [ ":" port ], RFC 9110 §7.2 and RFC 3986 §3.2.2. */

const PORT = /^[0-9]{0,5}$/;
/** unreserved, pct-encoded and sub-delims. */
const REG_NAME = /^(?:[0-9A-Za-z._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$/;

export interface HostAndPort {
  /** As sent; an IPv6 address keeps its brackets. */
  readonly host: string;
  readonly port: string;
}

/** @returns undefined if the text is not a host with an optional port (userinfo, bad port, bad IPv6, 8-bit). */
export function parseHost(value: string): HostAndPort | undefined {
  const bracketed = value.startsWith('[');
  const colon = value.indexOf(':', bracketed ? value.indexOf(']') : 0);
  const host = colon === -1 ? value : value.slice(0, colon);
  const port = colon === -1 ? '' : value.slice(colon + 1);
  if (!PORT.test(port) || Number(port) > 65_535) return undefined;
  const valid = bracketed ? isBracketedIPv6(host) : REG_NAME.test(host);
  return valid ? { host, port } : undefined;
}

function isBracketedIPv6(host: string): boolean {
  // The URL parser accepts the IPv6address of RFC 3986; the pattern keeps other text away from it.
  return /^\[[0-9A-Fa-f:.]+\]$/.test(host) && URL.canParse(`http://${host}/`);
}
