/** The module `jackfield`: servers for programs, and everything for authors of plugins and adapters. */
export { type LoadedConfig, readConfig } from './config/config-file.js';
export type { ConfigSource } from './config/config-source.js';
export type { Limits } from './config/limits.js';
export { DEFAULT_LIMITS } from './config/limits.js';
export type {
  ListenConfig,
  OverloadConfig,
  PluginClass,
  PluginEntry,
  PluginFunction,
  PluginReference,
  ServerConfig,
  StorageConfig,
  TlsConfig,
} from './config/server-config.js';
export { DEFAULT_CONFIG } from './config/server-config.js';
export type { Address } from './connection/address.js';
export type { Tap } from './connection/transport.js';
/** For class plugins: `constructor(@inject(TOKENS.storage) storage: Storage)`. */
export { inject } from './container.js';
export { ERRORS, type ErrorCode, JackfieldErrors } from './errors.js';
export type { InjectRequest, InjectResponse } from './inject.js';
export { createLog, type Log, type LogLevel, silentLog } from './log.js';
export * from './plugin-api.js';
export type { PluginReport } from './plugin-host/plugin-unit.js';
export type { ReloadReport } from './reload.js';
export { createServer, type Server, type ServerOptions } from './server.js';
/** For adapters that see every change themselves: the whole of `watch`. */
export { ChangeFeed } from './storage/change-feed.js';
export {
  type AdapterClass,
  type AdapterContext,
  type AdapterDefinition,
  defineAdapter,
  type Page,
  type StorageAdapter,
  StorageError,
  type Supports,
} from './storage/contract.js';
export { type HistoryBounds, historyOptions } from './storage/history-options.js';
export { TOKENS } from './tokens.js';
