/**
 * The meaning of the files on disk. This file only reads; it reports repairs in its result, and `Store` makes them.
 *
 * The base with the hash of the data file gives the position of the data, and the journals from its number on hold the
 * later commits. All decisions about the effects of a crash, an edit or damage are made here.
 */
import { createHash } from 'node:crypto';
import { ChangeFeed } from '../../core/storage/change-feed.js';
import { StorageError } from '../../core/storage/contract.js';
import { EntryTable } from '../../core/storage/entry-table.js';
import type { HistoryBounds } from '../../core/storage/history-options.js';
import { type Base, BaseRows, baseIn, expiringIn, valueMark } from './base.js';
import { unreadable } from './data-path.js';
import { type FileStat, type FileSystem, statOrNone } from './file-system.js';
import { type Frame, HEADER_OCTETS, headerIn, type JournalHeader } from './frame.js';
import { readPairs } from './json-text.js';
import { type JournalReading, readJournal } from './read-journal.js';
import { basePath, journalPath, numberedFiles, readJournalFile, readOrNone } from './store-files.js';

/** The journal that later commits are appended to. */
export interface Continued {
  readonly number: number;
  readonly salt: number;
  /** The length of its good part, in octets. */
  readonly size: number;
  readonly last: number;
  /** Set if octets follow the good part. */
  readonly tail: Buffer | undefined;
}

export interface Recovered {
  /**
   * `new`: nothing exists yet. `known`: the data is as we wrote it. `foreign`: we never wrote the data. `edited`:
   * somebody changed it while the server was stopped.
   */
  readonly origin: 'new' | 'known' | 'foreign' | 'edited';
  readonly table: EntryTable;
  /** The changes since the base, as far as they are kept. */
  readonly feed: ChangeFeed;
  readonly data: DataRead;
  /** Present if the origin is `known`. */
  readonly journal: Continued | undefined;
  /** The number of the base of the data file. */
  readonly base: number | undefined;
  /** Files that are no longer needed. */
  readonly stale: readonly string[];
  /** The next number for a journal and its base. */
  readonly next: number;
  /** Octets of frames in journals before the last one. */
  readonly olderOctets: number;
  /** The number of commits found in journals. */
  readonly replayed: number;
}

export interface DataRead {
  readonly octets: Buffer | undefined;
  readonly stat: FileStat | undefined;
  /** SHA-256 in hex; null if there is no file. */
  readonly hash: string | null;
}

const HASHED_OCTETS = 67_108_864;

/** Acknowledged data is damaged. */
export class DamageError extends StorageError {
  readonly path: string;

  constructor(path: string, detail: string) {
    super(
      'STORAGE_CORRUPT',
      `${path}: ${detail} "jackfield store adopt" keeps the undamaged records, "jackfield store discard" keeps none.`,
    );
    this.path = path;
  }
}

export interface NumberedBase {
  readonly number: number;
  /** Undefined if the file is damaged. */
  readonly base: Base | undefined;
}

/** Errors: STORAGE_UNREADABLE, STORAGE_CORRUPT (of a journal or base: `DamageError`), STORAGE_EDITED. */
export async function recover(files: FileSystem, path: string, bounds?: HistoryBounds): Promise<Recovered> {
  const data = await readData(files, path);
  const { journals, bases: numbers, next, temporary } = await list(files, path);
  const bases = await readBases(files, path, numbers);
  const all = [
    ...journals.map((number) => journalPath(path, number)),
    ...numbers.map((number) => basePath(path, number)),
    ...temporary,
  ];
  const known = bases.findLast(({ base }) => base !== undefined && base.data === data.hash);
  if (known?.base === undefined) {
    const found = await unfamiliar(files, path, data, journals, bases, bounds);
    return {
      ...found,
      data,
      journal: undefined,
      base: undefined,
      stale: all,
      next,
      olderOctets: 0,
      replayed: 0,
    };
  }

  const table = new EntryTable();
  readKnown(data, known.base, path, table);
  const feed = new ChangeFeed(known.base.revision, bounds);
  let replayed = 0;
  const take = ({ change }: Frame) => {
    applyFrame(table, change);
    feed.tell(change.puts.length + change.deletes.length > 0 ? [change] : [], change.revision);
    replayed += 1;
  };
  const chain = journals.filter((number) => number >= known.number);
  const journal = await replay(files, path, known.number, chain, table, take);
  const kept = [basePath(path, known.number)];
  for (const number of chain) if (number <= journal.number) kept.push(journalPath(path, number));
  const stale = all.filter((file) => !kept.includes(file));
  const { olderOctets } = journal;
  return {
    origin: 'known',
    table,
    feed,
    data,
    journal,
    base: known.number,
    stale,
    next,
    olderOctets,
    replayed,
  };
}

