/** Waits for the work of a plugin, but not for ever. */
import type { MaybePromise } from './maybe-promise.js';

/** @param late Makes the error if the work takes longer. The result of the work is then ignored. */
export async function inTime<T>(work: MaybePromise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    // After the next poll: what arrived while the process was paused is read before it is called late.
    timer = setTimeout(() => setImmediate(() => reject(late())), timeoutMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
