/**
 * Names the plugin that blocks the event loop, while it blocks it. A separate thread notices that the main thread shows
 * no sign of life, and reads its stack through Node's debugger. So an endless loop is named too. Exchanges pay nothing
 * for it: the main thread has one timer that runs a few times a second.
 *
 * Only `jackfield serve` has one; a program that creates servers decides itself which threads its process has.
 *
 * The thread takes 10 MiB, a seventh of a server without clients. If all plugins are built in, it starts with the first
 * client: until then nothing calls them.
 */
import type { Worker } from 'node:worker_threads';
import { reasonOf } from '../errors.js';
import type { PluginReport } from '../plugin-host/plugin-unit.js';

/** The message to the thread: at the start, and after a reload changes it. */
export interface Watched {
  /** How long the main thread may show no sign of life, in milliseconds; 0 for no limit. */
  readonly limitMs: number;
  readonly plugins: readonly Pick<PluginReport, 'name' | 'file' | 'origin'>[];
}

export interface WatchedServer extends Watched {
  /** Whether a client is connected. */
  readonly hasClients: () => boolean;
  /** Called with the reason if the loop cannot be watched here. The server works without a watchdog. */
  readonly unwatched: (reason: string) => void;
}

/** How many signs of life the main thread gives in one limit, and how often the thread checks. */
export const SIGNS_PER_LIMIT = 4;
export const LEAST_PERIOD_MS = 5;

export class Watchdog {
  readonly #signs = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #thread: Worker | undefined;
  #living: NodeJS.Timeout | undefined;

  /** Starts watching; again after each reload. */
  watch({ limitMs, plugins, hasClients, unwatched }: WatchedServer): void {
    clearInterval(this.#living);
    // A debugger stops the loop on purpose.
    if (limitMs === 0 || isDebugged()) {
      this.stop();
      return;
    }
    const message: Watched = {
      limitMs,
      plugins: plugins.map(({ name, file, origin }) =>
        file === undefined ? { name, origin } : { name, file, origin },
      ),
    };
    const start = (): void => {
      try {
        this.#thread ??= this.#start();
        this.#thread.postMessage(message);
      } catch (error) {
        clearInterval(this.#living);
        unwatched(reasonOf(error));
      }
    };
    const isNeeded = this.#thread !== undefined || plugins.some(({ origin }) => origin !== 'built-in');
    let hasStarted = isNeeded;
    const period = Math.max(LEAST_PERIOD_MS, limitMs / SIGNS_PER_LIMIT);
    this.#living = setInterval(() => {
      Atomics.add(this.#signs, 0, 1);
      if (hasStarted || !hasClients()) return;
      hasStarted = true;
      start();
    }, period).unref();
    if (isNeeded) start();
  }

  /** Errors: those of a process without permission to create threads, as in Node's permission model. */
  #start(): Worker {
    const file = new URL('./watchdog-thread.js', import.meta.url);
    // Without the flags of the process: a loader or a profiler is for the main thread.
    const thread = new (process.getBuiltinModule('node:worker_threads').Worker)(file, {
      workerData: this.#signs,
      execArgv: [],
    });
    thread.unref();
    // The server works without a watchdog.
    thread.on('error', () => this.stop());
    return thread;
  }

  stop(): void {
    clearInterval(this.#living);
    void this.#thread?.terminate();
    this.#thread = undefined;
  }
}

/** Not imported: if Node was built without a debugger, the import fails. */
function isDebugged(): boolean {
  try {
    return process.getBuiltinModule('node:inspector').url() !== undefined;
  } catch {
    return false;
  }
}
