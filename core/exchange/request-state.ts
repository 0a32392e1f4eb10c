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
  const values = sharedAs === undefined ? new WeakMap<object, T>() : valuesOf<T>(sharedAs);
  return {
    get: (request) => values.get(keyOf(request)),
    set: (request, value) => void values.set(keyOf(request), value),
  };
}

/** The object that all views of one request share; a test may pass any object. */
function keyOf(request: Request<unknown>): object {
  return request instanceof ExchangeRequest ? request.head : request;
}

/** One table per process, because copies cannot find each other otherwise. It keeps no request in memory. */
const SHARED = Symbol.for('jackfield.request-states');

function valuesOf<T>(name: string): WeakMap<object, T> {
  const found: unknown = Reflect.get(globalThis, SHARED);
  // Only this function creates it, in this copy or another. Code that shares a name also shares the type.
  const states = (found ?? new Map()) as Map<string, WeakMap<object, T>>;
  if (found === undefined) Object.defineProperty(globalThis, SHARED, { value: states });
  const values = states.get(name) ?? new WeakMap<object, T>();
  states.set(name, values);
  return values;
}

/** Additional fields in the core's own log lines about a request. */
export const logFields = requestState<Readonly<Record<string, unknown>>>('jackfield:log-fields');
