/** The type of a configuration, for files and for objects passed to `createServer`. Every part has a default. */
import type { Plugin, PluginContext } from '../api/plugin.js';
import type { MaybePromise } from '../maybe-promise.js';
import type { AdapterClass, AdapterDefinition, StorageAdapter } from '../storage/contract.js';
import type { Limits } from './limits.js';

export interface ServerConfig {
  /** For editors; the server does not read it. */
  readonly $schema?: string;
  /** One listener, or several: all of them listen, or none does. */
  readonly listen?: ListenConfig | readonly ListenConfig[];
  /** Host names, without port, that requests may name; `"*"` allows all. Default: the loopback names. */
  readonly allowedHosts?: readonly string[] | '*';
  /**
   * Proxies whose `Forwarded` and `X-Forwarded-*` fields the server trusts: addresses, ranges such as `10.0.0.0/8`, or
   * `unix` for proxies that connect over a Unix socket. Default: none.
   */
  readonly trustedProxies?: readonly string[];
  /**
   * How to answer a request that a page of another site makes a browser send and that could change something: unsafe
   * methods (RFC 9110 §9.2.1) and upgrades. `refuse` answers 403 `CROSS_SITE_REFUSED`, unless the plugin `cors` allows
   * the origin. Default: `refuse`.
   */
  readonly crossSite?: 'refuse' | 'allow';
  /** Default: `json-file` with `data.json` in the folder of the configuration. */
  readonly storage?: string | StorageConfig;
  /** Set up in this order, except where `needs` says otherwise. Default: all built-in data service plugins. */
  readonly plugins?: readonly PluginEntry[];
  readonly limits?: Partial<Limits>;
  /** When to refuse requests before their bodies are read. Default: never. */
  readonly overload?: OverloadConfig;
}

export interface ListenConfig {
  /** An address or name of this machine; `::` takes IPv4 too. Default `127.0.0.1`. */
  readonly host?: string;
  /** 0 takes any free port. Default 10000. */
  readonly port?: number;
  /** Instead of host and port: the path of a Unix socket, relative to the folder of the configuration. */
  readonly socket?: string;
  /** The permissions of the Unix socket, in octal as for chmod. Default: `660`, its owner and group. */
  readonly socketMode?: string;
  /** Serves HTTPS. */
  readonly tls?: TlsConfig;
  /**
   * Read all connections into one static buffer: about a fifth less CPU time per request. `false` uses the portable
   * way, `data` events. Default: true.
   */
  readonly sharedReadBuffer?: boolean;
}

/** Each file may also be given as PEM text. Relative paths start at the folder of the configuration. */
export interface TlsConfig {
  /** The certificate, followed by its intermediate certificates. */
  readonly cert: string;
  /** The private key of the certificate, without a passphrase. */
  readonly key: string;
  /**
   * Certificates of authorities: clients must present a certificate that one of them signed. Default: clients need no
   * certificate.
   */
  readonly ca?: string;
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** The limits above which a request is answered 503 `OVERLOADED`. */
export interface OverloadConfig {
  /** Milliseconds by which the event loop may be delayed. Default: not checked. */
  readonly maxLoopDelayMs?: number;
  /** The most exchanges in progress at a time. Default: no limit but the number of connections. */
  readonly maxInFlight?: number;
  /** Seconds, for the `Retry-After` field. Default 1. */
  readonly retryAfterSeconds?: number;
}

export interface StorageConfig {
  /** A built-in name, an npm package, or a path relative to the configuration; in programs also the adapter itself. */
  // biome-ignore lint/suspicious/noExplicitAny: an adapter of any options; they are validated by its own schema.
  readonly adapter: string | AdapterDefinition<any> | AdapterClass | StorageAdapter;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A plugin by name, package or relative path; in programs also the plugin itself. */
export type PluginEntry =
  | PluginReference
  | {
      readonly use: PluginReference;
      readonly options?: unknown;
      /**
       * A path prefix for every pattern of the plugin, such as `/api`; its hooks see only requests under it. Default:
       * none.
       */
      readonly prefix?: string;
      /** Another name, to use the same plugin twice. Default: the plugin's own name. */
      readonly as?: string;
    };
// biome-ignore lint/suspicious/noExplicitAny: a plugin of any options; they are validated by its own schema.
export type PluginReference = string | Plugin<any> | PluginFunction | PluginClass;
/**
 * A plugin that is only its `setup` function. Its name is the name of the function; its property `plugin` has the rest
 * of the definition.
 */
export interface PluginFunction {
  // biome-ignore lint/suspicious/noExplicitAny: a plugin of any options; they are validated by its own schema.
  (context: PluginContext<any>): MaybePromise<void>;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly plugin?: Partial<Omit<Plugin<any>, 'setup'>>;
}
/**
 * A class whose constructor parameters name their tokens; the plugin's own container makes the instance. The
 * definition is in `static plugin`, not on the instance, so the instance may use any field names. Without `setup` the
 * class needs methods marked with `@Handle` or `@Hook`.
 */
// biome-ignore lint/suspicious/noExplicitAny: the container decides about the constructor's arguments.
export type PluginClass = new (...args: any[]) => object;

/** Owner and group: a proxy in front usually runs as another user, which gets access through the group. */
export const DEFAULT_SOCKET_MODE = '660';
/** Short, because most overload is over within a second. */
export const DEFAULT_RETRY_AFTER_SECONDS = 1;

export const DEFAULT_CONFIG = {
  listen: { host: '127.0.0.1', port: 10_000, sharedReadBuffer: true },
  allowedHosts: ['127.0.0.1', 'localhost', '[::1]'],
  crossSite: 'refuse',
  storage: { adapter: 'json-file', options: { path: 'data.json' } },
  plugins: ['head', 'get', 'post', 'put', 'create', 'update', 'classic', 'end'],
} as const satisfies ServerConfig;
