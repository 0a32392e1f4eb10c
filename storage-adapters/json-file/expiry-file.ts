/**
 * When entries expire, as the first format of this adapter kept it: a file beside the data, read once and then taken
 * over into the base (`base.ts`).
 *
 * The file names, by the hash of its content, the data it belongs to: the data that was about to be written and the
 * data that stood before. A data file that is neither was edited by hand; for that, the first section counts where
 * key and value are still the same.
 */
import { valueMark } from './base.js';
import { corrupt, textOf } from './json-text.js';

/** Key, `valueMark` and the milliseconds since the epoch from which on the entry is absent. */
type ExpiryRow = readonly [key: string, mark: string, expiresAt: number];

/** The expiry of the entries of one data file, known by its SHA-256 in hex. */
export interface ExpirySection {
  readonly data: string;
  readonly rows: readonly ExpiryRow[];
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
  data: string | null,
): (key: string, value: string) => number | undefined {
  const own = sections.find((section) => section.data === data);
  const rows = new Map((own ?? sections[0])?.rows.map((row) => [row[0], row]));
  return (key, value) => {
    const row = rows.get(key);
    if (row === undefined) return undefined;
    return own !== undefined || row[1] === valueMark(value) ? row[2] : undefined;
  };
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
