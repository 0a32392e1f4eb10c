/**
 * The octets of keys and values inside LMDB; `FORMAT.md` describes them. LMDB has no checksums, so every record begins
 * with ours: data that the disk changed is an error and never a value.
 */
import { crc32 } from 'node:zlib';
import { type Entry, StorageError, type WatchedChange } from '../../core/storage/contract.js';

/** The octets before the value: checksum, created, revision, expiresAt. */
const HEAD_OCTETS = 4 + 8 + 8 + 8;
const CHECKSUM_OCTETS = 4;

/** The counters of the store; one record, read and written by every transaction. */
export interface Counters {
  /** The highest `created` assigned so far. */
  readonly created: number;
  readonly revision: number;
  /** Changes up to this revision are no longer kept. */
  readonly forgotten: number;
  /** The number of kept changes, and the octets of their records. */
  readonly changes: number;
  readonly changeOctets: number;
}

export const NO_COUNTERS: Counters = { created: 0, revision: 0, forgotten: 0, changes: 0, changeOctets: 0 };

/** Encodes whole numbers of at least 0 as octets in the same order: positive doubles, high octet first. */
export function numberKey(...numbers: readonly number[]): Buffer {
  const octets = Buffer.allocUnsafe(numbers.length * 8);
  for (const [at, number] of numbers.entries()) octets.writeDoubleBE(number, at * 8);
  return octets;
}

export function encodeEntry(key: Buffer, { value, created, revision, expiresAt = 0 }: Entry): Buffer {
  const record = Buffer.allocUnsafe(HEAD_OCTETS + Buffer.byteLength(value));
  record.writeDoubleBE(created, 4);
  record.writeDoubleBE(revision, 12);
  record.writeDoubleBE(expiresAt, 20);
  record.write(value, HEAD_OCTETS);
  return sealed(key, record);
}

/** Errors: STORAGE_CORRUPT. */
export function decodeEntry(keyOctets: Buffer, record: Buffer): Entry {
  mustBeWhole(keyOctets, record, HEAD_OCTETS, 'entry');
  const entry = {
    key: keyOctets.toString(),
    value: record.toString('utf8', HEAD_OCTETS),
    created: record.readDoubleBE(4),
    revision: record.readDoubleBE(12),
  };
  const expiresAt = record.readDoubleBE(20);
  return expiresAt === 0 ? entry : { ...entry, expiresAt };
}

/** Counters and changes: a checksum, then JSON. */
export function encodeJson(key: Buffer, value: Counters | WatchedChange): Buffer {
  const text = JSON.stringify(value);
  const record = Buffer.allocUnsafe(CHECKSUM_OCTETS + Buffer.byteLength(text));
  record.write(text, CHECKSUM_OCTETS);
  return sealed(key, record);
}

/** Errors: STORAGE_CORRUPT. */
export function decodeCounters(key: Buffer, record: Buffer): Counters {
  // The cast: the checksum proves that `encodeJson` wrote these octets.
  return json(key, record, 'counters') as Counters;
}

/** Errors: STORAGE_CORRUPT. */
export function decodeChange(key: Buffer, record: Buffer): WatchedChange {
  return json(key, record, 'change') as WatchedChange;
}

function json(key: Buffer, record: Buffer, what: string): unknown {
  mustBeWhole(key, record, CHECKSUM_OCTETS, what);
  return JSON.parse(record.toString('utf8', CHECKSUM_OCTETS));
}

/** The checksum covers the key too, so that a record under another key is noticed. */
function sealed(key: Buffer, record: Buffer): Buffer {
  record.writeUInt32BE(crc32(record.subarray(CHECKSUM_OCTETS), crc32(key)), 0);
  return record;
}

function mustBeWhole(key: Buffer, record: Buffer, atLeast: number, what: string): void {
  if (record.length >= atLeast) {
    const sum = crc32(record.subarray(CHECKSUM_OCTETS), crc32(key));
    if (sum === record.readUInt32BE(0)) return;
  }
  const label = what === 'entry' ? JSON.stringify(key.toString().slice(0, 40)) : `of ${what}`;
  throw new StorageError('STORAGE_CORRUPT', `the checksum of the record ${label} is wrong.`);
}
