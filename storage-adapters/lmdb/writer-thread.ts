/**
 * The thread for write transactions: they wait for other processes and for the disk, and the event loop must not. One
 * message is one batch; its answer is sent when the transaction is on disk.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import * as driver from 'lmdb';
import { type Change, type CommitResult, StorageError } from '../../core/storage/contract.js';
import { ChangeBatch, type HistoryLimits } from './change-batch.js';
import { BEHIND_LAST, type Databases, FIRST, openDatabases } from './databases.js';
import { type Fault, faultOf } from './faults.js';
import { hasNoRoom } from './room.js';

export interface WriterData extends HistoryLimits {
  readonly path: string;
}

/** `close` is the last request. */
export type Request = { readonly changes: readonly Change[] } | 'close';

export type Verdict = { readonly result: CommitResult } | { readonly fault: Fault };

export type Answer =
  | { readonly is: 'open' }
  | { readonly is: 'not-open'; readonly fault: Fault }
  | {
      readonly is: 'done';
      /** In the order of the changes. */
      readonly verdicts: readonly Verdict[];
      /** Milliseconds since the epoch. */
      readonly nextExpiry?: number;
    };

// The cast: this file runs as a thread, which has a port.
const port = parentPort!;
const data = workerData as WriterData;

const say = (answer: Answer) => port.postMessage(answer);

/** Device and inode of the mapped file. */
let mapped: string | undefined;

try {
  const databases = openDatabases(driver, data);
  mapped = fileId();
  port.on('message', (request: Request) => {
    if (request === 'close') void databases.root.close().then(() => port.close());
    else say({ is: 'done', verdicts: verdictsOn(databases, request.changes), ...expiryAhead(databases) });
  });
  say({ is: 'open' });
} catch (error) {
  say({ is: 'not-open', fault: faultOf(error, 'reading') });
}

function verdictsOn(databases: Databases, changes: readonly Change[]): readonly Verdict[] {
  try {
    return inOneTransaction(databases, changes).map((result) => ({ result }));
  } catch (error) {
    const fault = writeFaultOf(databases, error);
    // A commit without space must not fail the smaller ones.
    if (fault.code === 'STORAGE_FULL' && changes.length > 1) {
      return changes.flatMap((change) => verdictsOn(databases, [change]));
    }
    return changes.length === 0 ? [{ fault }] : changes.map(() => ({ fault }));
  }
}

/** Undefined if there is no file. */
function fileId(): string | undefined {
  const file = statSync(join(data.path, 'data.mdb'), { throwIfNoEntry: false });
  return file && `${file.dev}:${file.ino}`;
}

/** LMDB keeps writing to a file that has lost its name, and nobody could find that data. */
function mustHaveItsName(): void {
  if (fileId() === mapped) return;
  throw new StorageError(
    'STORAGE_UNAVAILABLE',
    `${data.path}/data.mdb was removed or replaced while it was open; nothing is written until the server is restarted.`,
  );
}

/** Returns when the transaction is on disk, and throws if it was not made. */
function inOneTransaction({ root, ...tables }: Databases, changes: readonly Change[]): CommitResult[] {
  mustHaveItsName();
  return root.transactionSync(() => {
    const batch = new ChangeBatch({ root, ...tables }, data, Date.now());
    batch.forgetExpired();
    const results = changes.map((change) => batch.commit(change));
    batch.finish();
    return results;
  });
}

/**
 * A full disk leaves the store unchanged, unless the very last page could not be written: then LMDB refuses every
 * further transaction, and the content of the disk is unknown.
 */
function writeFaultOf({ root, meta }: Databases, error: unknown): Fault {
  const fault = faultOf(error, 'writing');
  const full =
    fault.code === 'STORAGE_FULL' || (fault.code === 'STORAGE_OUTCOME_UNKNOWN' && hasNoRoom(data.path));
  if (!full) return fault;
  try {
    root.transactionSync(() => meta.getKeysCount({ limit: 1 }));
    return { code: 'STORAGE_FULL', detail: `There is no space for it in ${data.path}.` };
  } catch {
    return { ...fault, code: 'STORAGE_OUTCOME_UNKNOWN' };
  }
}

function expiryAhead({ root, expiry }: Databases): { nextExpiry?: number } {
  root.resetReadTxn();
  for (const key of expiry.getKeys({ start: FIRST, end: BEHIND_LAST, limit: 1 })) {
    return { nextExpiry: Buffer.from(key).readDoubleBE(0) };
  }
  return {};
}
