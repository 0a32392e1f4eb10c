/** Runs the command line, from its arguments to the exit code; `main.ts` only adds the process. */
import type { Surroundings } from './command.js';
import { type CommandLine, readCommandLine } from './command-line.js';
import { reportError } from './report-error.js';
import { serve } from './serve.js';

/**
 * @param argv Without the paths of node and the script.
 * @returns The exit code: 0 success, 1 failure, 2 wrong command line.
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
 * Parsed first as if `serve` were the only command, and again with all commands if that fails: most processes serve,
 * and need not load the other commands. Errors: USAGE.
 */
async function understood(argv: readonly string[]): Promise<CommandLine> {
  try {
    return readCommandLine(argv, [serve]);
  } catch {
    return readCommandLine(argv, (await import('./commands.js')).COMMANDS);
  }
}
