import test from 'ava';
import { StorageError } from '../../../core/storage/contract.js';
import { errorOf, faultOf } from '../../../storage-adapters/lmdb/faults.js';

/** An error of the driver. */
const thrown = (code: number, message: string) => Object.assign(new Error(message), { code });

test('a full disk changes nothing; after any other failed write the outcome is unknown', (t) => {
  for (const full of [
    thrown(28, 'No space left on device'),
    thrown(122, 'Disk quota exceeded'),
    thrown(27, 'File too large'),
    thrown(-30792, 'MDB_MAP_FULL: Environment mapsize limit reached'),
  ]) {
    t.is(faultOf(full, 'writing').code, 'STORAGE_FULL', full.message);
  }
  for (const unknown of [
    thrown(5, 'Input/output error'),
    thrown(-30795, 'MDB_PANIC'),
    new Error('anything else'),
  ]) {
    t.is(faultOf(unknown, 'writing').code, 'STORAGE_OUTCOME_UNKNOWN', unknown.message);
  }
});

test('damage is STORAGE_CORRUPT, any other failed read is STORAGE_UNREADABLE', (t) => {
  for (const during of ['reading', 'writing'] as const) {
    t.is(
      faultOf(thrown(-30796, 'MDB_CORRUPTED: Located page was wrong type'), during).code,
      'STORAGE_CORRUPT',
    );
    t.is(
      faultOf(thrown(-30797, 'MDB_PAGE_NOTFOUND: Requested page not found'), during).code,
      'STORAGE_CORRUPT',
    );
    t.is(faultOf(thrown(-30793, 'MDB_INVALID: File is not an LMDB file'), during).code, 'STORAGE_CORRUPT');
  }
  t.is(faultOf(thrown(13, 'Permission denied'), 'reading').code, 'STORAGE_UNREADABLE');
});

test('an error of the contract is unchanged after passing between threads', (t) => {
  for (const error of [
    new StorageError('STORAGE_CORRUPT', 'the record "a".'),
    new StorageError('STORAGE_CLOSED', 'x'),
  ]) {
    const arrived = errorOf(faultOf(error, 'writing'));
    t.is(arrived.code, error.code);
    t.is(arrived.message, error.message);
  }
});
