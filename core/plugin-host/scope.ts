/**
 * A plugin's claims under a path prefix of the configuration. Patterns are put behind it, hooks see only what is under
 * it. `*` becomes the prefix itself and all below; its `params['*']` is the path below, as without a prefix.
 */

import type { Handler, Hooks } from '../api/plugin.js';
import type { Request } from '../api/request.js';
import { normalisePath } from '../http/request-target.js';

export interface ScopedClaim {
  readonly pattern: string;
  readonly handler: Handler;
}

/** @param prefix `''` for none; else `/` and literal segments, no slash behind. */
export function scopedClaims(prefix: string, pattern: string, handler: Handler): readonly ScopedClaim[] {
  // What is no pattern is told by whoever reads it.
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
  // `params` is written by whoever finds the handler, which here is done in two steps.
  (request as { params: Request['params'] }).params = { ...request.params, '*': rest };
  return request;
}

/** A hook that runs for the requests under the prefix alone. */
export function scopedHook<Stage extends keyof Hooks>(prefix: string, fn: Hooks[Stage]): Hooks[Stage] {
  if (prefix === '') return fn;
  const isUnder = underPrefix(prefix);
  const scoped = (request: Request, ...more: unknown[]): unknown =>
    isUnder(request.path) ? (fn as (...args: unknown[]) => unknown)(request, ...more) : undefined;
  // The same arguments and answers as the hook that it calls.
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
