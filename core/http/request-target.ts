/** The four forms of a request target, RFC 9112 §3.2, and the path in its normal spelling. */
import { parseHost } from './host.js';
import { HEX_VALUE } from './octets.js';

export interface RequestTarget {
  /** What the registry is asked for: normalised; `*` for `OPTIONS *`, the authority itself for CONNECT. */
  readonly path: string;
  /** What follows the first `?`, as sent; `''` without one. */
  readonly query: string;
  /** The authority of the absolute form, which replaces the Host field (§3.2.2). */
  readonly authority?: string;
}

/**
 * The scheme is case-insensitive (RFC 3986 §3.1). An https resource is only to be had over TLS (RFC 9110 §7.4), which is
 * not spoken here.
 */
const ABSOLUTE = /^http:\/\/([^/?]*)([^?]*)(?:\?(.*))?$/i;

/**
 * Every form but the plain origin form without escapes, which the parser reads in passing.
 * @returns undefined where the target is none of the four forms or not one that this method may have.
 */
export function parseTarget(method: string, target: string): RequestTarget | undefined {
  if (method === 'CONNECT') return authorityForm(target);
  if (target.startsWith('/')) {
    const mark = target.indexOf('?');
    const path = normalisePath(mark === -1 ? target : target.slice(0, mark));
    return path === undefined ? undefined : { path, query: mark === -1 ? '' : target.slice(mark + 1) };
  }
  if (target === '*') return method === 'OPTIONS' ? { path: '*', query: '' } : undefined;
  const [whole, authority = '', path = '', query = ''] = ABSOLUTE.exec(target) ?? [];
  // An http URI with an empty host is invalid (RFC 9110 §4.2.1); userinfo fails the same check (§4.2.4).
  if (whole === undefined || !isAuthority(authority)) return undefined;
  const normal = normalisePath(path === '' ? '/' : path);
  return normal === undefined ? undefined : { path: normal, query, authority };
}

function authorityForm(target: string): RequestTarget | undefined {
  // The port is not optional here (RFC 9112 §3.2.3).
  const parsed = isAuthority(target) ? parseHost(target) : undefined;
  return parsed === undefined || parsed.port === '' ? undefined : { path: target, query: '' };
}

function isAuthority(text: string): boolean {
  const parsed = parseHost(text);
  return parsed !== undefined && parsed.host !== '';
}

const UNRESERVED = /[0-9A-Za-z._~-]/;

/**
 * One spelling per path (RFC 3986 §6.2.2): escapes of unreserved characters are resolved, others get upper-case
 * digits, so that a guard for `/admin` also stands before `/%61dmin`. Dot segments are left alone: no two
 * patterns can be confused by them, and `..` is a legal key.
 * @returns undefined where a `%` is not followed by two hexadecimal digits.
 */
export function normalisePath(path: string): string | undefined {
  if (!path.includes('%')) return path;
  let normal = '';
  for (let at = 0; at < path.length; at++) {
    if (path[at] !== '%') {
      normal += path[at];
      continue;
    }
    const high = HEX_VALUE[path.charCodeAt(at + 1)] ?? 255;
    const low = HEX_VALUE[path.charCodeAt(at + 2)] ?? 255;
    if (high === 255 || low === 255) return undefined;
    const character = String.fromCharCode(high * 16 + low);
    normal += UNRESERVED.test(character) ? character : path.slice(at, at + 3).toUpperCase();
    at += 2;
  }
  return normal;
}
