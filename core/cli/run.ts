/** The command line from its arguments to its exit code; `main.ts` only adds the process. */
import { readFile } from 'node:fs/promises';
import type { Surroundings } from './command.js';
import { readCommandLine } from './command-line.js';
import { generalHelp, helpOf } from './help.js';
import { reportError } from './report-error.js';

/**
 * @param argv Without node and script.
 * @returns The exit code: 0 done, 1 failed, 2 not understood.
 */
export async function run(argv: readonly string[], around: Surroundings): Promise<number> {
  try {
    const { command, named, ...call } = readCommandLine(argv);
    if (call.flags.help === true) {
      around.stdout.write(named ? helpOf(command) : generalHelp());
      return 0;
    }
    if (call.flags.version === true) {
      around.stdout.write(`${await version()}\n`);
      return 0;
    }
    return await command.run(call, around);
  } catch (error) {
    return reportError(error, around.stderr, argv.includes('--debug'));
  }
}

async function version(): Promise<string> {
  // From dist/core/cli, where this file runs.
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
