/** From the errors of PostgreSQL to those of the contract. The caller knows whether the data may have changed. */
import { reasonOf } from '../../core/errors.js';
import { StorageError } from '../../core/storage/contract.js';

/** Appendix A of PostgreSQL's manual: "PostgreSQL Error Codes". */
const DISK_FULL = '53100';
const READ_ONLY = '25006';
const RETRY = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  // unique_violation. Only a writer that bypasses our lock can cause this; re-read and report a conflict.
  '23505',
]);

/** The code of an error that the server itself sent; undefined for a broken connection. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** A pooler has switched the session: a prepared statement is missing, or exists already. Nothing was changed. */
export function isOfOtherSession(error: unknown): boolean {
  const cause = error instanceof StorageError ? error.cause : error;
  return ['26000', '42P05'].includes(sqlState(cause) ?? '');
}

export function canBeRetried(error: unknown): boolean {
  return RETRY.has(sqlState(error) ?? '');
}

/** Whether the data caused it (22: data, 54: limits). Then other commits of the batch may succeed without this one. */
export function liesInData(error: unknown): boolean {
  const cause = error instanceof StorageError ? error.cause : error;
  return /^(?:22|54)/.test(sqlState(cause) ?? '');
}

/**
 * Whether the server refused and rolled back the transaction. In classes 08 and 57P the server went away instead, and
 * its work may have been done.
 */
export function isRefusal(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && !/^(?:08|57P)/.test(state);
}

/** For errors after which nothing was changed. */
export function failureOf(cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause;
  const state = sqlState(cause);
  const code = state === DISK_FULL ? 'STORAGE_FULL' : 'STORAGE_UNAVAILABLE';
  const cure =
    state === READ_ONLY
      ? '. PostgreSQL accepts no writes now (default_transaction_read_only, or a standby); commits work again as soon as it does'
      : '';
  return new StorageError(code, reasonOf(cause) + cure, { cause });
}

export function outcomeUnknown(cause: unknown): StorageError {
  return new StorageError('STORAGE_OUTCOME_UNKNOWN', reasonOf(cause), { cause });
}
