/**
 * When entries expire, kept beside the data, because the data file is the user's and holds nothing of ours.
 *
 * The file names, by the hash of its content, the data it belongs to. It is written before the data and then holds
 * two sections: for the data that is about to come and for the data that still stands. So whichever of the two a
 * crash leaves, its expiry is known. A data file that is neither was edited by hand; for that, the first section
 * counts where key and value are still the same.
 */
import { createHash } from 'node:crypto';
import type { Entry } from '../../core/storage/contract.js';
import { corrupt, textOf } from './json-text.js';

/** The expiry of the entries of one data file. */
export interface ExpirySection {
  /** SHA-256 of the data file, in hex. */
  readonly data: string;
  readonly rows: readonly ExpiryRow[];
}

/** Key, `valueMark` and the milliseconds since the epoch from which on the entry is absent. */
export type ExpiryRow = readonly [key: string, mark: string, expiresAt: number];

export function* expiryLines(sections: readonly ExpirySection[]): Generator<string, void> {
  for (const { data, rows } of sections) {
    yield `${JSON.stringify({ data })}\n`;
    for (const row of rows) yield `${JSON.stringify(row)}\n`;
  }
}

export function expiryRow({ key, value }: Entry, expiresAt: number): ExpiryRow {
  return [key, valueMark(value), expiresAt];
}

/** Errors: STORAGE_CORRUPT. */
export function expiryIn(octets: Uint8Array, file: string): ExpirySection[] {
  const text = textOf(octets, file);
  const sections: { data: string; rows: ExpiryRow[] }[] = [];
  let at = 0;
  for (const line of text.split('\n')) {
    const read = line === '' ? undefined : parsed(line);
    const rows = sections.at(-1)?.rows;
    if (isHead(read)) sections.push({ data: read.data, rows: [] });
    else if (isRow(read) && rows !== undefined) rows.push(read);
    else if (line !== '') {
      throw corrupt(file, text, at, 'this is no expiry. Without this file no entry of the data expires.');
    }
    at += line.length + 1;
  }
  return sections;
}

/** Tells when each entry of the data expires. */
export function expiryOf(
  sections: readonly ExpirySection[],
  data: string,
): (key: string, value: string) => number | undefined {
  const own = sections.find((section) => section.data === data);
  const rows = new Map((own ?? sections[0])?.rows.map((row) => [row[0], row]));
  return (key, value) => {
    const row = rows.get(key);
    if (row === undefined) return undefined;
    return own !== undefined || row[1] === valueMark(value) ? row[2] : undefined;
  };
}

/** Enough of a hash to tell an edited value from the one that was to expire. */
function valueMark(value: string): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 16);
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function isHead(line: unknown): line is { data: string } {
  return typeof line === 'object' && line !== null && 'data' in line && typeof line.data === 'string';
}

function isRow(line: unknown): line is ExpiryRow {
  if (!Array.isArray(line) || line.length !== 3) return false;
  const [key, mark, expiresAt]: unknown[] = line;
  return typeof key === 'string' && typeof mark === 'string' && Number.isSafeInteger(expiresAt);
}
