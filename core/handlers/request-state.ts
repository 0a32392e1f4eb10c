/**
 * Values that travel with a request, from the plugin that finds something out to those that use it. Whoever holds the
 * state object may read and write; there are no names that could clash.
 */
import { ExchangeRequest } from '../connection/exchange-request.js';
import type { Request } from '../plugin-api.js';

/** One kind of value, at most one of it per request. */
export interface RequestState<T> {
  get(request: Request<unknown>): T | undefined;
  set(request: Request<unknown>, value: T): void;
}

/** The value is gone with the request. A request that was forwarded under another method has the same values. */
export function requestState<T>(): RequestState<T> {
  const values = new WeakMap<object, T>();
  return {
    get: (request) => values.get(keyOf(request)),
    set: (request, value) => void values.set(keyOf(request), value),
  };
}

/** What all views of one request share; that of a test may be any object. */
function keyOf(request: Request<unknown>): object {
  return request instanceof ExchangeRequest ? request.head : request;
}

/** What the core's own log lines about a request carry beside what they say themselves. */
export const logFields = requestState<Readonly<Record<string, unknown>>>();
