/** The texts of `--help`, made from the tables of commands and flags. */
import type { Command } from './command.js';
import { COMMON_FLAGS, FLAGS, type Flag, type FlagName } from './flags.js';

/** @param commands The first is the default command. */
export function generalHelp(commands: readonly Command[]): string {
  return text([
    'Usage: jackfield [COMMAND] [FLAGS]',
    '',
    'An HTTP server where everything is a plugin named in one configuration file.',
    '',
    'Commands:',
    ...columns(
      commands.map((command, at) => [
        command.name,
        at === 0 ? `${command.summary} (the default)` : command.summary,
      ]),
    ),
    '',
    'Flags of every command:',
    ...flagLines(COMMON_FLAGS),
    '',
    'See "jackfield COMMAND --help" for the flags of a command.',
  ]);
}

export function helpOf(command: Command): string {
  const { commands } = command;
  const words = [command.name, ...(commands === undefined ? [] : ['COMMAND']), ...command.takes];
  return text([
    `Usage: ${['jackfield', ...words, '[FLAGS]'].join(' ')}`,
    '',
    `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`,
    '',
    ...(commands === undefined ? [] : ['Commands:', ...columns(commands.map(row)), '']),
    'Flags:',
    ...flagLines([...command.flags, ...COMMON_FLAGS], command.flagHelp),
    '',
    command.examples.length === 1 ? 'Example:' : 'Examples:',
    ...command.examples.map((example) => `  ${example}`),
  ]);
}

function row({ name, takes, summary }: Command): readonly [string, string] {
  return [[name, ...takes].join(' '), summary];
}

function flagLines(names: readonly FlagName[], own: Command['flagHelp'] = {}): string[] {
  return columns(
    names.map((name) => {
      const { short, value, help }: Flag = FLAGS[name];
      const written = `${short === undefined ? '    ' : `-${short}, `}--${name}`;
      return [value === undefined ? written : `${written} ${value}`, own[name] ?? help];
    }),
  );
}

function columns(rows: readonly (readonly [left: string, right: string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}
