/**
 * What an operator can do with a store while no server has it open: check it, and decide after the server has refused
 * it (STORAGE_EDITED, STORAGE_CORRUPT). Each function holds the lock of the data file while it runs.
 */
import { dirname, resolve } from 'node:path';
import { StorageError, type Verification } from '../../core/storage/contract.js';
import { EntryTable } from '../../core/storage/entry-table.js';
import { salvagedExpiring, valueMark } from './base.js';
import { checkpoint } from './checkpoint.js';
import { realDataPath } from './data-path.js';
import { type FileLock, lockFile, lockToRead } from './file-lock.js';
import { type FileSystem, nodeFileSystem } from './file-system.js';
import { type Frame, HEADER_OCTETS, headerIn } from './frame.js';
import { Journal } from './journal.js';
import { proveDurable } from './prove-durable.js';
import { salvage } from './read-journal.js';
import {
  expiryFor,
  type NumberedBase,
  readBases,
  readData,
  readKnown,
  readUnknown,
  recover,
} from './recovery.js';
import { basePath, journalPath, keepAs, numberedFiles, readJournalFile, readOrNone } from './store-files.js';

export interface OperatorOptions {
  readonly files?: FileSystem;
  /** Takes the lock. For files in memory, which cannot have a socket beside them. */
  readonly lock?: (path: string) => Promise<FileLock>;
}

export interface StoreReport {
  /** The real path of the data file. */
  readonly path: string;
  /**
   * `known`: unchanged since the server wrote it; `edited`: changed since; `foreign`: never written by a server; `new`:
   * no file.
   */
  readonly origin: 'new' | 'known' | 'foreign' | 'edited';
  readonly entries: number;
  readonly revision: number;
  readonly dataOctets: number;
  /** Commits in journals that the data file does not contain yet, and the octets of their records. */
  readonly journalCommits: number;
  readonly journalOctets: number;
  /** Octets of an incomplete last record, which the next start cuts off; 0 if there is none. */
  readonly tornOctets: number;
}

export type Verdict =
  | { readonly sound: true; readonly report: StoreReport }
  | { readonly sound: false; readonly code: string; readonly problem: string };

/** Reads everything like a start, and changes nothing. Errors: STORAGE_LOCKED, STORAGE_UNREADABLE. */
export async function verify(path: string, options: OperatorOptions = {}): Promise<Verdict> {
  try {
    return { sound: true, report: await stats(path, options) };
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    if (error.code !== 'STORAGE_CORRUPT' && error.code !== 'STORAGE_EDITED') throw error;
    return { sound: false, code: error.code, problem: error.message };
  }
}

/** Errors: STORAGE_LOCKED, STORAGE_UNREADABLE, STORAGE_CORRUPT, STORAGE_EDITED. */
export function stats(path: string, options: OperatorOptions = {}): Promise<StoreReport> {
  return locked(path, options, lockToRead, async (real, files) => {
    const { origin, table, data, journal, replayed, olderOctets } = await recover(files, real);
    const size = journal === undefined ? 0 : Math.max(0, journal.size - HEADER_OCTETS);
    return {
      path: real,
      origin,
      entries: table.size,
      revision: table.revision,
      dataOctets: data.octets?.length ?? 0,
      journalCommits: replayed,
      journalOctets: olderOctets + size,
      tornOctets: journal?.tail?.length ?? 0,
    };
  });
}

export interface Decided {
  readonly entries: number;
  /** Commits of the journal that were applied to the data file. */
  readonly commits: number;
  /** The copies of all replaced files. */
  readonly kept: readonly string[];
}

/**
 * Accepts the data file as it is, and applies every intact commit of the journals to it. Errors: STORAGE_LOCKED,
 * STORAGE_UNREADABLE, STORAGE_CORRUPT (of the data file), STORAGE_FULL, STORAGE_UNAVAILABLE.
 */
