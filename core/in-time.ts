/** Waits for the work of a plugin for a limited time. */
import type { MaybePromise } from './maybe-promise.js';

/** @param late Makes the error if the work takes longer. The result of the work is then ignored. */
export async function inTime<T>(work: MaybePromise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    // Reject after the next poll: data that arrived while the process was paused is read before the work counts as
    // late.
    timer = setTimeout(() => setImmediate(() => reject(late())), timeoutMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
