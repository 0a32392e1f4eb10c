/** Addresses as people and other programs read them. */
import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** Where a server listens. */
export interface Address {
  /** As an IP address; `''` for a Unix socket. */
  readonly host: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** `http://host:port` or `https://host:port`, IPv6 in brackets; `unix:/path` for a Unix socket. */
  readonly url: string;
  /** The absolute path of a Unix socket. */
  readonly socket?: string;
}

/** An IPv4 peer of an IPv6 socket is an IPv4 peer: `::ffff:127.0.0.1` → `127.0.0.1`. Anything else stays. */
export function plainAddress(address: string): string {
  const mapped = address.startsWith('::ffff:') ? address.slice(7) : '';
  return isIPv4(mapped) ? mapped : address;
}

/** The one spelling that sockets use too; undefined where the text is no address. */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  // A zone means something on the machine that wrote it, and nothing here.
  if (!isIPv6(text) || text.includes('%')) return undefined;
  return plainAddress(new SocketAddress({ address: text, family: 'ipv6' }).address);
}

/** `host:port`, an IPv6 address in brackets. */
export function hostAndPort(host: string, port: number): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
