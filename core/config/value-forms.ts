/** The forms of values in a configuration: names, addresses, prefixes. */
import { isIP } from 'node:net';
import { normalisePath } from '../http/request-target.js';

/** A name or address as in a Host field, without its port. */
export function isHostName(text: string): boolean {
  const bracketed = /^\[(.*)\]$/.exec(text)?.[1];
  return bracketed === undefined ? /^[\w.-]+$/.test(text) : isIP(bracketed) === 6;
}

/** A name or address for a listening socket; IPv6 addresses have no brackets here. */
export function isListenHost(text: string): boolean {
  return isIP(text) !== 0 || /^[\w.-]+$/.test(text);
}

/** The beginning of a path, without characters that are special in a pattern. */
export function isPrefix(text: string): boolean {
  return /^(?:\/[^/?#\s:*][^/?#\s]*)+$/.test(text) && normalisePath(text) !== undefined;
}

/** An address, or the first address of a range and the number of bits that all addresses of the range share. */
export function isAddressRange(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || address.includes('%') || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}
