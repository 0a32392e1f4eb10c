/** Finds out from a stack where an error was thrown: for messages that name a line, and to find the faulty code. */
import { readFile } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface StackPlace {
  /** Absolute. */
  readonly file: string;
  /** `file:line:column` */
  readonly text: string;
}

/** A frame has its file as URL (modules) or path (CommonJS), in parentheses after the function name if there is one. */
const FRAME = /^ *at (?:.*\()?((?:file:\/\/)?(?:\/|[A-Za-z]:[\\/]).*?):(\d+):(\d+)\)?$/;

/** The frames that have a file, the innermost first; the frames of the cause come last. */
export function stackPlaces(error: unknown): StackPlace[] {
  try {
    return placesOf(error, 0);
  } catch {
    // Reading a thrown value may throw too.
    return [];
  }
}

function placesOf(error: unknown, depth: number): StackPlace[] {
  // A cause may be circular.
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

/** The folder of the core as stacks spell it: source maps may change it. */
const CORE = `${dirname(dirname(stackPlaces(new Error())[0]?.file ?? fileURLToPath(import.meta.url)))}${sep}`;

export function notOfCore({ file }: StackPlace): boolean {
  return !file.startsWith(CORE);
}

/**
 * `, thrown at file:line:column`; `''` if it is unknown. For an error from the core, the line in the extension that
 * called it.
 * @param file File of the extension; `''` if it has none.
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
    // Modules that are imported again have a query.
    return name.startsWith('file:') ? fileURLToPath(name.replace(/[?#].*$/, '')) : name;
  } catch {
    return undefined;
  }
}

/**
 * `file:line:column` of a syntax error in a module. The caught error has no position; only the message of `node
 * --check` has one.
 * @returns undefined if the error is in another file, or if the position is unknown.
 */
export async function syntaxPlace(file: string, error: SyntaxError): Promise<string | undefined> {
  const source = await readFile(file).catch(() => undefined);
  if (source === undefined) return undefined;
  const type = file.endsWith('.cjs') ? 'commonjs' : 'module';
  // Loaded only for a start that fails.
  const { execFile } = await import('node:child_process');
  const output = await new Promise<string>((resolve) => {
    const check = ['--check', `--input-type=${type}`, '-'];
    const node = execFile(process.execPath, check, { timeout: 10_000 }, (_, __, stderr) => resolve(stderr));
    // If Node ends before it has read everything, ignore it.
    node.stdin?.on('error', () => {}).end(source);
  });
  if (!output.includes(`SyntaxError: ${error.message}`)) return undefined;
  const [, line, mark] = /^\[stdin\]:(\d+)\n(?:.*\n( *)\^)?/m.exec(output) ?? [];
  return line === undefined ? undefined : `${file}:${line}:${(mark ?? '').length + 1}`;
}
