/** Prints an error for the operator: one line per fault on stderr; the stack only with `--debug`. */
import { inspect } from 'node:util';
import { type ErrorCode, JackfieldError, JackfieldErrors, reasonOf } from '../errors.js';
import type { Output } from './command.js';
import { terminalText } from './terminal-text.js';

/** Errors whose message has several faults, one a line. */
const LISTS: readonly ErrorCode[] = [
  'CONFIG_INVALID',
  'CONFIG_ENV_MISSING',
  'PLUGIN_OPTIONS_INVALID',
  'ADAPTER_OPTIONS_INVALID',
  'CASES_INVALID',
];

/** @returns The exit code: 2 for a wrong command line, 1 for everything else. */
export function reportError(error: unknown, stderr: Output, debug: boolean): number {
  for (const line of linesOf(error, debug)) stderr.write(`jackfield: ${terminalText(line)}\n`);
  // With stack and cause, as Node prints errors.
  if (debug) stderr.write(`${terminalText(inspect(error))}\n`);
  return error instanceof JackfieldError && error.code === 'USAGE' ? 2 : 1;
}

/** One line for each fault, with its code in brackets at the end. */
export function linesOf(error: unknown, debug: boolean): string[] {
  if (error instanceof JackfieldErrors) return error.errors.flatMap((one) => linesOf(one, debug));
  if (error instanceof JackfieldError) {
    const { code } = error;
    const lines = error.message.split(/\s*\n\s*/).filter((line) => line !== '');
    const hint = code === 'PLUGIN_SETUP_TIMEOUT' && !debug ? ' --debug names the line.' : '';
    return (LISTS.includes(code) ? lines : [lines.join(' ')]).map((line) => `${line}${hint} [${code}]`);
  }
  const [first = ''] = reasonOf(error).split('\n');
  return [`unexpected error: ${first}${debug ? '' : '; run again with --debug for the stack trace'}`];
}
