/** The real file of a path. A symbolic link is followed, so that two paths to one file share one lock. */

import { basename, dirname, join, resolve } from 'node:path';
import { systemCode } from '../../core/errors.js';
import { StorageError } from '../../core/storage/contract.js';
import { reasonIn } from './durable-file.js';
import type { FileSystem } from './file-system.js';

/** The limit of Linux. */
const MAX_LINKS = 40;

/** The real path of a file that need not exist yet, in a folder that must. Errors: STORAGE_UNREADABLE. */
export async function realDataPath(path: string, files: FileSystem): Promise<string> {
  let current = path;
  for (let links = 0; links < MAX_LINKS; links += 1) {
    const folder = await realFolder(dirname(current), path, files);
    current = join(folder, basename(current));
    try {
      // The link may lead to a file that does not exist yet, which realPath cannot resolve.
      current = resolve(folder, await files.readLink(current));
    } catch (error) {
      // EINVAL: the file exists and is not a link.
      if (['EINVAL', 'ENOENT', 'UNKNOWN'].includes(systemCode(error))) return current;
      throw unreadable(path, error);
    }
  }
  throw new StorageError('STORAGE_UNREADABLE', `${path} is a symbolic link that leads in a circle.`);
}

async function realFolder(folder: string, path: string, files: FileSystem): Promise<string> {
  try {
    return await files.realPath(folder);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw unreadable(path, error);
    throw new StorageError(
      'STORAGE_UNREADABLE',
      `the folder ${folder}, where ${basename(path)} is to be kept, does not exist. Create it or change the path.`,
      { cause: error },
    );
  }
}

export function unreadable(path: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  return new StorageError('STORAGE_UNREADABLE', `${path}: ${reasonIn(cause)}.`, { cause });
}
