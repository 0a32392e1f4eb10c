/** Starts `reloading.ts` and reads its reports. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

/** Usage of a process after a garbage collection. */
export interface Holding {
  /** The resources that keep it alive, by kind. */
  readonly resources: Readonly<Record<string, number>>;
  /** Listeners on `process`, by event. */
  readonly listeners: Readonly<Record<string, number>>;
  /** Open files and sockets; 0 if the system does not report them. */
  readonly descriptors: number;
  /** Instances of the plugins whose options every reload changes. */
  readonly instances: number;
  /** How often the module that every configuration names was evaluated. */
  readonly evaluated: number;
  /** Open connections on the server's address. */
  readonly connections: number;
  /** Heap in octets. */
  readonly heap: number;
}

export interface Reloads {
  readonly atQuarter: Holding;
  readonly atEnd: Holding;
  /** Wrong answers that clients got. */
  readonly wrong: readonly string[];
  /** Warnings and errors of the log. */
  readonly odd: readonly { readonly message?: string }[];
}

/** @param count A multiple of 24, so that the quarter and the end have the same plugins. */
export async function reloads(count: number): Promise<Reloads & { readonly exitCode: number | null }> {
  const program = path.join(import.meta.dirname, 'reloading.js');
  const child = fork(program, [String(count)], { execArgv: ['--expose-gc'] });
  let reports: Reloads | undefined;
  child.on('message', (message: Reloads) => {
    reports = message;
  });
  // It ends by itself if it has left nothing open.
  const [exitCode] = (await once(child, 'close')) as [number | null];
  if (reports === undefined) throw new Error(`The process ended with ${exitCode} and reported nothing.`);
  return { ...reports, exitCode };
}
