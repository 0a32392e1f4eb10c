/** Why the file of an export cannot be read or written, with its path. */
import { dirname } from 'node:path';
import { unreadableBecause } from '../../config/text-file.js';
import { JackfieldError, reasonOf, systemCode } from '../../errors.js';

/** EXPORT_UNREADABLE, after reading failed. */
export function readFault(cause: unknown, path: string): JackfieldError {
  return new JackfieldError('EXPORT_UNREADABLE', unreadableBecause(cause, path), { cause });
}

/** EXPORT_UNREADABLE, after writing failed. */
export function writeFault(cause: unknown, path: string): JackfieldError {
  return new JackfieldError('EXPORT_UNREADABLE', unwritableBecause(cause, path), { cause });
}

function unwritableBecause(cause: unknown, path: string): string {
  switch (systemCode(cause)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `there is no folder ${dirname(path)}.`;
    case 'EISDIR':
      return `${path} is a folder, not a file.`;
    case 'EACCES':
    case 'EPERM':
      return `this user may not write into ${dirname(path)}.`;
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return `there is no space left for ${path}.`;
    default:
      return `${path}: ${reasonOf(cause)}`;
  }
}

export function hasNoRoom(cause: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(cause));
}
