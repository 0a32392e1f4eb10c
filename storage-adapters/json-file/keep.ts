/** Copies of data that recovery removes or refuses, so that a person can inspect it. */

import { basename, dirname } from 'node:path';
import { systemCode } from '../../core/errors.js';
import type { AdapterContext } from '../../core/storage/contract.js';
import { unreadable } from './data-path.js';
import { reasonIn, writeWhole } from './durable-file.js';
import type { FileSystem, OpenFile } from './file-system.js';
import type { Continued } from './recovery.js';
import { journalPath, readOrNone } from './store-files.js';

type Log = AdapterContext['log'] | undefined;

/** Writes octets to a new file beside the given one, on disk with its name. @returns Its path. */
export async function keepOctets(
  files: FileSystem,
  path: string,
  what: string,
  octets: Uint8Array,
): Promise<string> {
  const time = new Date().toISOString().replace(/[-:]|\..*/g, '');
  let file: OpenFile | undefined;
  let kept = '';
  for (let number = 1; file === undefined; number += 1) {
    kept = `${path}.${what}-${time}${number === 1 ? '' : `-${number}`}`;
    file = await files.create(kept).catch((error: unknown) => {
      if (systemCode(error) !== 'EEXIST') throw error;
      return undefined;
    });
  }
  try {
    await writeWhole(file, octets, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.syncFolder(dirname(path));
  return kept;
}

/** Cuts off a torn tail after a copy of it is safe. Errors: STORAGE_UNREADABLE. */
export async function keepTail(
  files: FileSystem,
  path: string,
  { number, size, tail }: Continued,
  log: Log,
): Promise<void> {
  const journal = journalPath(path, number);
  try {
    const kept = await keepOctets(files, journal, 'torn', tail ?? new Uint8Array());
    const file = await files.open(journal);
    try {
      await file.truncate(size);
      await file.sync();
    } finally {
      await file.close();
    }
    log?.warn(
      { file: journal, offset: size, octets: tail?.length, kept },
      'The last record of the journal is incomplete, so it was never confirmed. It was cut off and kept in another file.',
    );
  } catch (cause) {
    throw unreadable(journal, cause);
  }
}

/** Keeps one copy of a damaged file, however often the server starts. If the copy fails, only the log says so. */
export async function keepDamaged(files: FileSystem, path: string, log: Log): Promise<void> {
  try {
    const names = await files.list(dirname(path));
    if (names.some((name) => name.startsWith(`${basename(path)}.damaged-`))) return;
    const octets = await readOrNone(files, path);
    if (octets === undefined) return;
    const kept = await keepOctets(files, path, 'damaged', octets);
    log?.error({ file: path, kept }, 'A copy of the damaged file was kept.');
  } catch (error) {
    log?.error({ file: path }, `The damaged file could not be copied: ${reasonIn(error)}.`);
  }
}
