/** Writes the data file from a snapshot of the entries; the event loop runs between its pieces. */
import { createHash } from 'node:crypto';
import type { Entry } from '../../core/storage/contract.js';
import { type Prepared, piecesOf, prepare } from './durable-file.js';
import type { FileSystem } from './file-system.js';
import { lineOf } from './json-text.js';

export interface Snapshot extends Prepared {
  /** SHA-256 of the file, in hex. */
  readonly data: string;
}

/** Writes it under a temporary name and syncs it. Errors: STORAGE_FULL, STORAGE_UNAVAILABLE. */
export async function writeSnapshot(
  files: FileSystem,
  path: string,
  entries: Iterable<Entry>,
): Promise<Snapshot> {
  const hash = createHash('sha256');
  const prepared = await prepare(files, path, hashed(piecesOf(linesOf(entries)), hash));
  return { ...prepared, data: hash.digest('hex') };
}

function* linesOf(entries: Iterable<Entry>): Generator<string, void> {
  let before = '{\n';
  for (const { key, value } of entries) {
    yield before + lineOf(key, value);
    before = ',\n';
  }
  yield before === '{\n' ? '{}\n' : '\n}\n';
}

function* hashed(
  pieces: Iterable<Uint8Array>,
  hash: { update(octets: Uint8Array): unknown },
): Generator<Uint8Array, void> {
  for (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}
