/** Where an error arose, as far as its stack tells: for sentences that name a line, and to find out whose fault it is. */
import { readFile } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface StackPlace {
  /** Absolute. */
  readonly file: string;
  /** `file:line:column` */
  readonly text: string;
}

/** A frame names its file as URL (modules) or path (CommonJS), in parentheses behind the function where it has one. */
const FRAME = /^ *at (?:.*\()?((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/]).*?):(\d+):(\d+)\)?$/;

/** The frames that stand in files, the innermost first; behind those of an error come those of its cause. */
export function stackPlaces(error: unknown): StackPlace[] {
  try {
    return placesOf(error, 0);
  } catch {
    // Even looking at what was thrown may throw.
    return [];
  }
}

function placesOf(error: unknown, depth: number): StackPlace[] {
  // A cause may lead in a circle.
  if (!(error instanceof Error) || depth > 8) return [];
  const own = String(error.stack)
    .split('\n')
    .flatMap((line) => {
      const [, name = '', row, column] = FRAME.exec(line) ?? [];
      const file = pathOf(name);
      return file === undefined ? [] : [{ file, text: `${file}:${row}:${column}` }];
    });
  return [...own, ...placesOf(error.cause, depth + 1)];
}

/** Where the code of the core lies, as stacks spell it: source maps may have a say in that. */
const CORE = `${dirname(dirname(stackPlaces(new Error())[0]?.file ?? fileURLToPath(import.meta.url)))}${sep}`;

export function notOfCore({ file }: StackPlace): boolean {
  return !file.startsWith(CORE);
}

/**
 * `, thrown at file:line:column`; `''` where nobody can tell. What the core throws arose where the extension called it.
 * @param file Of the extension; `''` where it has none.
 */
export function thrownAt(error: unknown, file: string): string {
  const places = stackPlaces(error);
  const [first] = places;
  const place =
    first !== undefined && !notOfCore(first) ? places.find((frame) => frame.file === file) : first;
  return place === undefined ? '' : `, thrown at ${place.text}`;
}

function pathOf(name: string): string | undefined {
  if (name === '') return undefined;
  try {
    // Modules that are imported anew carry a query.
    return name.startsWith('file:') ? fileURLToPath(name.replace(/[?#].*$/, '')) : name;
  } catch {
    return undefined;
  }
}

/**
 * `file:line:column` of a mistake in the syntax of a module. Only the message of a Node that checks the file has it; the
 * error that is caught has not.
 * @returns undefined where the mistake is in another file, or nobody can tell.
 */
export async function syntaxPlace(file: string, error: SyntaxError): Promise<string | undefined> {
  const source = await readFile(file).catch(() => undefined);
  if (source === undefined) return undefined;
  const type = file.endsWith('.cjs') ? 'commonjs' : 'module';
  // Only a start that fails needs it.
  const { execFile } = await import('node:child_process');
  const told = await new Promise<string>((resolve) => {
    const check = ['--check', `--input-type=${type}`, '-'];
    const node = execFile(process.execPath, check, { timeout: 10_000 }, (_, __, stderr) => resolve(stderr));
    // A Node that ends before it has read everything is no fault of ours.
    node.stdin?.on('error', () => {}).end(source);
  });
  if (!told.includes(`SyntaxError: ${error.message}`)) return undefined;
  const [, line, mark] = /^\[stdin\]:(\d+)\n(?:.*\n( *)\^)?/m.exec(told) ?? [];
  return line === undefined ? undefined : `${file}:${line}:${(mark ?? '').length + 1}`;
}
