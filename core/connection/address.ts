/** Formats of addresses for people and other programs. */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** An address on which a server listens. */
export interface Address {
  /** The IP address; `''` for a Unix socket. */
  readonly host: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** `http://host:port` or `https://host:port`, IPv6 in brackets; `unix:/path` for a Unix socket. */
  readonly url: string;
  /** The absolute path of a Unix socket. */
  readonly socket?: string;
}

/** An IPv4 peer of an IPv6 socket counts as IPv4: `::ffff:127.0.0.1` → `127.0.0.1`. Other addresses are unchanged. */
export function plainAddress(address: string): string {
  const mapped = address.startsWith('::ffff:') ? address.slice(7) : '';
  return isIPv4(mapped) ? mapped : address;
}

/** The canonical spelling, which sockets use too; undefined if the text is not an address. */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  // A zone is meaningful only on the machine that wrote it.
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return plainAddress(new SocketAddress({ address: text, family: 'ipv6' }).address);
}

/** `host:port`, an IPv6 address in brackets. */
export function hostAndPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
