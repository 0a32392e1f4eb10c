/** The command line from its arguments to its exit code; `main.ts` only adds the process. */
import type { Surroundings } from './command.js';
import { type CommandLine, readCommandLine } from './command-line.js';
import { reportError } from './report-error.js';
import { serve } from './serve.js';

/**
 * @param argv Without node and script.
 * @returns The exit code: 0 done, 1 failed, 2 not understood.
 */
export async function run(argv: readonly string[], around: Surroundings): Promise<number> {
  try {
    const { command, named, ...call } = await understood(argv);
    if (call.flags.help === true) {
      const [{ generalHelp, helpOf }, { COMMANDS }] = await Promise.all([
        import('./help.js'),
        import('./commands.js'),
      ]);
      around.stdout.write(named ? helpOf(command) : generalHelp(COMMANDS));
      return 0;
    }
    if (call.flags.version === true) {
      const { ownPackage } = await import('./own-package.js');
      around.stdout.write(`${(await ownPackage()).version}\n`);
      return 0;
    }
    return await command.run(call, around);
  } catch (error) {
    return reportError(error, around.stderr, argv.includes('--debug'));
  }
}

/**
 * Read as if there were no command but `serve`, and where that gives no sense with all of them: most processes serve,
 * and need not load what the others are made of. Errors: USAGE.
 */
async function understood(argv: readonly string[]): Promise<CommandLine> {
  try {
    return readCommandLine(argv, [serve]);
  } catch {
    return readCommandLine(argv, (await import('./commands.js')).COMMANDS);
  }
}
