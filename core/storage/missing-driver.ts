/**
 * The error for a driver that is not installed. Adapters with large drivers import them only when a configuration names
 * the adapter.
 */
import { systemCode } from '../errors.js';
import { StorageError } from './contract.js';

/** The codes of Node, Bun and Deno, and of Yarn's Plug'n'Play. */
const NOT_FOUND = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'];

/**
 * The error for a driver whose import failed because it is not installed; undefined if the import failed for another
 * reason.
 */
export function missingDriver(name: string, cause: unknown): StorageError | undefined {
  if (!NOT_FOUND.includes(systemCode(cause))) return undefined;
  return new StorageError(
    'STORAGE_DRIVER_MISSING',
    `${name}. Run "npm install ${name}" (or the same with your package manager) where jackfield is installed.`,
    { cause },
  );
}
