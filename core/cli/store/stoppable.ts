/** For commands over a whole store: closes the store, and stops cleanly on a signal. */
import { JackfieldError } from '../../errors.js';
import type { StorageDoor } from '../../storage/storage-door.js';
import type { StopSignal, Surroundings } from '../command.js';
import { unlocked } from './named-store.js';
import { Progress } from './progress.js';

const SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM'];

/**
 * The first signal aborts, so that files and stores are closed in order; the second ends the process.
 * Errors: INTERRUPTED, and those of the work.
 */
export async function stoppable<T>(
  { signals, exit, stderr }: Surroundings,
  work: (signal: AbortSignal, progress: Progress) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const progress = new Progress(stderr);
  const listeners = SIGNALS.map((name) => {
    const listener = () => {
      if (stop.signal.aborted) exit(1);
      stop.abort(new JackfieldError('INTERRUPTED', `It was stopped by ${name}.`));
    };
    signals.on(name, listener);
    return () => signals.off(name, listener);
  });
  try {
    return await work(stop.signal, progress);
  } finally {
    progress.end();
    for (const off of listeners) off();
  }
}

/** Opens the store, and closes it however the work ends. */
export async function withOpen<T>(door: StorageDoor, work: () => Promise<T>): Promise<T> {
  await unlocked(() => door.open());
  let result: T;
  try {
    result = await work();
  } catch (error) {
    // Report the first error.
    await Promise.resolve(door.close()).catch(() => {});
    throw error;
  }
  await door.close();
  return result;
}
