/**
 * What the data file does not contain about its entries: their `created`, `revision` and expiry, and the highest
 * numbers given. A base names its data file by hash, and lists the entries in the same order.
 *
 * Most stores were filled in order, so consecutive entries share one row. In the worst case, every entry changed at
 * random, each takes a row of some twenty octets.
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Entry } from '../../core/storage/contract.js';
import { type Prepared, piecesOf, prepare } from './durable-file.js';
import type { FileSystem } from './file-system.js';
import { hex, LINE_END } from './frame.js';

export interface BaseHeader {
  /** SHA-256 of the data file in hex; null if there was no file. */
  readonly data: string | null;
  readonly entries: number;
  /** The highest `created` assigned. */
  readonly created: number;
  /** The revision of the last commit in the data. */
  readonly revision: number;
  /** The salt of the journal with the same number, so that its records can be read even if its header is damaged. */
  readonly salt: number;
}

export interface Base extends BaseHeader {
  /** The lines after the header. */
  readonly rows: Buffer;
}

/** `entries` whose `created` rises by one, and `revision` by `step`. */
type Run = readonly [entries: number, created: number, revision: number, step: number];
type Expiring = readonly [created: number, revision: number, expiresAt: number, key: string, mark: string];

/** Writes the file and syncs it; it gets its name when it is published. Errors: STORAGE_FULL, STORAGE_UNAVAILABLE. */
export function prepareBase(
  files: FileSystem,
  path: string,
  header: BaseHeader,
  entries: Iterable<Entry>,
): Promise<Prepared> {
  return prepare(files, path, summed(piecesOf(linesOf(header, entries))));
}

function* summed(pieces: Iterable<Uint8Array>): Generator<Uint8Array, void> {
  let sum = 0;
  for (const piece of pieces) {
    sum = crc32(piece, sum);
    yield piece;
  }
  yield Buffer.from(`end ${hex(sum)}\n`);
}

const END_OCTETS = 'end 01234567\n'.length;

/** Undefined if the file is incomplete or damaged. */
export function baseIn(octets: Buffer): Base | undefined {
  const end = octets.length - END_OCTETS;
  if (end < 0) return undefined;
  const content = octets.subarray(0, end);
  if (octets.toString('latin1', end) !== `end ${hex(crc32(content))}\n`) return undefined;
  const headerEnd = content.indexOf(LINE_END);
  // The checksum proves that we wrote it, so its form needs no further check.
  const { salt, ...header } = JSON.parse(content.toString('utf8', 0, headerEnd)) as Omit<
    BaseHeader,
    'salt'
  > & { readonly salt: string };
  return { ...header, salt: Number.parseInt(salt, 16), rows: content.subarray(headerEnd + 1) };
}

function* linesOf(header: BaseHeader, entries: Iterable<Entry>): Generator<string, void> {
  yield `${JSON.stringify({ base: 1, ...header, salt: hex(header.salt) })}\n`;
  let run: { entries: number; created: number; revision: number; step: number } | undefined;
  const endRun = () => {
    if (run === undefined) return '';
    const row: Run = [run.entries, run.created, run.revision, run.step];
    run = undefined;
    return `${JSON.stringify(row)}\n`;
  };
  for (const { key, value, created, revision, expiresAt } of entries) {
    if (expiresAt !== undefined) {
      yield endRun();
      const row: Expiring = [created, revision, expiresAt, key, valueMark(value)];
      yield `${JSON.stringify(row)}\n`;
      continue;
    }
    if (run !== undefined && created === run.created + run.entries) {
      const step = revision - (run.revision + run.step * (run.entries - 1));
      if (run.entries === 1 && (step === 0 || step === 1)) run.step = step;
      if (step === run.step && (step === 0 || step === 1)) {
        run.entries += 1;
        continue;
      }
    }
    yield endRun();
    run = { entries: 1, created, revision, step: 0 };
  }
  yield endRun();
}

/** Enough of a hash to distinguish an edited value from the value that was to expire. */
export function valueMark(value: string): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 16);
}

/** Reads the rows of a base entry by entry: `next` sets the numbers of the following entry. */
export class BaseRows {
  created = 0;
  revision = 0;
  expiresAt: number | undefined;
  readonly #rows: Buffer;
  #at = 0;
  #left = 0;
  #step = 0;

  constructor({ rows }: Base) {
    this.#rows = rows;
  }

  next(): void {
    if (this.#left > 0) {
      this.#left -= 1;
      this.created += 1;
      this.revision += this.#step;
      return;
    }
    const end = this.#rows.indexOf(LINE_END, this.#at);
    const row = JSON.parse(this.#rows.toString('utf8', this.#at, end)) as Run | Expiring;
    this.#at = end + 1;
    if (row.length === 5) {
      [this.created, this.revision, this.expiresAt] = row;
      return;
    }
    this.expiresAt = undefined;
    [this.#left, this.created, this.revision, this.#step] = row;
    this.#left -= 1;
  }
}

/** Key to value mark and expiry, for data that was edited since. */
export function expiringIn({ rows }: Base): Map<string, { mark: string; expiresAt: number }> {
  const expiring = new Map<string, { mark: string; expiresAt: number }>();
  for (let at = 0; at < rows.length; ) {
    const end = rows.indexOf(LINE_END, at);
    const row = JSON.parse(rows.toString('utf8', at, end)) as Run | Expiring;
    if (row.length === 5) expiring.set(row[3], { mark: row[4], expiresAt: row[2] });
    at = end + 1;
  }
  return expiring;
}

/** `expiringIn` for a damaged base: every row that still parses. */
export function salvagedExpiring(octets: Buffer): ReturnType<typeof expiringIn> {
  const expiring: ReturnType<typeof expiringIn> = new Map();
  for (let at = 0; at < octets.length; ) {
    const found = octets.indexOf(LINE_END, at);
    const end = found === -1 ? octets.length : found;
    const [, , expiresAt, key, mark] = rowIn(octets.toString('utf8', at, end));
    if (Number.isSafeInteger(expiresAt) && typeof key === 'string' && typeof mark === 'string') {
      expiring.set(key, { mark, expiresAt: Number(expiresAt) });
    }
    at = end + 1;
  }
  return expiring;
}

function rowIn(line: string): readonly unknown[] {
  try {
    const row: unknown = JSON.parse(line);
    return Array.isArray(row) ? row : [];
  } catch {
    return [];
  }
}
