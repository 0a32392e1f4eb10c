/** The four forms of a request target, RFC 9112 §3.2, and the normal spelling of the path. */
import { parseHost } from './host.js';
import { HEX_VALUE } from './octets.js';

export interface RequestTarget {
  /** The path to look up in the registry: normalised; `*` for `OPTIONS *`, the authority itself for CONNECT. */
  readonly path: string;
  /** The text after the first `?`, as sent; `''` without one. */
  readonly query: string;
  /** The authority of the absolute form, which replaces the Host field (§3.2.2). */
  readonly authority?: string;
  /** The absolute form of an https URI, which only a TLS connection may answer (RFC 9110 §7.4). */
  readonly needsTls?: boolean;
}

/** The scheme is case-insensitive (RFC 3986 §3.1). */
const ABSOLUTE = /^http(s?):\/\/([^/?]*)([^?]*)(?:\?(.*))?$/i;

/**
 * Parses every form except the plain origin form without escapes, which `RequestLine` reads itself.
 * @returns undefined if the target is none of the four forms, or if its method does not allow this form.
 */
export function parseTarget(method: string, target: string): RequestTarget | undefined {
  if (method === 'CONNECT') return authorityForm(target);
  if (target.startsWith('/')) {
    const mark = target.indexOf('?');
    const path = normalisePath(mark === -1 ? target : target.slice(0, mark));
    return path === undefined ? undefined : { path, query: mark === -1 ? '' : target.slice(mark + 1) };
  }
  if (target === '*') return method === 'OPTIONS' ? { path: '*', query: '' } : undefined;
  const [whole, secure = '', authority = '', path = '', query = ''] = ABSOLUTE.exec(target) ?? [];
  // An http URI with an empty host is invalid (RFC 9110 §4.2.1); userinfo fails the same check (§4.2.4).
  if (whole === undefined || !isAuthority(authority)) return undefined;
  const normal = normalisePath(path === '' ? '/' : path);
  return normal === undefined ? undefined : { path: normal, query, authority, needsTls: secure !== '' };
}

function authorityForm(target: string): RequestTarget | undefined {
  // The port is required here (RFC 9112 §3.2.3), and it must be possible to connect to it (RFC 9110 §9.3.6).
  const parsed = isAuthority(target) ? parseHost(target) : undefined;
  return parsed === undefined || Number(parsed.port) === 0 ? undefined : { path: target, query: '' };
}

function isAuthority(text: string): boolean {
  const parsed = parseHost(text);
  return parsed !== undefined && parsed.host !== '';
}

const UNRESERVED = /[0-9A-Za-z._~-]/;

/**
 * Gives each path one spelling (RFC 3986 §6.2.2): escapes of unreserved characters are decoded, others get upper-case
 * digits, so a guard for `/admin` also protects `/%61dmin`. Dot segments are left alone: they cannot confuse two
 * patterns, and `..` is a legal key.
 * @returns undefined if a `%` is not followed by two hexadecimal digits.
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
