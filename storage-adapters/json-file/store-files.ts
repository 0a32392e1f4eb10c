/** The names of the files beside the data, and which of them exist. */

import { basename, dirname, join } from 'node:path';
import { systemCode } from '../../core/errors.js';
import { unreadable } from './data-path.js';
import { ignoreAbsent } from './durable-file.js';
import type { FileSystem } from './file-system.js';
import { headerIn } from './frame.js';

export const journalPath = (path: string, number: number): string => `${path}.journal.${number}`;
/** The base that the journal of the same number continues. */
export const basePath = (path: string, number: number): string => `${path}.base.${number}`;

/** The numbers of the existing files, ascending. */
export interface Numbered {
  readonly journals: readonly number[];
  readonly bases: readonly number[];
  /** Higher than every existing number. */
  readonly next: number;
  /** Paths of temporary files that never got their final name. */
  readonly temporary: readonly string[];
}

export async function numberedFiles(files: FileSystem, path: string): Promise<Numbered> {
  const names = await files.list(dirname(path));
  const numbers = (prefix: string) =>
    names
      .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,14}$/.test(name.slice(prefix.length)))
      .map((name) => Number(name.slice(prefix.length)))
      .sort((one, other) => one - other);
  const journals = numbers(`${basename(path)}.journal.`);
  const bases = numbers(`${basename(path)}.base.`);
  const temporary = names
    .filter(
      (name) =>
        name.startsWith(`${basename(path)}.`) &&
        /^\.(?:base\.\d+\.)?tmp$/.test(name.slice(basename(path).length)),
    )
    .map((name) => join(dirname(path), name));
  return { journals, bases, temporary, next: Math.max(0, journals.at(-1) ?? 0, bases.at(-1) ?? 0) + 1 };
}

/** Errors: STORAGE_UNREADABLE. */
export async function readOrNone(files: FileSystem, path: string): Promise<Buffer | undefined> {
  try {
    const octets = await files.read(path);
    return Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
}

/** A journal without the reserved space after its frames; empty if there is no file. Errors: STORAGE_UNREADABLE. */
export async function readJournalFile(files: FileSystem, path: string, number: number): Promise<Buffer> {
  const octets = (await readOrNone(files, journalPath(path, number))) ?? Buffer.alloc(0);
  // Space is only reserved after a header. So NUL without a valid header is damage.
  if (headerIn(octets) === undefined) return octets;
  let end = octets.length;
  while (end > 0 && octets[end - 1] === 0) end -= 1;
  return octets.subarray(0, end);
}

export async function remove(files: FileSystem, paths: readonly string[]): Promise<void> {
  for (const path of paths) await files.unlink(path).catch(ignoreAbsent);
}

/**
 * Gives a file a second name, so that its content survives when the first name is replaced. `link`, unlike `rename`,
 * never replaces another file.
 * @param what The suffix: `edited` makes `data.json.edited-20261126T120000`.
 * @returns The second name.
 */
export async function keepAs(files: FileSystem, path: string, what: string): Promise<string> {
  const time = new Date().toISOString().replace(/[-:]|\..*/g, '');
  for (let number = 1; ; number += 1) {
    const kept = `${path}.${what}-${time}${number === 1 ? '' : `-${number}`}`;
    try {
      await files.link(path, kept);
      return kept;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST' || number > 1_000) throw error;
    }
  }
}