export function adopt(path: string, options: OperatorOptions = {}): Promise<Decided> {
  return locked(path, options, lockFile, (real, files) => decide(real, files, 'adopt'));
}

/** Accepts the data file as it is, without the journals. Errors: those of `adopt`. */
export function discard(path: string, options: OperatorOptions = {}): Promise<Decided> {
  return locked(path, options, lockFile, (real, files) => decide(real, files, 'discard'));
}

/** For `jackfield store verify`. Errors: STORAGE_LOCKED, STORAGE_UNREADABLE. */
export async function verification(path: string): Promise<Verification> {
  const verdict = await verify(path);
  if (!verdict.sound) return { faults: [verdict.problem] };
  const { origin, journalCommits, tornOctets } = verdict.report;
  return {
    faults: [],
    notes: {
      ...(origin === 'edited' ? { 'edited by hand since the server wrote it': true } : {}),
      ...(journalCommits > 0
        ? { 'commits in the journal that are not yet in the file': journalCommits }
        : {}),
      ...(tornOctets > 0
        ? { 'octets of an incomplete record, which the next start moves to another file': tornOctets }
        : {}),
    },
  };
}

/** For `jackfield store adopt` and `discard`: acts only on a store that a start refuses. Errors: those of `adopt`. */
export function decideRefused(path: string, how: 'adopt' | 'discard'): Promise<string> {
  return locked(path, {}, lockFile, async (real, files) => {
    // Files of a killed server are no reason to act: the next start recovers everything.
    if (!(await isRefused(real, files)))
      return `${real} can be opened; no repair is needed, and nothing was changed.`;
    const { entries, commits, kept } = await decide(real, files, how);
    const made = how === 'adopt' ? ` with ${counted(commits, 'commit')} of the journal on top` : '';
    return `${real} is accepted as it is${made}: ${counted(entries, 'entry')}. The previous files are kept as ${kept.join(', ')}.`;
  });
}

async function isRefused(path: string, files: FileSystem): Promise<boolean> {
  try {
    await recover(files, path);
    return false;
  } catch (error) {
    if (error instanceof StorageError && ['STORAGE_CORRUPT', 'STORAGE_EDITED'].includes(error.code))
      return true;
    throw error;
  }
}

function counted(count: number, noun: 'commit' | 'entry'): string {
  return `${count} ${count === 1 ? noun : { commit: 'commits', entry: 'entries' }[noun]}`;
}

async function locked<T>(
  path: string,
  { files = nodeFileSystem, lock: lockOf }: OperatorOptions,
  lockWith: (path: string, files: FileSystem) => Promise<FileLock>,
  act: (real: string, files: FileSystem) => Promise<T>,
): Promise<T> {
  const real = await realDataPath(resolve(path), files);
  const lock = await (lockOf?.(real) ?? lockWith(real, files));
  try {
    return await act(real, files);
  } finally {
    await lock.release();
  }
}

async function decide(path: string, files: FileSystem, how: 'adopt' | 'discard'): Promise<Decided> {
  // Check this before any file is replaced.
  await proveDurable(path, files);
  const { table, commits, replaced, next } = await readRemains(files, path);
  const applied = how === 'adopt' ? commits : [];
  for (const change of applied) applyAgain(table, change);
  const kept: string[] = [];
  for (const file of replaced) kept.push(await keepAs(files, file, `before-${how}`));
  await files.syncFolder(dirname(path));
  const entries = await writeStore(files, path, next, table);
  return { entries, commits: applied.length, kept };
}

/** The readable data of a store that a start refuses. */
interface Remains {
  /** The entries of the data file. Its numbers are above every number that was ever given. */
  readonly table: EntryTable;
  /** The intact commits of the journals that the data file lacks, in their order. */
  readonly commits: readonly Frame['change'][];
  /** Every file of the store. */
  readonly replaced: readonly string[];
  /** The next number for a journal and its base. */
  readonly next: number;
}

