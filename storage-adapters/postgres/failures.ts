/** What went wrong, in the codes of the contract. Whether anything can have changed is for the caller to know. */
import { StorageError } from '../../core/storage/contract.js';

/** Appendix A of PostgreSQL's manual: "PostgreSQL Error Codes". */
const DISK_FULL = '53100';
const READ_ONLY = '25006';
const RETRY = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  // unique_violation: only a hand in the tables can be faster than who holds the lock; read anew, it is a conflict.
  '23505',
]);

/** The server's own answer, as opposed to a connection that broke or never came about. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/**
 * Somebody between gave this connection another's session, or another's connection this session: a prepared statement
 * is not there, or is there already. Nothing was done.
 */
export function isOfOtherSession(error: unknown): boolean {
  const cause = error instanceof StorageError ? error.cause : error;
  return ['26000', '42P05'].includes(sqlState(cause) ?? '');
}

export function canBeRetried(error: unknown): boolean {
  return RETRY.has(sqlState(error) ?? '');
}

/** Whether it lies in what was sent (22: data, 54: limits), so that others sent with it might do without. */
export function liesInData(error: unknown): boolean {
  const cause = error instanceof StorageError ? error.cause : error;
  return /^(?:22|54)/.test(sqlState(cause) ?? '');
}

/**
 * Whether the server refused and undid the transaction. Classes 08 and 57P: it went away instead, and what it was
 * doing may have been done.
 */
export function isRefusal(error: unknown): boolean {
  const state = sqlState(error);
  return state !== undefined && !/^(?:08|57P)/.test(state);
}

/** Nothing was changed. */
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

/** Several addresses that all failed are one error without a sentence of its own. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError && cause.message === '') return cause.errors.map(reasonOf).join('; ');
  return cause instanceof Error ? cause.message : String(cause);
}
