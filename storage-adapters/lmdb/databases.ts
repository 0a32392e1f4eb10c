/** The databases inside the LMDB environment of a store, and how they are opened. */
import type { Database, RootDatabase } from 'lmdb';
import { type Entry, StorageError } from '../../core/storage/contract.js';
import { type Counters, decodeCounters, decodeEntry, NO_COUNTERS, numberKey } from './records.js';

/** The part of the driver in use. The driver is loaded only if a configuration names the adapter. */
export type Driver = Pick<typeof import('lmdb'), 'open'>;

/** Keys and values are octets. */
type Table = Database<Buffer, Buffer>;

export interface Databases {
  readonly root: RootDatabase<Buffer, Buffer>;
  /** Key → created, revision, expiresAt and value. */
  readonly entries: Table;
  /** Created → key: the creation order. */
  readonly created: Table;
  /** ExpiresAt, created → key: only the entries that expire. */
  readonly expiry: Table;
  /** Revision → the change, as `watch` reports it. */
  readonly changes: Table;
  /** `counters` → counters. */
  readonly meta: Table;
}

export const COUNTERS_KEY = Buffer.from('counters');
/** Sorts before every key that is a number. */
export const FIRST = numberKey(0);
/** Sorts after every key that is a number: positive doubles begin with an octet of at most 0x7f. */
export const BEHIND_LAST = Buffer.from([0xff]);

export interface EnvironmentOptions {
  /** The folder. Absolute. */
  readonly path: string;
  readonly readOnly?: boolean;
}

/**
 * With `overlappingSync` off, a transaction keeps LMDB's own promise: the pages are written and synced, then the page
 * that makes them valid is written and synced, and only then is it committed. (With it on, the default, a commit is
 * visible before it is on disk.) The map starts at 128 KiB, and the driver doubles it when it is full.
 */
export function openDatabases({ open }: Driver, { path, readOnly = false }: EnvironmentOptions): Databases {
  const table = { encoding: 'binary', keyEncoding: 'binary' } as const;
  const root = open<Buffer, Buffer>({
    path,
    noSubdir: false,
    overlappingSync: false,
    maxDbs: 8,
    readOnly,
    ...table,
  });
  mustBeOurs(root);
  const named = (name: string) => {
    const database: Table | undefined = root.openDB<Buffer, Buffer>({ name, ...table });
    if (database !== undefined) return database;
    throw new Error(`MDB_INVALID: there is no database "${name}" in it`);
  };
  return {
    root,
    entries: named('entries'),
    created: named('created'),
    expiry: named('expiry'),
    changes: named('changes'),
    meta: named('meta'),
  };
}

const NAMES = ['entries', 'created', 'expiry', 'changes', 'meta'];

/** Checks LMDB's own list of databases. Errors: STORAGE_CORRUPT if another program keeps its data here. */
function mustBeOurs(root: RootDatabase<Buffer, Buffer>): void {
  for (const key of root.getKeys({ start: Buffer.from([0]) })) {
    const name = Buffer.from(key).toString().replace(/\0+$/, '');
    if (NAMES.includes(name)) continue;
    throw new StorageError('STORAGE_CORRUPT', `the LMDB file belongs to another program: it has "${name}".`);
  }
}

/** Errors: STORAGE_CORRUPT. */
export function readCounters({ meta }: Databases): Counters {
  const record = meta.getBinary(COUNTERS_KEY);
  return record === undefined ? NO_COUNTERS : decodeCounters(COUNTERS_KEY, record);
}

/** The stored entry, expired or not. Errors: STORAGE_CORRUPT. */
export function readEntry({ entries }: Databases, key: Buffer): Entry | undefined {
  const record = entries.getBinary(key);
  return record === undefined ? undefined : decodeEntry(key, record);
}