export async function readData(files: FileSystem, path: string): Promise<DataRead> {
  let stat: FileStat | undefined;
  try {
    // Stat before reading: an edit in between then counts as an unknown edit.
    stat = await statOrNone(files, path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (stat !== undefined && stat.kind !== 'file') {
    throw new StorageError('STORAGE_UNREADABLE', `${path} is a ${stat.kind}, not a file.`);
  }
  const octets = await readOrNone(files, path);
  return { octets, stat, hash: octets === undefined ? null : hashOf(octets) };
}

/** In pieces: a hash accepts less than 2 GiB at once. */
function hashOf(octets: Buffer): string {
  const hash = createHash('sha256');
  for (let at = 0; at < octets.length; at += HASHED_OCTETS)
    hash.update(octets.subarray(at, at + HASHED_OCTETS));
  return hash.digest('hex');
}

export async function readBases(
  files: FileSystem,
  path: string,
  numbers: readonly number[],
): Promise<NumberedBase[]> {
  const bases: NumberedBase[] = [];
  for (const number of numbers) {
    const octets = await readOrNone(files, basePath(path, number));
    if (octets !== undefined) bases.push({ number, base: baseIn(octets) });
  }
  return bases;
}

/** Adds the entries of a data file with its base. */
export function readKnown({ octets }: DataRead, base: Base, path: string, table: EntryTable): void {
  const rows = new BaseRows(base);
  if (octets !== undefined) {
    readPairs(octets, path, (key, value) => {
      rows.next();
      const { created, revision, expiresAt } = rows;
      if (expiresAt === undefined) table.set({ key, value, created, revision });
      else table.set({ key, value, created, revision, expiresAt });
      return true;
    });
  }
  table.reach(base.created, base.revision);
}

/** Adds the entries of a data file without a base: each is new, and all belong to one commit. */
export function readUnknown(
  { octets }: DataRead,
  path: string,
  table: EntryTable,
  expiry: (key: string, value: string) => number | undefined,
): void {
  const revision = table.revision + 1;
  let { created } = table;
  if (octets !== undefined) {
    readPairs(octets, path, (key, value) => {
      // At moment 0 nothing has expired.
      if (table.get(key, 0) !== undefined) return false;
      created += 1;
      const expiresAt = expiry(key, value);
      if (expiresAt === undefined) table.set({ key, value, created, revision });
      else table.set({ key, value, created, revision, expiresAt });
      return true;
    });
  }
  table.reach(created, revision);
}

function applyFrame(table: EntryTable, { puts, deletes, revision }: Frame['change']): void {
  for (const entry of puts) table.set(entry);
  for (const key of deletes) table.delete(key);
  table.reach(0, revision);
}

/** Applies the commits of the journals; the last journal is continued. Errors: `DamageError`. */
async function replay(
  files: FileSystem,
  path: string,
  first: number,
  chain: readonly number[],
  table: EntryTable,
  take: (frame: Frame) => void,
): Promise<Continued & { readonly olderOctets: number }> {
  let continued: Continued | undefined;
  let olderOctets = 0;
  for (const number of chain) {
    const file = journalPath(path, number);
    const octets = await readJournalFile(files, path, number);
    const header = headerIn(octets);
    // Its creation was interrupted, so it never held a commit. The first journal was complete before its base was made.
    if (header === undefined && octets.length <= HEADER_OCTETS && number !== first) continue;
    if (header !== undefined) {
      // Created for a checkpoint that failed; the later commits are in the journal before it.
      if (header.after < table.revision && octets.length === HEADER_OCTETS) continue;
      const before = continued ?? { number: first, size: 0 };
      mustFollow(path, { number, header }, before, table.revision);
    }
    const reading = readJournal(octets, take);
    if (reading.header === undefined || reading.verdict === 'damaged')
      throw damaged(file, reading, table.revision);
    const {
      goodOctets: size,
      last,
      header: { salt },
    } = reading;
    if (continued !== undefined) olderOctets += continued.size - HEADER_OCTETS;
    const tail = reading.verdict === 'torn' ? octets.subarray(size) : undefined;
    continued = { number, salt, size, last, tail };
  }
  if (continued?.number === undefined || chain[0] !== first) {
    throw new DamageError(
      journalPath(path, first),
      `record ${table.revision + 1} at offset 0: the file is missing.`,
    );
  }
  return { ...continued, olderOctets };
}

/**
 * Checks that a journal begins after the last record of the one before it.
 *
 * @param reached The sequence of that record.
 * Errors: `DamageError`.
 */
function mustFollow(
  path: string,
  { number, header }: { readonly number: number; readonly header: JournalHeader },
  before: Pick<Continued, 'number' | 'size'>,
  reached: number,
): void {
  if (header.after > reached) {
    throw new DamageError(
      journalPath(path, before.number),
      `record ${reached + 1} at offset ${before.size} is missing: journal ${number} follows record ${header.after}.`,
    );
  }
  if (header.after < reached) {
    throw new DamageError(
      journalPath(path, number),
      `record ${header.after + 1} at offset ${HEADER_OCTETS} is in an earlier journal too.`,
    );
  }
}

function damaged(file: string, { goodOctets, problem }: JournalReading, reached: number): DamageError {
  return new DamageError(file, `record ${reached + 1} at offset ${goodOctets} is damaged: ${problem}.`);
}

async function unfamiliar(
  files: FileSystem,
  path: string,
  data: DataRead,
  journals: readonly number[],
  bases: readonly NumberedBase[],
  bounds: HistoryBounds | undefined,
): Promise<Pick<Recovered, 'origin' | 'table' | 'feed'>> {
  const broken = bases.find(({ base }) => base === undefined);
  if (broken !== undefined) {
    throw new DamageError(basePath(path, broken.number), 'the file was changed.');
  }
  const table = new EntryTable();
  for (const number of journals) {
    const octets = await readJournalFile(files, path, number);
    const header = headerIn(octets);
    if (octets.length > HEADER_OCTETS) throw await edited(path, data, journalPath(path, number));
    if (header !== undefined) table.reach(header.created, header.after);
  }
  for (const { base } of bases) if (base !== undefined) table.reach(base.created, base.revision);
  const last = bases.at(-1)?.base;
  if (data.octets === undefined && last === undefined) {
    return { origin: 'new', table, feed: new ChangeFeed(table.revision, bounds) };
  }
  readUnknown(data, path, table, expiryFor(last));
  const origin = last === undefined ? 'foreign' : 'edited';
  return { origin, table, feed: new ChangeFeed(table.revision, bounds) };
}

/** The expiry of entries in a data file without a base. */
export function expiryFor(last: Base | undefined): (key: string, value: string) => number | undefined {
  const expiring = last === undefined ? undefined : expiringIn(last);
  return (key, value) => {
    const known = expiring?.get(key);
    return known !== undefined && known.mark === valueMark(value) ? known.expiresAt : undefined;
  };
}

async function edited(path: string, { octets }: DataRead, journal: string): Promise<StorageError> {
  return new StorageError(
    'STORAGE_EDITED',
    `${path} was ${octets === undefined ? 'removed' : 'changed'} since the server wrote it, and ${journal} holds commits that are not in it. ` +
      '"jackfield store adopt" takes the file and adds these commits, "jackfield store discard" takes only the file.',
  );
}

async function list(files: FileSystem, path: string) {
  try {
    return await numberedFiles(files, path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
