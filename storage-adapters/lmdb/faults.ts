/** From the errors of LMDB and the system to those of the contract. */
import { reasonOf } from '../../core/errors.js';
import { StorageError } from '../../core/storage/contract.js';

/** An error that can be sent from one thread to another. */
export interface Fault {
  readonly code: ConstructorParameters<typeof StorageError>[0];
  readonly detail: string;
}

/** ENOSPC, EDQUOT and EFBIG; ENOMEM if the map cannot grow; MDB_MAP_FULL. */
const FULL = [28, 122, 27, 12, -30792];
const FULL_TEXT = /MDB_MAP_FULL|No space left|[Dd]isk quota|File too large|Cannot allocate memory/;
/** MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_VERSION_MISMATCH, MDB_INVALID. */
const CORRUPT = [-30797, -30796, -30794, -30793];
const CORRUPT_TEXT = /MDB_(?:PAGE_NOTFOUND|CORRUPTED|VERSION_MISMATCH|INVALID)/;

function isFull(error: unknown): boolean {
  return FULL.includes(numberOf(error)) || FULL_TEXT.test(reasonOf(error));
}

/** After any other error while writing, the content of the disk is unknown. */
export function faultOf(error: unknown, during: 'reading' | 'writing'): Fault {
  const detail = reasonOf(error);
  if (error instanceof StorageError) return { code: error.code as Fault['code'], detail: detailOf(error) };
  if (CORRUPT.includes(numberOf(error)) || CORRUPT_TEXT.test(detail))
    return { code: 'STORAGE_CORRUPT', detail };
  if (during === 'reading') return { code: 'STORAGE_UNREADABLE', detail };
  return { code: isFull(error) ? 'STORAGE_FULL' : 'STORAGE_OUTCOME_UNKNOWN', detail };
}

export function errorOf({ code, detail }: Fault, cause?: unknown): StorageError {
  return new StorageError(code, detail, cause === undefined ? undefined : { cause });
}

function numberOf(error: unknown): number {
  return error instanceof Error && 'code' in error && typeof error.code === 'number'
    ? error.code
    : Number.NaN;
}

/** Without the sentence of the error table: `errorOf` puts it in front again. */
function detailOf(error: StorageError): string {
  const bare = new StorageError(error.code as Fault['code']).message;
  return error.message.startsWith(bare) ? error.message.slice(bare.length).trimStart() : error.message;
}
