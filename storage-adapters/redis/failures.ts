/** From the errors of Redis to those of the contract. */
import { reasonOf } from '../../core/errors.js';
import { StorageError } from '../../core/storage/contract.js';

/** The server cannot be reached, or the connection broke before the answer. */
export class Unreachable extends Error {
  /** Whether the server may have received the command. */
  readonly maySent: boolean;

  constructor(maySent: boolean, cause: unknown) {
    super(reasonOf(cause), { cause });
    this.maySent = maySent;
  }
}

/** The server answered with an error. */
export class Refusal extends Error {}

/** Another server must be asked: this one became a replica, or the slot has moved. */
export const isMisplaced = (message: string): boolean =>
  /\b(?:READONLY You|MASTERDOWN |UNBLOCKED |MOVED |ASK |CLUSTERDOWN |TRYAGAIN )/.test(message);

/** For calls that only read. */
export function readFailure(cause: unknown): StorageError {
  return cause instanceof StorageError
    ? cause
    : new StorageError('STORAGE_UNAVAILABLE', reasonOf(cause), { cause });
}

export function commitFailure(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const reason = reasonOf(cause);
  if (cause instanceof Unreachable && cause.maySent) return outcomeUnknown(cause);
  if (cause instanceof Refusal) {
    if (/\bOOM command not allowed/.test(reason)) return new StorageError('STORAGE_FULL', reason, { cause });
    // An error inside the script, which is not rolled back: for example, a value of another program at one of our keys.
    if (/^(?:ERR|WRONGTYPE) /.test(reason) && /user_script/.test(reason)) return outcomeUnknown(cause);
  }
  return new StorageError('STORAGE_UNAVAILABLE', reason, { cause });
}

export function outcomeUnknown(cause: unknown): StorageError {
  return new StorageError('STORAGE_OUTCOME_UNKNOWN', reasonOf(cause), { cause });
}
