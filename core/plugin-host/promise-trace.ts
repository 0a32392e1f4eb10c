/**
 * Where promises that nobody has settled were made: for whoever wants to know in which line a set-up waits. V8 tells of
 * every promise while a trace is on, and `await` costs the process some nanoseconds more ever after, so a trace is only
 * taken by those who look for a fault.
 */
import { dirname, sep } from 'node:path';
import type v8 from 'node:v8';
import { notOfCore, type StackPlace, stackPlaces } from '../extensions/stack-places.js';

/** Deep enough to come out of a driver and into the plugin. */
const FRAMES = 50;
/** It is a guess which of them is the innermost, so some more are told. */
const MOST_PLACES = 3;

export class PromiseTrace {
  /** Formatted only when it is asked for, which is what costs. */
  readonly #pending = new Map<Promise<unknown>, Error>();
  readonly #stop: () => void;

  constructor() {
    const pending = this.#pending;
    // Not every runtime that runs modules for Node has them; Deno has not. Its type says that they are there.
    const promiseHooks: typeof v8.promiseHooks | undefined = process.getBuiltinModule('node:v8').promiseHooks;
    if (promiseHooks === undefined) {
      this.#stop = () => {};
      return;
    }
    // Unlike `createHook` they have types that say which promise it is.
    const stopInit = promiseHooks.onInit((promise) => {
      const { stackTraceLimit } = Error;
      Error.stackTraceLimit = FRAMES;
      pending.set(promise, new Error());
      Error.stackTraceLimit = stackTraceLimit;
    });
    const stopSettled = promiseHooks.onSettled((promise) => void pending.delete(promise));
    this.#stop = () => {
      (stopInit as () => void)();
      (stopSettled as () => void)();
    };
  }

  /**
   * `file:line:column` of what is pending, the innermost first: the deeper in calls of the plugin it was made, and of
   * two alike the later.
   * @param file Of the plugin, absolute; `''` for one that has none, of which everything outside of the core is told.
   */
  places(file: string): readonly string[] {
    const found = [...this.#pending.values()].reverse().flatMap((made) => {
      const frames = stackPlaces(made).filter((frame) => isOf(file, frame));
      return frames[0] === undefined ? [] : [{ place: frames[0].text, depth: frames.length }];
    });
    const places = found.toSorted((one, other) => other.depth - one.depth).map(({ place }) => place);
    return [...new Set(places)].slice(0, MOST_PLACES);
  }

  /** Errors: those of the work. @param on Without it there is no trace. */
  static async during<T>(on: boolean, work: (trace: PromiseTrace | undefined) => Promise<T>): Promise<T> {
    const trace = on ? new PromiseTrace() : undefined;
    try {
      return await work(trace);
    } finally {
      trace?.end();
    }
  }

  /** Nothing more is noted. What was is kept until the trace is let go. */
  end(): void {
    this.#stop();
  }
}

/** Whether code is the plugin's: its file, or what lies beside and below it but for packages. */
function isOf(plugin: string, frame: StackPlace): boolean {
  if (plugin === '') return notOfCore(frame);
  const folder = dirname(plugin) + sep;
  return frame.file.startsWith(folder) && !frame.file.slice(folder.length).includes('node_modules');
}
