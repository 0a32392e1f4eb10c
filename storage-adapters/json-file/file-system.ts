/** The file operations that json-file needs. Tests can make each of them fail or stop. */

import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { systemCode } from '../../core/errors.js';
import { syncFile } from '../../core/storage/sync-file.js';

export interface FileSystem {
  /** The whole file. */
  read(path: string): Promise<Uint8Array>;
  stat(path: string): Promise<FileStat>;
  /** The names in a folder. */
  list(folder: string): Promise<string[]>;
  /** Creates a new file for writing; EEXIST if the name is taken, also by a symbolic link. */
  create(path: string): Promise<OpenFile>;
  /** Opens an existing file for writing. */
  open(path: string): Promise<OpenFile>;
  rename(from: string, to: string): Promise<void>;
  /** A second name for the same file; EEXIST if the name is taken. */
  link(existing: string, name: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Makes renames in this folder survive a power failure. */
  syncFolder(path: string): Promise<void>;
  realPath(path: string): Promise<string>;
  readLink(path: string): Promise<string>;
}

export interface OpenFile {
  /** Writes octets from the start of the array, possibly not all. @returns How many. */
  write(octets: Uint8Array, at: number): Promise<number>;
  /**
   * Like `write`, and when it resolves, these octets are on disk, as after `syncData`; octets of earlier writes need
   * not be. One trip to the disk instead of two, if the system can. After an error, any of the octets may be on disk.
   */
  writeSynced(octets: Uint8Array, at: number): Promise<number>;
  truncate(size: number): Promise<void>;
  /** The same value as `FileStat.id`, also after the file has lost its name. */
  id(): Promise<string>;
  /** Sets the access rights and owner of another file. */
  dress(like: Pick<FileStat, 'mode' | 'uid' | 'gid'>): Promise<void>;
  sync(): Promise<void>;
  /** Syncs content and size, without times and rights: enough for a journal, at half the cost. */
  syncData(): Promise<void>;
  close(): Promise<void>;
}

export interface FileStat {
  readonly kind: 'file' | 'folder' | 'socket' | 'device or pipe';
  /** Device and inode: unchanged as long as it is the same file. */
  readonly id: string;
  readonly size: number;
  readonly mtimeNs: bigint;
  /** The twelve bits of access rights. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

const MAX_READ_OCTETS = 67_108_864;

export const nodeFileSystem: FileSystem = {
  async read(path) {
    // `readFile` refuses files over 2 GiB.
    const file = await fs.open(path, constants.O_RDONLY);
    try {
      const octets = Buffer.allocUnsafeSlow((await file.stat()).size);
      for (let at = 0; at < octets.length; ) {
        const length = Math.min(octets.length - at, MAX_READ_OCTETS);
        const { bytesRead } = await file.read(octets, at, length, at);
        if (bytesRead === 0) return octets.subarray(0, at);
        at += bytesRead;
      }
      return octets;
    } finally {
      await file.close();
    }
  },

  async stat(path) {
    const found = await fs.stat(path, { bigint: true });
    return {
      kind: found.isFile()
        ? 'file'
        : found.isDirectory()
          ? 'folder'
          : found.isSocket()
            ? 'socket'
            : 'device or pipe',
      id: `${found.dev}:${found.ino}`,
      size: Number(found.size),
      mtimeNs: found.mtimeNs,
      mode: Number(found.mode) & 0o7777,
      uid: Number(found.uid),
      gid: Number(found.gid),
    };
  },

  list: (folder) => fs.readdir(folder),

  async create(path) {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    return opened(await fs.open(path, flags, 0o600), path);
  },

  async open(path) {
    return opened(await fs.open(path, constants.O_WRONLY), path);
  },

  rename: (from, to) => fs.rename(from, to),
  link: (existing, name) => fs.link(existing, name),
  unlink: (path) => fs.unlink(path),

  async syncFolder(path) {
    // Windows cannot open folders; there the file system decides how durable a rename is.
    if (process.platform === 'win32') return;
    const folder = await fs.open(path, constants.O_RDONLY);
    try {
      await syncFile(folder);
    } finally {
      await folder.close();
    }
  },

  realPath: (path) => fs.realpath(path),
  readLink: (path) => fs.readlink(path),
};

/** @param path The path it was opened by. */
function opened(file: fs.FileHandle, path: string): OpenFile {
  const write = async (to: fs.FileHandle, octets: Uint8Array, at: number) =>
    (await to.write(octets, 0, octets.length, at)).bytesWritten;
  let through: Promise<fs.FileHandle | undefined> | undefined;
  return {
    write: (octets, at) => write(file, octets, at),
    async writeSynced(octets, at) {
      through ??= openThrough(file);
      const synced = await through;
      if (synced !== undefined) return write(synced, octets, at);
      const written = await write(file, octets, at);
      await syncFile(file, 'datasync');
      return written;
    },
    truncate: (size) => file.truncate(size),
    async id() {
      const { dev, ino } = await file.stat({ bigint: true });
      return `${dev}:${ino}`;
    },
    async dress({ mode, uid, gid }) {
      const own = await file.stat();
      // Only root may change the owner. For other users the file becomes theirs, as with every editor that renames.
      if (own.uid !== uid || own.gid !== gid) await file.chown(uid, gid).catch(() => {});
      if ((own.mode & 0o7777) !== mode) await changeMode(file, path, mode);
    },
    sync: () => syncFile(file),
    syncData: () => syncFile(file, 'datasync'),
    async close() {
      await (await through)?.close();
      await file.close();
    },
  };
}

/** The errors of file systems without access rights, such as FAT; their files have the rights of the mount. */
const NO_MODES_HERE = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

async function changeMode(file: fs.FileHandle, path: string, mode: number): Promise<void> {
  try {
    await file.chmod(mode).catch((error: unknown) => {
      // Node's permission model refuses every `fchmod`, but allows `chmod` if the path may be written.
      if (systemCode(error) !== 'ERR_ACCESS_DENIED') throw error;
      return fs.chmod(path, mode);
    });
  } catch (error) {
    if (!NO_MODES_HERE.includes(systemCode(error))) throw error;
  }
}

/**
 * The same file (it may have another name by now) through a descriptor that syncs data before a write returns.
 * Undefined on other systems than Linux: only Linux can open a descriptor a second time, and on macOS such a write may
 * leave the octets in the disk's cache, while `fdatasync` of Node does not.
 */
async function openThrough(file: fs.FileHandle): Promise<fs.FileHandle | undefined> {
  if (process.platform !== 'linux') return undefined;
  return fs.open(`/proc/self/fd/${file.fd}`, constants.O_WRONLY | constants.O_DSYNC).catch(() => undefined);
}

/** `ENOENT`, `EIO` and so on; `''` if it is not an error of the system. */
export async function statOrNone(files: FileSystem, path: string): Promise<FileStat | undefined> {
  try {
    return await files.stat(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
