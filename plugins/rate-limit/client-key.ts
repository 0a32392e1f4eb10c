/** The key that identifies a client. */
import { createHash, createHmac } from 'node:crypto';
import type { Request } from '../../core/plugin-api.js';

/** @param header In lower case; undefined: use the address. A request without the header uses its address too. */
export function clientKey({ headers, remoteAddress }: Request, header?: string): string {
  const value = header === undefined ? undefined : headers[header];
  // Hashed, so that it always has the same length.
  if (value !== undefined) return `#${createHash('sha256').update(value).digest('base64url')}`;
  return addressKey(remoteAddress);
}

/**
 * Codes for keys in a store, which others may read. There are few enough IPv4 addresses to try them all, so a plain hash
 * would hide none.
 */
export function clientCode(secret: string): (key: string) => string {
  return (key) => createHmac('sha256', secret).update(key).digest('base64url');
}

/**
 * An IPv4 address, or the /64 of an IPv6 address: a subscriber has at least that, and could otherwise count as 2^64
 * clients. An IPv6 address that a translator or a tunnel made from an IPv4 address counts as that: all clients of a
 * NAT64 share one /64, and a client of 6to4 has 65,536 of them.
 */
export function addressKey(address: string): string {
  if (address === '') return 'unix';
  if (!address.includes(':')) return address;
  const groups = groupsOf(address);
  return embedded(groups) ?? `${groups.slice(0, 4).map(hex).join(':')}::/64`;
}

/** What precedes an IPv4 address in the last 32 bits. */
const BEFORE_IPV4 = new Set([
  '0:0:0:0:0:ffff', // IPv4-mapped, RFC 4291 §2.5.5.2
  '0:0:0:0:ffff:0', // IPv4-translated, RFC 2765 §2.1
  '64:ff9b:0:0:0:0', // NAT64, RFC 6052 §2.1
]);

/** The IPv4 address in an IPv6 address; in a prefix for local NAT64, whose layout is unknown, the whole address. */
function embedded(groups: readonly number[]): string | undefined {
  const [first = 0, second = 0, third = 0] = groups;
  const [high = 0, low = 0] = groups.slice(6);
  if (first === 0x2002) return ipv4(second, third); // 6to4, RFC 3056 §2
  if (first === 0x2001 && second === 0) return ipv4(high ^ 0xffff, low ^ 0xffff); // Teredo, RFC 4380 §4
  const prefix = groups.slice(0, 6).map(hex).join(':');
  if (prefix.startsWith('64:ff9b:1:')) return groups.map(hex).join(':'); // RFC 8215 §3
  return BEFORE_IPV4.has(prefix) ? ipv4(high, low) : undefined;
}

/** The eight groups of an IPv6 address, without its zone. */
function groupsOf(address: string): number[] {
  const plain = address
    .replace(/%.*$/, '')
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...octets: string[]) => {
      const [a = 0, b = 0, c = 0, d = 0] = octets.slice(0, 4).map(Number);
      return `${hex(a * 256 + b)}:${hex(c * 256 + d)}`;
    });
  const [left = [], right = []] = plain
    .split('::')
    .map((part) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))));
  return [...left, ...Array<number>(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
}

function hex(group: number): string {
  return group.toString(16);
}

function ipv4(high: number, low: number): string {
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}
