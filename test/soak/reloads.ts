/** The near side of `reloading.ts`. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

/** What a process holds behind a collection of its garbage. */
export interface Holding {
  /** What keeps it alive, by kind. */
  readonly resources: Readonly<Record<string, number>>;
  /** On `process`, by event. */
  readonly listeners: Readonly<Record<string, number>>;
  /** Open files and sockets; 0 where the system does not tell. */
  readonly descriptors: number;
  /** Of plugins that options have changed with every reload. */
  readonly instances: number;
  /** How often a module that is named by every configuration was run. */
  readonly evaluated: number;
  /** Where the server listens. */
  readonly connections: number;
  /** Octets. */
  readonly heap: number;
}

export interface Reloads {
  readonly atQuarter: Holding;
  readonly atEnd: Holding;
  /** What clients saw that they should not have. */
  readonly wrong: readonly string[];
  /** Warnings and errors of the log. */
  readonly odd: readonly { readonly message?: string }[];
}

/** @param count A multiple of 24, so that the quarter and the end have the same plugins. */
export async function reloads(count: number): Promise<Reloads & { readonly exitCode: number | null }> {
  const program = path.join(import.meta.dirname, 'reloading.js');
  const child = fork(program, [String(count)], { execArgv: ['--expose-gc'] });
  let told: Reloads | undefined;
  child.on('message', (message: Reloads) => {
    told = message;
  });
  // It ends by itself where it has left nothing open.
  const [exitCode] = (await once(child, 'close')) as [number | null];
  if (told === undefined) throw new Error(`The process ended with ${exitCode} and told nothing.`);
  return { ...told, exitCode };
}
