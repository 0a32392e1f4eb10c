/**
 * The fenced blocks of a page of documentation. The words after the opening fence say how the block is tested:
 *
 * - `console`: lines that begin with `$ ` are commands, the others their output; `…` stands for any text;
 * - `json save:NAME`: the reader saves this file, and the commands that follow can read it;
 * - `js examples/NAME`: a part, or all, of that file of the repository.
 */
import { readText } from '../repository.js';

export interface Block {
  readonly language: string;
  /** The word after the language, or `''`. */
  readonly about: string;
  readonly text: string;
  /** The line of the opening fence, counted from 1. */
  readonly line: number;
}

export async function blocksOf(page: string): Promise<Block[]> {
  const text = await readText(page);
  const fences = text.matchAll(/^```(\w+)(?: (\S+))?\n([\s\S]*?)^```$/gm);
  return Array.from(fences, ({ 1: language = '', 2: about = '', 3: content = '', index }) => ({
    language,
    about,
    text: content,
    line: text.slice(0, index).split('\n').length,
  }));
}

export interface Command {
  readonly command: string;
  readonly prints: string;
}

/** A command may continue in the next line after a `\`. */
export function commandsOf({ text }: Block): Command[] {
  return text
    .replaceAll('\\\n', '')
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.split('\n');
      return { command, prints: lines.join('\n') };
    });
}

/** The programs that commands of pages may run, besides `npx jackfield`. */
const PROGRAMS: readonly string[] = ['cat', 'cp', 'curl', 'grep', 'ls', 'node', 'printf', 'sed'];

/**
 * The reason why the tests do not run a command of a page, or undefined if they run it. Anybody may propose a change of a
 * page, so reading it should be enough to know what it does to the machine that tests it.
 */
export function refusalOf(command: string): string | undefined {
  // Text in quotes is harmless, except what a shell replaces in double quotes.
  const bare = command.replaceAll(/'[^']*'/g, "''").replaceAll(/"[^"$`\\]*"/g, '""');
  const strange = /[$`;<>&()\\"\n]/.exec(bare.replaceAll('""', ''))?.[0];
  if (strange !== undefined) return `It has ${strange} outside of quotes: ${command}`;
  const programs = bare.split('|').map((part) => part.trim().split(/\s+/, 1)[0] ?? '');
  const unknown = programs.find((program) => !PROGRAMS.includes(program));
  return unknown === undefined ? undefined : `It runs ${unknown || 'nothing'}: ${command}`;
}

/** Whether a page shows the real output. Compares line by line and ignores the width of white space. */
export function isWhatWasPrinted(told: string, printed: string): boolean {
  const literal = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const pattern = tidy(told)
    .split('\n')
    .map((line) => (line === '…' ? '(?:.*\\n)*?' : `${line.split('…').map(literal).join('.*')}\\n`))
    .join('');
  return new RegExp(`^${pattern}$`).test(`${tidy(printed)}\n`);
}

function tidy(text: string): string {
  return (
    text
      .replaceAll('\r', '')
      .replaceAll(/[ \t]+$/gm, '')
      // The width of a column depends on its content.
      .replaceAll(/(?<=\S) {2,}/g, '  ')
      .replace(/\n+$/, '')
  );
}
