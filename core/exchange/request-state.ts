/**
 * Values that travel with a request, from the plugin that finds something out to those that use it. Whoever holds the
 * state object may read and write; there are no names that could clash.
 */

import type { Request } from '../api/request.js';
import { ExchangeRequest } from './exchange-request.js';

/** One kind of value, at most one of it per request. */
export interface RequestState<T> {
  get(request: Request<unknown>): T | undefined;
  set(request: Request<unknown>, value: T): void;
}

/**
 * The value is gone with the request. A request that was forwarded under another method has the same values.
 * @param sharedAs Every copy of a module that gives this name means the same values, also in another version and with
 * another copy of jackfield: for packages that others may have installed twice. Begin it with the name of the package.
 * Without, the values are of this one object.
 */
export function requestState<T>(sharedAs?: string): RequestState<T> {
  // A property, not a WeakMap: its entries cost the garbage collector more than all the rest of a state.
  const key = sharedAs === undefined ? Symbol('state') : Symbol.for(`jackfield.state.${sharedAs}`);
  return {
    // Set by this function alone, of this copy or another; whoever shares a name shares the type.
    get: (request) => Reflect.get(keyOf(request), key) as T | undefined,
    set: (request, value) => void Reflect.set(keyOf(request), key, value),
  };
}

/** What all views of one request share; that of a test may be any object. */
function keyOf(request: Request<unknown>): object {
  return request instanceof ExchangeRequest ? request.head : request;
}

/** What the core's own log lines about a request carry beside what they say themselves. */
export const logFields = requestState<Readonly<Record<string, unknown>>>('jackfield:log-fields');
