/** What went wrong, in the codes of the contract. */
import { StorageError } from '../../core/storage/contract.js';

/** The server cannot be reached, or was lost before it answered. */
export class Unreachable extends Error {
  /** Whether the server may have got the command. */
  readonly maySent: boolean;

  constructor(maySent: boolean, cause: unknown) {
    super(reasonOf(cause), { cause });
    this.maySent = maySent;
  }
}

/** The server answered, and its answer is an error. */
export class Refusal extends Error {}

/** Another server has to be asked: this one became a replica, or the slot has moved. */
export const isMisplaced = (message: string): boolean =>
  /\b(?:READONLY You|MASTERDOWN |UNBLOCKED |MOVED |ASK |CLUSTERDOWN |TRYAGAIN )/.test(message);

/** For what only reads. */
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
    // A fault inside the script, which undoes nothing: somebody else's value at one of our keys, for one.
    if (/^(?:ERR|WRONGTYPE) /.test(reason) && /user_script/.test(reason)) return outcomeUnknown(cause);
  }
  return new StorageError('STORAGE_UNAVAILABLE', reason, { cause });
}

export function outcomeUnknown(cause: unknown): StorageError {
  return new StorageError('STORAGE_OUTCOME_UNKNOWN', reasonOf(cause), { cause });
}

/** Several addresses that all failed are one error without a sentence of its own. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(reasonOf).join('; ');
  return cause instanceof Error ? cause.message : String(cause);
}
