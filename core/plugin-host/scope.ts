/**
 * A plugin's claims under a path prefix from the configuration. Patterns get the prefix, and hooks see only requests
 * under it. `*` becomes the prefix itself and everything below; its `params['*']` is the path below, as without a
 * prefix.
 */

import type { Handler, Hooks } from '../api/plugin.js';
import type { Request } from '../api/request.js';
import { normalisePath } from '../http/request-target.js';

export interface ScopedClaim {
  readonly pattern: string;
  readonly handler: Handler;
}

/** @param prefix `''` for none; otherwise `/` and literal segments, without a trailing slash. */
export function scopedClaims(prefix: string, pattern: string, handler: Handler): readonly ScopedClaim[] {
  // The parser of patterns reports a malformed one.
  if (prefix === '' || (pattern !== '*' && !pattern.startsWith('/'))) return [{ pattern, handler }];
  if (pattern === '*') {
    const below: Handler = (request) => handler(withRest(request, `/${request.params['*'] ?? ''}`));
    return [
      { pattern: prefix, handler: below },
      { pattern: `${prefix}/*`, handler: below },
    ];
  }
  return [{ pattern: pattern === '/' ? prefix : `${prefix}${pattern}`, handler }];
}

function withRest(request: Request, rest: string): Request {
  // The registry has already written `params`; here the handler is found in a second step.
  (request as { params: Request['params'] }).params = { ...request.params, '*': rest };
  return request;
}

/** A hook that runs only for requests under the prefix. */
export function scopedHook<Stage extends keyof Hooks>(prefix: string, fn: Hooks[Stage]): Hooks[Stage] {
  if (prefix === '') return fn;
  const isUnder = underPrefix(prefix);
  const scoped = (request: Request, ...more: unknown[]): unknown =>
    isUnder(request.path) ? (fn as (...args: unknown[]) => unknown)(request, ...more) : undefined;
  // It takes the same arguments and returns the same values as the hook.
  return scoped as Hooks[Stage];
}

/** A prefix in the spelling of `request.path`; `''` for none. */
export function normalPrefix(prefix: string): string {
  return prefix === '' ? '' : (normalisePath(prefix) ?? prefix);
}

function underPrefix(prefix: string): (path: string) => boolean {
  const normal = normalPrefix(prefix);
  return (path) => path === normal || path.startsWith(`${normal}/`);
}
