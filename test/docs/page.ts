/**
 * A page of documentation, taken apart into its fenced blocks. What stands behind the language tells what is promised:
 *
 * - `console`: lines with `$ ` in front are commands, the others what they print; `…` stands for anything;
 * - `json save:NAME`: the reader saves this file, and the commands that follow see it;
 * - `js examples/NAME`: a part, or all, of that file of the repository.
 */
import { readText } from '../repository.js';

export interface Block {
  readonly language: string;
  /** What follows the language; `''` where nothing does. */
  readonly about: string;
  readonly text: string;
  /** Of its opening fence, counted from 1. */
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

/** A command may go on in the next line behind a `\`. */
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

/** What pages may have a shell run, beside `npx jackfield`. */
const PROGRAMS: readonly string[] = ['cat', 'cp', 'curl', 'grep', 'ls', 'node', 'printf', 'sed'];

/**
 * Why the tests do not run a command of a page; undefined where they do. A page is text that anybody may propose to
 * change, and looking at it should be enough to know what it does to the machine that checks it.
 */
export function refusalOf(command: string): string | undefined {
  // What stands in quotes is text, but for what a shell replaces in double ones.
  const bare = command.replaceAll(/'[^']*'/g, "''").replaceAll(/"[^"$`\\]*"/g, '""');
  const strange = /[$`;<>&()\\"\n]/.exec(bare.replaceAll('""', ''))?.[0];
  if (strange !== undefined) return `It has ${strange} outside of quotes: ${command}`;
  const programs = bare.split('|').map((part) => part.trim().split(/\s+/, 1)[0] ?? '');
  const unknown = programs.find((program) => !PROGRAMS.includes(program));
  return unknown === undefined ? undefined : `It runs ${unknown || 'nothing'}: ${command}`;
}

/** Whether a page tells the truth: line by line, but for the width of white space. */
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
      // Columns are as wide as what stands in them.
      .replaceAll(/(?<=\S) {2,}/g, '  ')
      .replace(/\n+$/, '')
  );
}
