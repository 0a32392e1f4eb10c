/**
 * The format of an export: JSON lines. The first line is a header; the last has the number of entries and the SHA-256
 * of all octets before it. Each line between them is an entry, in creation order.
 */
import { createHash, type Hash } from 'node:crypto';
import { z } from 'zod';
import { JackfieldError } from '../../errors.js';
import type { Entry } from '../../storage/contract.js';

export const EXPORT_VERSION = 1;
/** A line can be longer than its value: JSON may need six characters for a control character. */
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

  /** Ends the export. */
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

/** The parts of an entry that an import uses; the target assigns new numbers. */
export type ExportedEntry = Pick<Entry, 'key' | 'value' | 'expiresAt'>;

/**
 * Yields the entries one by one. Whether the export is complete is known only at the end.
 * Errors: EXPORT_INVALID.
 */
export async function* readExport(octets: AsyncIterable<Buffer>): AsyncGenerator<ExportedEntry, void> {
  const hash = createHash('sha256');
  let [number, entries] = [0, 0];
  /** The previous line, kept back until another line shows that it was not the last. */
  let previous: Buffer | undefined;
  for await (const line of linesOf(octets)) {
    number += 1;
    if (number === 1) checkHeader(line, hash);
    else if (previous !== undefined) {
      yield entryIn(previous, number - 1);
      hash.update(previous).update('\n');
      entries += 1;
    }
    previous = number === 1 ? undefined : line;
  }
  if (number === 0) throw new JackfieldError('EXPORT_INVALID', 'it is empty.');
  if (previous === undefined) throw invalid(number, 'it ends before its last line.');
  const end = parsed(trailer, previous);
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

/** Lines without their line ends. */
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
  // A trailer without its line end has lost its last octet.
  if (length > 0)
    throw new JackfieldError('EXPORT_INVALID', 'its last line has no line end; the export is cut off.');
}

function invalid(line: number, why: string): JackfieldError {
  return new JackfieldError('EXPORT_INVALID', `line ${line}: ${why}`);
}
