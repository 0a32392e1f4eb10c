import type { Environment } from './environment.js';

/**
 * Where a configuration came from, so that an error found late (an unknown plugin, a bad option) can still name
 * file, line and column.
 */
export interface ConfigSource {
  /** The folder that relative paths start from. Absolute. */
  readonly folder: string;
  /**
   * `file:line:column` of the value at this path of keys and indexes, or of the key itself; the nearest enclosing
   * value where there is none; `''` for a configuration that was given as an object.
   */
  locate(path: readonly PropertyKey[], part?: 'key' | 'value'): string;
  /** What came from environment variables; absent where nothing can. */
  readonly environment?: Environment;
}
