/**
 * Merges the journals into the data file while commits go on: a new journal takes the commits after the cut, and the
 * data at the cut is written to a new file. At every step, the files on disk are enough to recover:
 *
 * 1. the new journal, on disk with its name; commits go to it
 * 2. the new data under a temporary name, synced
 * 3. its base, on disk with its name
 * 4. the data file renamed, and the folder synced
 * 5. only now the old journals and bases are removed
 */
import type { FrozenEntries } from '../../core/storage/entry-table.js';
import { type BaseHeader, prepareBase } from './base.js';
import { type FileStat, type FileSystem, statOrNone } from './file-system.js';
import { writeSnapshot } from './snapshot.js';
import { basePath, journalPath, numberedFiles, remove } from './store-files.js';

/** The data at the moment when a new journal took over. */
export interface Cut extends Omit<BaseHeader, 'data' | 'entries'> {
  /** The number of the new journal. */
  readonly number: number;
  readonly entries: FrozenEntries;
}

export interface CheckpointParts {
  readonly files: FileSystem;
  /** Errors: STORAGE_LOCKED. */
  mustBeLocked(): Promise<void>;
  /** Called right before the data file is replaced. */
  keepEdit(): Promise<void>;
  /** Called when this file is the data file. */
  stands(stat: FileStat, hash: string): void;
}

/** Errors: those of writing. After an error the data is unchanged and all journals are there. */
export async function checkpoint(path: string, cut: Cut, parts: CheckpointParts): Promise<void> {
  const { files } = parts;
  const { number, entries, created, revision, salt } = cut;
  await parts.mustBeLocked();
  const snapshot = await writeSnapshot(files, path, entries);
  try {
    const header = { data: snapshot.data, entries: entries.size, created, revision, salt };
    const base = await prepareBase(files, basePath(path, number), header, entries);
    await base.publish();
    await parts.keepEdit();
    await parts.mustBeLocked();
  } catch (error) {
    await snapshot.abandon();
    throw error;
  }
  try {
    await snapshot.publish();
  } catch (error) {
    const existing = await statOrNone(files, path).catch(() => undefined);
    if (existing?.id === snapshot.stat.id) parts.stands(snapshot.stat, snapshot.data);
    throw error;
  }
  parts.stands(snapshot.stat, snapshot.data);
  await removeOlder(files, path, number).catch(() => {});
}

/** Files that could not be removed are removed by the next checkpoint or the next start. */
async function removeOlder(files: FileSystem, path: string, number: number): Promise<void> {
  const { journals, bases } = await numberedFiles(files, path);
  const older = (numbers: readonly number[]) => numbers.filter((other) => other < number);
  await remove(files, [
    ...older(journals).map((other) => journalPath(path, other)),
    ...older(bases).map((other) => basePath(path, other)),
  ]);
}
