/** A value or a promise of it. Synchronous code is the fast path: it allocates no promise. */
export type MaybePromise<T> = T | Promise<T>;

/** Also true for the thenables of other libraries: pass one through `Promise.resolve` before you call its methods. */
export function isPromise<T>(value: MaybePromise<T> | PromiseLike<T>): value is Promise<T> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}
