/** Waits for what a plugin does, but not for ever. */
import type { MaybePromise } from './maybe-promise.js';

/** @param late Makes the error where the work took longer. What becomes of the work afterwards is of no interest. */
export async function inTime<T>(work: MaybePromise<T>, timeoutMs: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), timeoutMs);
  });
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
