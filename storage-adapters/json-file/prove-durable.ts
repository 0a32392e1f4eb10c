/**
 * Tries at the start what commits and checkpoints do later: writes a small file beside the data, syncs it, renames it,
 * and syncs the folder. Some places refuse a part of that. Without the trial, a server would report ready and fail at
 * the first change.
 */

import { basename, dirname } from 'node:path';
import { systemCode } from '../../core/errors.js';
import { StorageError } from '../../core/storage/contract.js';
import { ignoreAbsent, isFull, reasonIn, writeWhole } from './durable-file.js';
import { type FileSystem, type OpenFile, statOrNone } from './file-system.js';

/**
 * Call it with the lock held, before anything else is written. A full disk proves nothing and is not an error: the
 * store can be read, and accepts changes when there is space.
 * @param path The real path of the data file.
 * Errors: STORAGE_NOT_DURABLE, which says what to do; nothing has changed.
 */
export async function proveDurable(path: string, files: FileSystem): Promise<void> {
  // If the process ends in between, recovery removes both names.
  const first = `${path}.base.0.tmp`;
  const second = `${path}.tmp`;
  const removeBoth = async () => {
    for (const name of [first, second]) await files.unlink(name).catch(ignoreAbsent);
  };
  let step = 'it cannot write beside the data';
  try {
    const existing = await statOrNone(files, path);
    await removeBoth();
    if (existing?.kind === 'file') await mustNotBeMounted(path, second, files);
    const file = await files.create(first);
    try {
      await writeWhole(file, Buffer.from('\n'), 0);
      step = 'it cannot sync a file';
      await syncEachWay(file);
      step = 'it cannot give a file its access rights';
      await file.dress(existing ?? (await files.stat(first)));
    } finally {
      await file.close();
    }
    step = 'it cannot rename a file';
    await files.rename(first, second);
    step = 'it cannot sync the folder';
    await files.syncFolder(dirname(path));
    step = 'it cannot remove a file';
    await removeBoth();
  } catch (cause) {
    await removeBoth().catch(() => {});
    if (isFull(cause)) return;
    if (cause instanceof StorageError) throw cause;
    throw new StorageError('STORAGE_NOT_DURABLE', `${path}: ${step}: ${reasonIn(cause)}. ${cureOf(cause)}`, {
      cause,
    });
  }
}

async function syncEachWay(file: OpenFile): Promise<void> {
  await file.sync();
  await file.syncData();
  await file.writeSynced(Buffer.from('\n'), 0);
}

/**
 * A file that is mounted by itself, as with `docker run -v data.json:/app/data.json`, cannot be replaced, and the
 * journal beside it would be on another mount that may vanish with the container. A hard link cannot cross mounts, so
 * creating one detects this. A file system without hard links says nothing about it.
 */
async function mustNotBeMounted(path: string, name: string, files: FileSystem): Promise<void> {
  try {
    await files.link(path, name);
  } catch (cause) {
    if (systemCode(cause) !== 'EXDEV') return;
    throw new StorageError(
      'STORAGE_NOT_DURABLE',
      `${path} is mounted as a single file, so it cannot be replaced, and new files next to it are on another file system. ` +
        `Mount its folder instead, and use ${basename(path)} in that folder as the path of the store.`,
      { cause },
    );
  }
  await files.unlink(name);
}

function cureOf(cause: unknown): string {
  if (systemCode(cause) === 'ERR_ACCESS_DENIED') {
    return 'Node runs with its permission model, which does not allow this. Start Node without --permission, or use a store on a server, such as redis or postgres.';
  }
  return 'Choose a path on a local disk where this user may write.';
}
