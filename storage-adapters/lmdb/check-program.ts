/** A program: checks the store in the folder of its argument and prints the result that `check.ts` parses. */

import * as driver from 'lmdb';
import { reasonOf } from '../../core/errors.js';
import { BEHIND_LAST, type Databases, FIRST, openDatabases, readCounters, readEntry } from './databases.js';
import { decodeChange, decodeEntry, numberKey } from './records.js';

const [path = ''] = process.argv.slice(2);
/** More faults of the same kind add nothing. */
const MOST_FAULTS = 20;
const faults: string[] = [];
let found = 0;
const fault = (sentence: string) => {
  found += 1;
  if (faults.length < MOST_FAULTS) faults.push(sentence);
};
const guarded = (what: () => void) => {
  try {
    what();
  } catch (error) {
    fault(reasonOf(error));
  }
};
const quoted = (key: Buffer) => JSON.stringify(key.toString().slice(0, 40));

const databases = openDatabases(driver, { path, readOnly: true });
// One snapshot for the whole check, since nothing below waits: other processes may keep writing.
databases.root.resetReadTxn();
let entries = 0;
guarded(() => checkEntries(databases));
guarded(() => checkChanges(databases));
if (found > faults.length) faults.push(`And ${found - faults.length} more.`);
process.stdout.write(JSON.stringify({ faults, entries }));

function checkEntries(all: Databases): void {
  const counters = readCounters(all);
  let expiring = 0;
  for (const { key, value } of all.entries.getRange({ start: Buffer.from([0]) })) {
    entries += 1;
    const octets = Buffer.from(key);
    guarded(() => {
      const { created, revision, expiresAt } = decodeEntry(octets, Buffer.from(value));
      if (created > counters.created || revision > counters.revision) {
        fault(`${quoted(octets)} has a number that is not in use yet.`);
      }
      if (all.created.getBinary(numberKey(created))?.equals(octets) !== true) {
        fault(`${quoted(octets)} is missing in the creation order.`);
      }
      if (expiresAt === undefined) return;
      expiring += 1;
      if (all.expiry.getBinary(numberKey(expiresAt, created))?.equals(octets) !== true) {
        fault(`${quoted(octets)} is missing among those that expire.`);
      }
    });
  }
  for (const [name, expected] of [
    ['created', entries],
    ['expiry', expiring],
  ] as const) {
    let rows = 0;
    for (const { value } of all[name].getRange({ start: FIRST, end: BEHIND_LAST })) {
      rows += 1;
      const octets = Buffer.from(value);
      if (readEntry(all, octets) === undefined) fault(`${quoted(octets)} is only in "${name}".`);
    }
    if (rows !== expected) fault(`"${name}" has ${rows} rows for ${expected} entries.`);
  }
}

function checkChanges(all: Databases): void {
  const { changes, changeOctets, forgotten, revision } = readCounters(all);
  let [count, octets, last] = [0, 0, forgotten];
  for (const { key, value } of all.changes.getRange({ start: FIRST, end: BEHIND_LAST })) {
    const change = decodeChange(Buffer.from(key), Buffer.from(value));
    if (change.revision <= last || change.revision > revision)
      fault(`Change ${change.revision} is out of order.`);
    last = change.revision;
    count += 1;
    octets += value.length;
  }
  if (count !== changes || octets !== changeOctets) {
    fault(`There are ${count} changes of ${octets} octets, counted as ${changes} of ${changeOctets}.`);
  }
}
