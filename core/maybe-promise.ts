/** What may be there at once. The synchronous answer is the fast path: it costs no promise. */
export type MaybePromise<T> = T | Promise<T>;