async function readRemains(files: FileSystem, path: string): Promise<Remains> {
  const data = await readData(files, path);
  const { journals, bases: numbers, next } = await numberedFiles(files, path);
  const bases = await readBases(files, path, numbers);
  const table = new EntryTable();
  const known = bases.findLast(({ base }) => base !== undefined && base.data === data.hash);
  if (known?.base !== undefined) readKnown(data, known.base, path, table);
  for (const { base } of bases) if (base !== undefined) table.reach(base.created, base.revision);
  const frames = new Map<number, Frame>();
  const salts = new Map(bases.map(({ number, base }) => [number, base?.salt]));
  for (const number of journals) {
    const octets = await readJournalFile(files, path, number);
    const header = headerIn(octets);
    if (header !== undefined) table.reach(header.created, header.after);
    salvage(octets, salts.get(number), (frame) => {
      if (known === undefined || number >= known.number) frames.set(frame.sequence, frame);
      for (const { created } of frame.change.puts) table.reach(created, frame.sequence);
      table.reach(0, frame.sequence);
    });
  }
  if (known === undefined) readUnknown(data, path, table, await expiryIn(files, path, bases));
  else table.reach(0, table.revision + 1);
  return {
    table,
    commits: [...frames.values()]
      .sort((one, other) => one.sequence - other.sequence)
      .map(({ change }) => change),
    replaced: [
      ...(data.octets === undefined ? [] : [path]),
      ...journals.map((number) => journalPath(path, number)),
      ...numbers.map((number) => basePath(path, number)),
    ],
    next,
  };
}

/**
 * The expiry of entries by all bases, the damaged ones too. Otherwise entries that were to expire would stay forever.
 */
async function expiryIn(
  files: FileSystem,
  path: string,
  bases: readonly NumberedBase[],
): Promise<(key: string, value: string) => number | undefined> {
  const expiryOf = expiryFor(bases.findLast(({ base }) => base !== undefined)?.base);
  const damaged = bases.filter(({ base }) => base === undefined).map(({ number }) => number);
  const salvaged = await salvagedExpiryFor(files, path, damaged);
  return (key, value) => expiryOf(key, value) ?? salvaged(key, value);
}

/** Writes the data file with an empty journal and its base. @returns The number of entries. */
async function writeStore(
  files: FileSystem,
  path: string,
  number: number,
  table: EntryTable,
): Promise<number> {
  const { created, revision } = table;
  const journal = await Journal.create(files, path, number, { after: revision, created });
  await journal.close();
  const entries = table.freeze();
  const cut = { number, salt: journal.salt, entries, created, revision };
  await checkpoint(path, cut, {
    files,
    mustBeLocked: async () => {},
    keepEdit: async () => {},
    stands: () => {},
  });
  return entries.size;
}

async function salvagedExpiryFor(
  files: FileSystem,
  path: string,
  numbers: readonly number[],
): Promise<(key: string, value: string) => number | undefined> {
  const salvaged = new Map<string, { readonly mark: string; readonly expiresAt: number }>();
  for (const number of numbers) {
    const octets = (await readOrNone(files, basePath(path, number))) ?? Buffer.alloc(0);
    for (const [key, expiry] of salvagedExpiring(octets)) salvaged.set(key, expiry);
  }
  return (key, value) => {
    const known = salvaged.get(key);
    return known !== undefined && known.mark === valueMark(value) ? known.expiresAt : undefined;
  };
}

/** Applies a commit of another history now, with a revision that no client ever got. */
function applyAgain(table: EntryTable, { puts, deletes }: Frame['change']): void {
  const revision = table.revision + 1;
  for (const entry of puts) {
    const created = table.get(entry.key, 0)?.created ?? table.created + 1;
    table.set({ ...entry, created, revision });
  }
  for (const key of deletes) table.delete(key);
  table.reach(0, revision);
}
