/**
 * Records where pending promises were created, to report the line in which a set-up waits. V8 reports every promise
 * while a trace is active, and afterwards `await` stays some nanoseconds slower in this process. So a trace is only for
 * debugging.
 */
import { dirname, sep } from 'node:path';
import type v8 from 'node:v8';
import { notOfCore, type StackPlace, stackPlaces } from '../extensions/stack-places.js';

/** Deep enough to reach from inside a driver to the plugin. */
const FRAMES = 50;
/** Which of them is the innermost is a guess, so report several. */
const MOST_PLACES = 3;

export class PromiseTrace {
  /** Stacks are formatted only on request, because formatting is the expensive part. */
  readonly #pending = new Map<Promise<unknown>, Error>();
  readonly #stop: () => void;

  constructor() {
    const pending = this.#pending;
    // Some runtimes that run Node modules, such as Deno, do not have `promiseHooks`, although its type says so.
    const promiseHooks: typeof v8.promiseHooks | undefined = process.getBuiltinModule('node:v8').promiseHooks;
    if (promiseHooks === undefined) {
      this.#stop = () => {};
      return;
    }
    // Unlike `createHook`, their types say which promise it is.
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
   * `file:line:column` of pending promises, the innermost first: those created deepest in calls of the plugin. Of two
   * at the same depth, the later comes first.
   * @param file The file of the plugin, absolute; `''` for a plugin without a file: then all code outside of the core
   * counts.
   */
  places(file: string): readonly string[] {
    const found = [...this.#pending.values()].reverse().flatMap((created) => {
      const frames = stackPlaces(created).filter((frame) => isOf(file, frame));
      return frames[0] === undefined ? [] : [{ place: frames[0].text, depth: frames.length }];
    });
    const places = found.toSorted((one, other) => other.depth - one.depth).map(({ place }) => place);
    return [...new Set(places)].slice(0, MOST_PLACES);
  }

  /** Errors: those of the work. @param on False for no trace. */
  static async during<T>(on: boolean, work: (trace: PromiseTrace | undefined) => Promise<T>): Promise<T> {
    const trace = on ? new PromiseTrace() : undefined;
    try {
      return await work(trace);
    } finally {
      trace?.end();
    }
  }

  /** Stops recording. The recorded promises stay until the trace is released. */
  end(): void {
    this.#stop();
  }
}

/** Whether code belongs to the plugin: its file, or a file beside or below it that is not in a package. */
function isOf(plugin: string, frame: StackPlace): boolean {
  if (plugin === '') return notOfCore(frame);
  const folder = dirname(plugin) + sep;
  return frame.file.startsWith(folder) && !frame.file.slice(folder.length).includes('node_modules');
}
