/**
 * Which files may read the clock of the machine. It may be set in either direction at any time, so durations, deadlines
 * and pauses are measured with `performance.now()`. The files in this list need a date.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';

// From dist/test/house.
const ROOT = path.resolve(import.meta.dirname, '../../..');

const EXPIRY = 'entries expire at a date that is stored, listed and shared';
const STAMP = 'a date for people to read';

const MAY: Readonly<Record<string, string>> = {
  'core/http/http-clock.ts': 'the Date field',
  'core/http/http-date.ts': 'the century of a date with a year of two digits',
  'core/http/preconditions.ts': 'whether a date of an If-Range is old enough to be strong',
  'core/handlers/file.ts': 'Last-Modified is never in the future',
  'core/connection/answer-sender.ts': 'the Date field of a dialect',
  'core/log.ts': STAMP,
  'plugins/access-log.ts': STAMP,
  'plugins/keys.ts': EXPIRY,
  'core/cli/store/export-file.ts': STAMP,
  'storage-adapters/json-file/store-files.ts': STAMP,
  'storage-adapters/json-file/keep.ts': STAMP,
  'core/client/compare-classic.ts': 'reads the dates of responses',
  'core/storage/expiry-timer.ts': EXPIRY,
  'core/storage/entry-table.ts': EXPIRY,
  'core/storage/table-store.ts': EXPIRY,
  'core/cli/store/copy.ts': EXPIRY,
  'core/cli/store/verify.ts': EXPIRY,
  'core/testing/storage/expiry.ts': EXPIRY,
  'storage-adapters/lru.ts': EXPIRY,
  'storage-adapters/json-file/store.ts': EXPIRY,
  'storage-adapters/lmdb/lmdb.ts': EXPIRY,
  'storage-adapters/lmdb/writer-thread.ts': EXPIRY,
  'plugins/rate-limit/shared-buckets.ts': 'servers that share a bucket share no other clock',
};

test('only files that need a date read the clock of the machine', (t) => {
  const files = ['core', 'plugins', 'storage-adapters'].flatMap((room) =>
    readdirSync(path.join(ROOT, room), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${room}/${file.replaceAll(path.sep, '/')}`),
  );
  t.true(files.length > 100);
  const found = files.filter((file) => {
    const source = readFileSync(path.join(ROOT, file), 'utf8').replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '');
    return /\bDate\.now\b|\bnew Date\b/.test(source);
  });
  t.deepEqual(
    found.filter((file) => MAY[file] === undefined),
    [],
    'Measure durations with performance.now(). If a file needs a date, add it to this list with its reason.',
  );
});
