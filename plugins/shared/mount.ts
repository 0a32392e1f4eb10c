/** Prefixes of paths below which a plugin handles everything. */
import { z } from 'zod';

/** `/`, or segments without a slash at the end: `/files`, `/api/v1`. No escapes, so it has one spelling. */
export const prefixSchema = z.string().regex(/^(?:\/|(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+)$/, {
  error: 'expected "/" or a path without a slash at its end, of letters, digits and "._~-" ("/files")',
});

/** The place of a mount: the prefix of the plugin's entry in the configuration, then the prefix of the mount. */
export interface MountPlace {
  /** The patterns for `handle` that match the mount itself and everything below it. */
  readonly patterns: readonly string[];
  /** Precedes every path of the mount; `''`, or segments without a slash at the end. */
  readonly base: string;
}

/**
 * @param entryPrefix As `PluginContext.prefix`.
 * @param prefix As `prefixSchema`.
 */
export function mountPlace(entryPrefix: string, prefix: string): MountPlace {
  if (prefix !== '/') return { patterns: [prefix, `${prefix}/*`], base: entryPrefix + prefix };
  // Without a prefix, `/*` matches `/` itself; with one, the path `/api` has no slash at its end.
  return { patterns: entryPrefix === '' ? ['/*'] : ['/', '/*'], base: entryPrefix };
}

/** The part of a path after a base: `''`, or a text that begins with a slash. */
export function behind(base: string, path: string): string {
  return path.slice(base.length);
}

/** The query as it was sent, with its question mark; `''` without one. */
export function queryOf(target: string): string {
  const mark = target.indexOf('?');
  return mark === -1 ? '' : target.slice(mark);
}

/**
 * Whether a program that resolves dot segments, or reads `\` or `%2F` as a slash, would still see the same path. Hooks
 * have judged the path as it is, so no other program may get a path that it reads differently.
 */
export function staysInPlace(path: string): boolean {
  // Nothing of the kind is in most paths.
  if (!/[.%\\]/.test(path)) return true;
  return !path.split(/[/\\]|%2F|%5C/i).some(isDots) && !path.includes('\\');
}

function isDots(segment: string): boolean {
  // After `;` some servers see parameters of the segment.
  const name = segment.split(/;|%3B/i, 1)[0];
  return name === '.' || name === '..';
}
