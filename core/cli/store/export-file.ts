/**
 * The form of an export: JSON lines. The first says what it is, the last how many entries there are and the SHA-256 of
 * all octets before it; between them stands an entry a line, in creation order.
 */
import { createHash, type Hash } from 'node:crypto';
import { z } from 'zod';
import { JackfieldError } from '../../errors.js';
import type { Entry } from '../../storage/contract.js';

export const EXPORT_VERSION = 1;
/** Lines are longer than values: six characters for one control character. */
const LONGEST_LINE_OCTETS = 268_435_456;

const header = z.looseObject({ jackfield: z.literal('store-export'), version: z.number() });
const entryLine = z.looseObject({
  key: z.string().min(1),
  value: z.string(),
  created: z.number().optional(),
  revision: z.number().optional(),
  expiresAt: z.number().optional(),
});
const trailer = z.looseObject({ entries: z.int().min(0), sha256: z.string() });

export class ExportWriter {
  readonly #hash = createHash('sha256');
  #entries = 0;

  header(adapter: string): string {
    const exported = new Date().toISOString();
    return this.#summed({ jackfield: 'store-export', version: EXPORT_VERSION, adapter, exported });
  }

  page(entries: readonly Entry[]): string {
    this.#entries += entries.length;
    return entries
      .map(({ key, value, created, revision, expiresAt }) =>
        this.#summed({ key, value, created, revision, ...(expiresAt === undefined ? {} : { expiresAt }) }),
      )
      .join('');
  }

  /** Ends it. */
  trailer(): { readonly line: string; readonly entries: number; readonly sha256: string } {
    const end = { entries: this.#entries, sha256: this.#hash.digest('hex') };
    return { line: `${JSON.stringify(end)}\n`, ...end };
  }

  #summed(value: unknown): string {
    const line = `${JSON.stringify(value)}\n`;
    this.#hash.update(line);
    return line;
  }
}

/** What an import takes of an entry: the numbers are given anew. */
export type ExportedEntry = Pick<Entry, 'key' | 'value' | 'expiresAt'>;

/**
 * Yields the entries one after the other; whether they are all there is known only when it ends.
 * Errors: EXPORT_INVALID.
 */
export async function* readExport(octets: AsyncIterable<Buffer>): AsyncGenerator<ExportedEntry, void> {
  const hash = createHash('sha256');
  let [number, entries] = [0, 0];
  /** The line before is held until it is known not to be the last. */
  let held: Buffer | undefined;
  for await (const line of linesOf(octets)) {
    number += 1;
    if (number === 1) checkHeader(line, hash);
    else if (held !== undefined) {
      yield entryIn(held, number - 1);
      hash.update(held).update('\n');
      entries += 1;
    }
    held = number === 1 ? undefined : line;
  }
  if (number === 0) throw new JackfieldError('EXPORT_INVALID', 'it is empty.');
  if (held === undefined) throw invalid(number, 'it ends before its last line.');
  const end = parsed(trailer, held);
  if (end === undefined)
    throw invalid(number, 'the last line does not have count and hash; the export is cut off.');
  if (end.entries !== entries)
    throw invalid(number, `it says ${end.entries} entries, but there are ${entries}.`);
  if (end.sha256 !== hash.digest('hex'))
    throw invalid(number, 'the SHA-256 is wrong: the export was changed.');
}

function checkHeader(line: Buffer, hash: Hash): void {
  const found = parsed(header, line);
  if (found === undefined) throw invalid(1, 'this is not an export of "jackfield store export".');
  if (found.version !== EXPORT_VERSION) {
    throw invalid(1, `its version is ${found.version}, but this jackfield reads version ${EXPORT_VERSION}.`);
  }
  hash.update(line).update('\n');
}

function entryIn(line: Buffer, number: number): ExportedEntry {
  const found = parsed(entryLine, line);
  if (found === undefined) throw invalid(number, 'this is not an entry.');
  const { key, value, expiresAt } = found;
  return expiresAt === undefined ? { key, value } : { key, value, expiresAt };
}

function parsed<Shape extends z.ZodType>(schema: Shape, line: Buffer): z.output<Shape> | undefined {
  try {
    return schema.safeParse(JSON.parse(line.toString())).data;
  } catch {
    return undefined;
  }
}

/** Lines without their ends. What stands behind the last line end is one too, unless it is nothing. */
async function* linesOf(octets: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let parts: Buffer[] = [];
  let length = 0;
  for await (const piece of octets) {
    let from = 0;
    for (let end = piece.indexOf(0x0a); end !== -1; end = piece.indexOf(0x0a, from)) {
      parts.push(piece.subarray(from, end));
      yield Buffer.concat(parts);
      [parts, length, from] = [[], 0, end + 1];
    }
    parts.push(piece.subarray(from));
    length += piece.length - from;
    if (length > LONGEST_LINE_OCTETS) throw invalid(1, 'a line is longer than any entry can be.');
  }
  // A trailer without its line end was cut by an octet.
  if (length > 0)
    throw new JackfieldError('EXPORT_INVALID', 'its last line has no line end; the export is cut off.');
}

function invalid(line: number, why: string): JackfieldError {
  return new JackfieldError('EXPORT_INVALID', `line ${line}: ${why}`);
}
