/**
 * Checks the folder of a store before LMDB opens it. LMDB does not check these faults; it would open an empty store or
 * end the process.
 */

import { constants } from 'node:fs';
import { access, mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemCode } from '../../core/errors.js';
import { StorageError } from '../../core/storage/contract.js';
import { syncFile } from '../../core/storage/sync-file.js';

/** Marks the folder as a store, so that a missing data file is noticed. */
const MARKER = 'jackfield-store.json';
const MARKER_TEXT = `${JSON.stringify({ adapter: 'lmdb', format: 1 })}\n`;
const PAGE_HEAD_OCTETS = 24;
const MAGIC = 0xbeefc0de;
/** The version of LMDB's data format that lmdb 3 writes. */
const DATA_VERSION = 2;

export interface FolderState {
  /** The folder held no store before. */
  readonly fresh: boolean;
  /** The file ends before the last page that LMDB counts: free pages that were never written, or an incomplete copy. */
  readonly short: boolean;
}

/** Errors: STORAGE_CORRUPT, STORAGE_UNREADABLE. */
export async function inspectFolder(path: string, readOnly: boolean): Promise<FolderState> {
  try {
    if (!readOnly) await mkdir(path, { recursive: true });
    await access(path, readOnly ? constants.R_OK : constants.R_OK | constants.W_OK);
    const known = await readMarker(path);
    const file = join(path, 'data.mdb');
    const size = await stat(file).then(
      (found) => found.size,
      () => undefined,
    );
    if (size === undefined || size === 0) {
      if (known) throw new StorageError('STORAGE_CORRUPT', `${file} is ${size === 0 ? 'empty' : 'missing'}.`);
      if (readOnly) throw new StorageError('STORAGE_UNREADABLE', `${path} is not a store.`);
      return { fresh: true, short: false };
    }
    return { fresh: !known, short: await isShort(file, size) };
  } catch (cause) {
    if (cause instanceof StorageError) throw cause;
    const isAbsent = readOnly && systemCode(cause) === 'ENOENT';
    const reason = isAbsent
      ? `${path} does not exist.`
      : cause instanceof Error
        ? cause.message
        : String(cause);
    throw new StorageError('STORAGE_UNREADABLE', reason, { cause });
  }
}

/** LMDB syncs its file, but not the folder: without this, a power failure could remove both files. */
export async function markFolder(path: string): Promise<void> {
  const marker = join(path, MARKER);
  const temporary = `${marker}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(MARKER_TEXT);
    await syncFile(file);
  } finally {
    await file.close();
  }
  await rename(temporary, marker);
  await syncFolder(path);
  await syncFolder(dirname(path));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await syncFile(folder);
  } finally {
    await folder.close();
  }
}

/** Errors: STORAGE_CORRUPT if the format is another one. */
async function readMarker(path: string): Promise<boolean> {
  const text = await readFile(join(path, MARKER), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return false;
  if (text === MARKER_TEXT) return true;
  throw new StorageError(
    'STORAGE_CORRUPT',
    `${join(path, MARKER)} does not belong to a store of this format.`,
  );
}

/** LMDB's two first pages name the last page. Reading after the end of a mapped file kills the process. */
async function isShort(file: string, size: number): Promise<boolean> {
  const handle = await open(file, 'r');
  try {
    const head = Buffer.alloc(0x40);
    await handle.read(head, 0, head.length, 0);
    const pageOctets = head.readUInt32LE(PAGE_HEAD_OCTETS + 24);
    const isPageSize = pageOctets >= 512 && pageOctets <= 65_536 && (pageOctets & (pageOctets - 1)) === 0;
    if (!isPageSize) throw new StorageError('STORAGE_CORRUPT', `${file} is not an LMDB file.`);
    let newest = { transaction: -1n, lastPage: 0n };
    for (const at of [0, pageOctets]) {
      const page = Buffer.alloc(0xa0);
      const { bytesRead } = await handle.read(page, 0, page.length, at);
      const isMeta = bytesRead === page.length && page.readUInt32LE(PAGE_HEAD_OCTETS) === MAGIC;
      if (!isMeta) throw new StorageError('STORAGE_CORRUPT', `${file} is damaged at offset ${at}.`);
      if (page.readUInt32LE(PAGE_HEAD_OCTETS + 4) !== DATA_VERSION) {
        throw new StorageError('STORAGE_CORRUPT', `${file} has a data format that lmdb 3 does not write.`);
      }
      const transaction = page.readBigUInt64LE(0x98);
      if (transaction > newest.transaction) newest = { transaction, lastPage: page.readBigUInt64LE(0x90) };
    }
    return BigInt(size) < (newest.lastPage + 1n) * BigInt(pageOctets);
  } finally {
    await handle.close();
  }
}
