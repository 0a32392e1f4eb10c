/**
 * Values that travel with a request, from the plugin that finds them to the plugins that use them. Code that has the
 * state object may read and write; there are no names that could clash.
 */

import type { Request } from '../api/request.js';
import { ExchangeRequest } from './exchange-request.js';

/** One kind of value; at most one per request. */
export interface RequestState<T> {
  get(request: Request<unknown>): T | undefined;
  set(request: Request<unknown>, value: T): void;
}

/**
 * The value is released with the request. A request that was forwarded under another method has the same values.
 * @param sharedAs Every copy of a module with this name shares the same values, also another version and with another
 *   copy of jackfield: for packages that may be installed twice. Begin it with the name of the package. Without it, the
 *   values belong to this object only.
 */
export function requestState<T>(sharedAs?: string): RequestState<T> {
  // A property, not a WeakMap: its entries cost the garbage collector more than all the rest of a state.
  const key = sharedAs === undefined ? Symbol('state') : Symbol.for(`jackfield.state.${sharedAs}`);
  return {
    // Set by this function alone, of this copy or another; states of one name have one type.
    get: (request) => Reflect.get(keyOf(request), key) as T | undefined,
    set: (request, value) => void Reflect.set(keyOf(request), key, value),
  };
}

/** The object that all views of one request share; a test may pass any object. */
function keyOf(request: Request<unknown>): object {
  return request instanceof ExchangeRequest ? request.head : request;
}

/** Additional fields in the core's own log lines about a request. */
export const logFields = requestState<Readonly<Record<string, unknown>>>('jackfield:log-fields');
