/**
 * Replaces a file so that after a crash or a power failure the complete old or the complete new file exists: a
 * temporary file beside it, synced; a rename; the folder synced.
 */

import { dirname } from 'node:path';
import { reasonOf, systemCode } from '../../core/errors.js';
import { StorageError } from '../../core/storage/contract.js';
import { type FileStat, type FileSystem, type OpenFile, statOrNone } from './file-system.js';

/** The most that is written in one step, so that a large file does not block the event loop. */
const PIECE_CHARACTERS = 65_536;

const SYNC_EVERY_OCTETS = 16_777_216;

/** Only the owner needs to read a new file. If the operator changes the mode, it is kept. */
const NEW_FILE_MODE = 0o600;

/** New content, synced under a temporary name. The file itself is unchanged. */
export interface Prepared {
  /** The stat of the new file, as after the rename. */
  readonly stat: FileStat;
  /** Errors: STORAGE_OUTCOME_UNKNOWN. */
  publish(): Promise<void>;
  abandon(): Promise<void>;
}

/**
 * A disk failure after which no written data can be trusted: a kernel that failed to write a page may drop it and
 * report success the next time. The store writes nothing more until it is opened again.
 */
export class DiskFault extends StorageError {}

/** Errors: STORAGE_FULL, STORAGE_UNAVAILABLE; nothing changed. */
export async function prepare(
  files: FileSystem,
  path: string,
  pieces: Iterable<Uint8Array>,
): Promise<Prepared> {
  const temporary = `${path}.tmp`;
  const abandon = () => files.unlink(temporary).catch(() => {});
  let file: OpenFile | undefined;
  try {
    const existing = await statOrNone(files, path);
    // A leftover of a crash, or a link that somebody put there: remove it, never write through it.
    await files.unlink(temporary).catch(ignoreAbsent);
    file = await files.create(temporary);
    await file.dress(existing ?? { ...(await files.stat(temporary)), mode: NEW_FILE_MODE });
    let size = 0;
    let unsynced = 0;
    for (const piece of pieces) {
      await writeWhole(file, piece, size);
      size += piece.length;
      unsynced += piece.length;
      if (unsynced < SYNC_EVERY_OCTETS) continue;
      // Sync a large file in steps. One sync at the end would block the syncs of the journal for as long.
      await synced(file);
      unsynced = 0;
    }
    await synced(file);
    const closing = file;
    file = undefined;
    await closing.close();
    const stat = await files.stat(temporary);
    if (stat.size !== size) throw new Error(`${stat.size} of ${size} octets were written`);
    return { stat, publish: () => publish(files, temporary, path), abandon };
  } catch (cause) {
    await file?.close().catch(() => {});
    await abandon();
    throw notWritten(path, cause);
  }
}

async function publish(files: FileSystem, temporary: string, path: string): Promise<void> {
  try {
    await files.rename(temporary, path);
    await files.syncFolder(dirname(path));
  } catch (cause) {
    throw new DiskFault('STORAGE_OUTCOME_UNKNOWN', `${path}: ${reasonIn(cause)}.`, { cause });
  }
}

async function synced(file: OpenFile): Promise<void> {
  try {
    await file.sync();
  } catch (cause) {
    // Some file systems allocate the space only now.
    if (isFull(cause)) throw cause;
    throw new DiskFault('STORAGE_UNAVAILABLE', `a sync failed: ${reasonIn(cause)}.`, { cause });
  }
}

/** A write may take fewer octets than it got, most of all on a nearly full disk. */
export async function writeWhole(
  file: OpenFile,
  octets: Uint8Array,
  at: number,
  how: 'write' | 'writeSynced' = 'write',
): Promise<void> {
  for (let done = 0; done < octets.length; ) {
    const written = await file[how](octets.subarray(done), at + done);
    if (written === 0) throw Object.assign(new Error('no octet more could be written'), { code: 'ENOSPC' });
    done += written;
  }
}

/** Joins lines into pieces of UTF-8. */
export function* piecesOf(lines: Iterable<string>): Generator<Uint8Array, void> {
  let text = '';
  for (const line of lines) {
    text += line;
    if (text.length < PIECE_CHARACTERS) continue;
    yield Buffer.from(text);
    text = '';
  }
  yield Buffer.from(text);
}

export function isFull(cause: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(cause));
}

/** For errors before the file itself is changed. */
export function notWritten(path: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const detail = `${path}: ${reasonIn(cause)}.`;
  if (isFull(cause)) return new StorageError('STORAGE_FULL', detail, { cause });
  const Fault = systemCode(cause) === 'EIO' ? DiskFault : StorageError;
  return new Fault('STORAGE_UNAVAILABLE', detail, { cause });
}

/** Without a full stop at its end: the sentence around it has one. */
/** The reason without its full stop, for the middle of a sentence. */
export function reasonIn(cause: unknown): string {
  return reasonOf(cause).replace(/\.$/, '');
}

export function ignoreAbsent(error: unknown): void {
  if (systemCode(error) !== 'ENOENT') throw error;
}
