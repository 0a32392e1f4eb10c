/** Syncs a file to disk, also where the handles of `fs/promises` cannot. */
import { fdatasync as fdatasyncOf, fsync as fsyncOf } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';

const fsync = promisify(fsyncOf);
const fdatasync = promisify(fdatasyncOf);

/**
 * Yarn's Plug'n'Play replaces Node's file handles by its own, which cannot sync; their descriptors are real. Otherwise
 * use the handle: with --permission, Node 20 and 22 refuse to sync a descriptor.
 */
const HANDLES_SYNC = process.versions.pnp === undefined;

/** @param how `datasync`: content and size, without times and rights. */
export function syncFile(file: FileHandle, how: 'sync' | 'datasync' = 'sync'): Promise<void> {
  if (HANDLES_SYNC) return file[how]();
  return how === 'sync' ? fsync(file.fd) : fdatasync(file.fd);
}
