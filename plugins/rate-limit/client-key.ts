/** The key that identifies a client. */
import { createHash } from 'node:crypto';
import type { Request } from '../../core/plugin-api.js';

/** @param header In lower case; undefined: use the address. A request without the header uses its address too. */
export function clientKey({ headers, remoteAddress }: Request, header?: string): string {
  const value = header === undefined ? undefined : headers[header];
  // Hashed: always the same length, and a reader of the store learns no key.
  if (value !== undefined) return `#${createHash('sha256').update(value).digest('base64url')}`;
  return addressKey(remoteAddress);
}

/**
 * An IPv4 address, or the /64 of an IPv6 address: a subscriber has at least that, and could otherwise count as 2^64
 * clients.
 */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (address === '') return 'unix';
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.replace(/%.*$/, '').toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  // Each group of a "::" is zero; a last part with dots stands for two.
  const groups = right.length + left.length + (address.includes('.') ? 1 : 0);
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - groups) }, () => '0');
  const first = [...left, ...zeros, ...right].slice(0, 4);
  return `${first.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`;
}
