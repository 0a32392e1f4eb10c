import type { Environment } from './environment.js';

/**
 * Where a configuration came from. An error that is found late (an unknown plugin, a bad option) can still name file,
 * line and column.
 */
export interface ConfigSource {
  /** The folder that relative paths start from. Absolute. */
  readonly folder: string;
  /**
   * `file:line:column` of the value at this path of keys and indexes, or of its key. If there is no such value: of the
   * nearest enclosing value. `''` for a configuration that is an object.
   */
  locate(path: readonly PropertyKey[], part?: 'key' | 'value'): string;
  /** The strings that came from environment variables; absent if the source has none. */
  readonly environment?: Environment;
}
