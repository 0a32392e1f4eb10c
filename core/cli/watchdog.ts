/**
 * Names the plugin that holds up the event loop, while it does: a thread of its own notices that the main one shows no
 * sign of life, and asks the debugger of Node where that one stands. So an endless loop is named too, and exchanges pay
 * nothing for it: there is one timer a few times a second.
 *
 * Only the serving command has one; a program that makes servers decides for itself what threads its process has.
 *
 * The thread takes 10 MiB, a seventh of a server without clients. If all plugins are built in, it starts with the first
 * client: until then nothing calls them.
 */
import type { Worker } from 'node:worker_threads';
import { reasonOf } from '../errors.js';
import type { PluginReport } from '../plugin-host/plugin-unit.js';

/** What the thread is told: at first, and whenever a reload changes it. */
export interface Watched {
  /** How long the main thread may be silent, in milliseconds; 0 for ever. */
  readonly limitMs: number;
  readonly plugins: readonly Pick<PluginReport, 'name' | 'file' | 'origin'>[];
}

export interface WatchedServer extends Watched {
  /** Whether a client is connected. */
  readonly hasClients: () => boolean;
  /** Called with the reason if the loop cannot be watched here. The server works without. */
  readonly unwatched: (reason: string) => void;
}

/** How often in one limit a sign of life is given, and looked for. */
export const SIGNS_PER_LIMIT = 4;
export const LEAST_PERIOD_MS = 5;

export class Watchdog {
  readonly #signs = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #thread: Worker | undefined;
  #living: NodeJS.Timeout | undefined;

  /** From now on; again with what a reload has changed. */
  watch({ limitMs, plugins, hasClients, unwatched }: WatchedServer): void {
    clearInterval(this.#living);
    // A debugger stops the loop on purpose.
    if (limitMs === 0 || isDebugged()) {
      this.stop();
      return;
    }
    const told: Watched = {
      limitMs,
      plugins: plugins.map(({ name, file, origin }) =>
        file === undefined ? { name, origin } : { name, file, origin },
      ),
    };
    const start = (): void => {
      try {
        this.#thread ??= this.#start();
        this.#thread.postMessage(told);
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

  /** Errors: those of a process that may not have threads, as with Node's permission model. */
  #start(): Worker {
    const file = new URL('./watchdog-thread.js', import.meta.url);
    // No flags of ours: a loader or a profiler is meant for the main thread.
    const thread = new (process.getBuiltinModule('node:worker_threads').Worker)(file, {
      workerData: this.#signs,
      execArgv: [],
    });
    thread.unref();
    // Without it the server is none the worse.
    thread.on('error', () => this.stop());
    return thread;
  }

  stop(): void {
    clearInterval(this.#living);
    void this.#thread?.terminate();
    this.#thread = undefined;
  }
}

/** Not imported: a Node that was built without a debugger refuses the import. */
function isDebugged(): boolean {
  try {
    return process.getBuiltinModule('node:inspector').url() !== undefined;
  } catch {
    return false;
  }
}
