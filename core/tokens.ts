/**
 * What a class plugin can ask for in its constructor: `constructor(@inject(TOKENS.storage) storage: Storage)`.
 * `Symbol.for`, so that two copies of jackfield in one process mean the same.
 */
import type { InjectionToken } from 'tsyringe';
import type { ConfigSource } from './config/server-config.js';
import type { ResolvedConfig } from './config/validate-config.js';
import type { Log } from './log.js';
import type { PluginContext, Storage } from './plugin-api.js';
import type { StorageDoor } from './storage/storage-door.js';

const token = <T>(name: string): InjectionToken<T> => Symbol.for(`jackfield.${name}`);

export const TOKENS = {
  // Of the server
  config: token<ResolvedConfig>('config'),
  source: token<ConfigSource>('source'),
  storage: token<Storage>('storage'),
  /** In a plugin's container it carries the plugin's name. */
  log: token<Log>('log'),

  // Of one plugin
  /** All that `setup` is given. */
  context: token<PluginContext>('context'),
  options: token<unknown>('options'),
  handle: token<PluginContext['handle']>('handle'),
  hook: token<PluginContext['hook']>('hook'),
  signal: token<AbortSignal>('signal'),
  onClose: token<PluginContext['onClose']>('onClose'),
} as const;

/** The store with its life, which only the server may end. */
export const STORAGE_DOOR: InjectionToken<StorageDoor> = token<StorageDoor>('storage-door');
