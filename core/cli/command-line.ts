/** Reads the command line. Reports mistakes with a suggestion before any command runs. */
import { parseArgs } from 'node:util';
import { isListenHost } from '../config/value-forms.js';
import { didYouMean } from '../did-you-mean.js';
import { JackfieldError } from '../errors.js';
import type { Call, Command } from './command.js';
import { BARE_LF, COMMON_FLAGS, FLAGS, type FlagName, type FlagValues } from './flags.js';

export interface CommandLine extends Call {
  readonly command: Command;
  /** The command was named on the command line; false for the default command. */
  readonly named: boolean;
}

/**
 * @param argv Without the paths of node and the script.
 * @param commands The available commands; the first is the default.
 * Errors: USAGE.
 */
export function readCommandLine(
  argv: readonly string[],
  commands: readonly [Command, ...Command[]],
): CommandLine {
  // Not strict, so that each mistake gets our own sentence: the tokens contain everything that a strict parser checks.
  const { tokens, values, positionals } = parseArgs({
    args: [...argv],
    options: FLAGS,
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const [name, ...rest] = positionals;
  const flagTokens = tokens.filter((token) => token.kind === 'option');
  // First, because the word after an unknown flag may be its value and not a command.
  for (const token of flagTokens) checkKnown(token, positionals, commands);
  const { command, given } = chosen(name === undefined ? commands[0] : commandNamed(name, commands), rest);
  for (const token of flagTokens) checkFlag(token, command);
  const flags = checkValues(values);
  // `--help` and `--version` work even if arguments are missing.
  if (flags.help !== true && flags.version !== true) checkGiven(command, given);
  return { command, named: name !== undefined, flags, given };
}

/** The second word is the command of a group. */
function chosen(command: Command, given: readonly string[]): { command: Command; given: readonly string[] } {
  const [word, ...rest] = given;
  if (command.commands === undefined || word === undefined) return { command, given };
  const found = memberOf(command, word);
  if (found !== undefined) return { command: found, given: rest };
  const words = wordsOf(command);
  const hint = suggestion(word, words) ?? `there are ${words.join(', ')}`;
  throw usage(`Unknown command "${command.name} ${word}"; ${hint}.`, command);
}

function memberOf({ name, commands = [] }: Command, word: string): Command | undefined {
  return commands.find((member) => member.name === `${name} ${word}`);
}

function wordsOf({ name, commands = [] }: Command): string[] {
  return commands.map((member) => member.name.slice(name.length + 1));
}

function commandNamed(name: string, commands: readonly Command[]): Command {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const names = commands.map((candidate) => candidate.name);
  throw usage(`Unknown command "${name}"; ${suggestion(name, names) ?? `there are ${names.join(', ')}`}.`);
}

interface FlagToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function checkKnown(
  { name, rawName }: FlagToken,
  [first, second = '']: readonly string[],
  commands: readonly [Command, ...Command[]],
): void {
  if (isFlag(name)) return;
  const named = commands.find((candidate) => candidate.name === first) ?? commands[0];
  const command = memberOf(named, second) ?? named;
  const taken = [...command.flags, ...COMMON_FLAGS].map((flag) => `--${flag}`);
  const hint = suggestion(rawName, taken);
  throw usage(`Unknown flag ${rawName}${hint === undefined ? '' : `; ${hint}`}.`, command);
}

function checkFlag({ name, rawName, value, inlineValue }: FlagToken, command: Command): void {
  // `checkKnown` has refused all others, but the compiler does not know that.
  if (!isFlag(name)) return;
  const taken: readonly FlagName[] = [...command.flags, ...COMMON_FLAGS];
  if (!taken.includes(name)) throw usage(`"jackfield ${command.name}" has no flag ${rawName}.`, command);
  if (FLAGS[name].type === 'boolean') {
    if (value !== undefined) throw usage(`The flag ${rawName} takes no value.`, command);
  } else if (value === undefined || value === '' || (inlineValue !== true && value.startsWith('-'))) {
    // `--port --verbose` is a forgotten value; a value that begins with "-" is written `--config=-x`.
    throw usage(`The flag ${rawName} needs a value.`, command);
  }
}

function isFlag(name: string): name is FlagName {
  return Object.hasOwn(FLAGS, name);
}

function checkValues({ port, ...values }: Readonly<Record<string, unknown>>): FlagValues {
  // Each value has been checked against its type in the table.
  const flags = values as FlagValues;
  if (flags.host !== undefined && !isListenHost(flags.host)) {
    throw usage(`--host takes an address or name without port, not ${JSON.stringify(flags.host)}.`);
  }
  const { 'bare-lf': bareLf } = flags;
  if (bareLf !== undefined && !BARE_LF.includes(bareLf)) {
    throw usage(`--bare-lf takes one of ${BARE_LF.join(', ')}, not ${JSON.stringify(bareLf)}.`);
  }
  if (port === undefined) return flags;
  if (!/^\d{1,5}$/.test(String(port)) || Number(port) > 65_535) {
    throw usage(`--port takes a whole number from 0 to 65535, not ${JSON.stringify(port)}.`);
  }
  return { ...flags, port: Number(port) };
}

function checkGiven(command: Command, given: readonly string[]): void {
  if (command.commands !== undefined) {
    throw usage(`"jackfield ${command.name}" needs one of ${wordsOf(command).join(', ')}.`, command);
  }
  const missing = command.takes[given.length];
  if (missing !== undefined) throw usage(`"jackfield ${command.name}" needs ${missing}.`, command);
  const surplus = given[command.takes.length];
  if (surplus !== undefined) {
    throw usage(`"jackfield ${command.name}" does not take ${JSON.stringify(surplus)}.`, command);
  }
}

function suggestion(name: string, candidates: readonly string[]): string | undefined {
  const candidate = didYouMean(name, candidates);
  return candidate === undefined ? undefined : `did you mean ${candidate}?`;
}

function usage(sentence: string, command?: Command): JackfieldError {
  const plain = sentence.replace(/\?\.$/, '?');
  return new JackfieldError('USAGE', `${plain} See "jackfield ${command ? `${command.name} ` : ''}--help".`);
}
