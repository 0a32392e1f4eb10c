/** The data file, written from entries as they stood at one moment; the event loop goes on in between its pieces. */
import { createHash } from 'node:crypto';
import type { Entry } from '../../core/storage/contract.js';
import { type Prepared, piecesOf, prepare } from './durable-file.js';
import type { FileSystem } from './file-system.js';
import { lineOf } from './json-text.js';

export interface Snapshot extends Prepared {
  /** SHA-256 of the file, in hex. */
  readonly data: string;
}

/** Writes it under another name and syncs it. Errors: STORAGE_FULL, STORAGE_UNAVAILABLE. */
export async function writeSnapshot(
  files: FileSystem,
  path: string,
  entries: readonly Entry[],
): Promise<Snapshot> {
  const hash = createHash('sha256');
  const prepared = await prepare(files, path, hashed(piecesOf(linesOf(entries)), hash));
  return { ...prepared, data: hash.digest('hex') };
}

function* linesOf(entries: readonly Entry[]): Generator<string, void> {
  if (entries.length === 0) yield '{}\n';
  for (const [at, { key, value }] of entries.entries()) {
    yield `${at === 0 ? '{\n' : ',\n'}${lineOf(key, value)}`;
  }
  if (entries.length > 0) yield '\n}\n';
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
