/** A configuration with every default filled in. */

import { DEFAULT_LIMITS, type Limits } from './limits.js';
import { defaultMaxConnections } from './open-files.js';
import {
  DEFAULT_CONFIG,
  DEFAULT_RETRY_AFTER_SECONDS,
  DEFAULT_SOCKET_MODE,
  type ListenConfig,
  type OverloadConfig,
  type PluginEntry,
  type ServerConfig,
  type StorageConfig,
  type TlsConfig,
} from './server-config.js';

/** A configuration with a value for every key. */
export interface ResolvedConfig {
  readonly listen: readonly ListenerConfig[];
  readonly allowedHosts: readonly string[] | '*';
  readonly trustedProxies: readonly string[];
  readonly crossSite: 'refuse' | 'allow';
  readonly storage: Readonly<Required<StorageConfig>>;
  readonly plugins: readonly PluginEntry[];
  readonly limits: Limits;
  readonly overload: OverloadLimits;
}

/** The settings of one listener, a Unix socket or a port. */
export type ListenerConfig =
  | {
      readonly kind: 'unix';
      readonly path: string;
      readonly mode: number;
      readonly sharedReadBuffer: boolean;
    }
  | {
      readonly kind: 'tcp';
      readonly host: string;
      readonly port: number;
      readonly tls: TlsConfig | undefined;
      readonly sharedReadBuffer: boolean;
    };

/** Infinity means no limit. */
export type OverloadLimits = Readonly<Required<OverloadConfig>>;

/** Fills in the defaults. A default that would contradict a configured limit is adjusted to it. */
export function withDefaults(config: ServerConfig): ResolvedConfig {
  const storage = typeof config.storage === 'string' ? { adapter: config.storage } : config.storage;
  const limits: { -readonly [Name in keyof Limits]: Limits[Name] } = {
    ...DEFAULT_LIMITS,
    maxConnections: defaultMaxConnections(),
    ...withoutUndefined(config.limits ?? {}),
  };
  for (const [less, more] of NOT_MORE_THAN) {
    if (limits[less] <= limits[more]) continue;
    if (config.limits?.[less] === undefined) limits[less] = limits[more];
    else limits[more] = limits[less];
  }
  return {
    listen: [config.listen ?? {}].flat().map(listenerOf),
    trustedProxies: config.trustedProxies ?? [],
    crossSite: config.crossSite ?? DEFAULT_CONFIG.crossSite,
    allowedHosts: config.allowedHosts ?? DEFAULT_CONFIG.allowedHosts,
    storage: storage === undefined ? DEFAULT_CONFIG.storage : { options: {}, ...withoutUndefined(storage) },
    plugins: config.plugins ?? DEFAULT_CONFIG.plugins,
    limits,
    overload: {
      maxLoopDelayMs: Number.POSITIVE_INFINITY,
      maxInFlight: Number.POSITIVE_INFINITY,
      retryAfterSeconds: DEFAULT_RETRY_AFTER_SECONDS,
      ...withoutUndefined(config.overload ?? {}),
    },
  };
}

function listenerOf({ socket, socketMode = DEFAULT_SOCKET_MODE, ...config }: ListenConfig): ListenerConfig {
  const { host, port, sharedReadBuffer } = { ...DEFAULT_CONFIG.listen, ...withoutUndefined(config) };
  if (socket === undefined) return { kind: 'tcp', host, port, tls: config.tls, sharedReadBuffer };
  return { kind: 'unix', path: socket, mode: Number.parseInt(socketMode, 8), sharedReadBuffer };
}

function withoutUndefined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/** The first limit of each pair must not exceed the second. */
export const NOT_MORE_THAN = [['headerTimeoutMs', 'requestTimeoutMs']] as const satisfies readonly (readonly [
  keyof Limits,
  keyof Limits,
])[];
