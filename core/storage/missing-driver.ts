/** A driver that is not installed: adapters of large drivers import theirs only when a configuration names them. */
import { StorageError } from './contract.js';

/** What Node, Bun and Deno say, and what Yarn's Plug'n'Play does. */
const NOT_FOUND = ['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'];

/** The error for a driver whose import failed because it is not installed; undefined where it failed otherwise. */
export function missingDriver(name: string, cause: unknown): StorageError | undefined {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (!NOT_FOUND.includes(code)) return undefined;
  return new StorageError(
    'STORAGE_DRIVER_MISSING',
    `${name}. Run "npm install ${name}" (or the same with your package manager) where jackfield is installed.`,
    { cause },
  );
}
