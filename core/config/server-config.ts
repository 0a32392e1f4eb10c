/** What a configuration says, as a file or as an object given to `createServer`. Every part has a default. */
import type { Plugin, PluginContext } from '../api/plugin.js';
import type { MaybePromise } from '../maybe-promise.js';
import type { AdapterClass, AdapterDefinition, StorageAdapter } from '../storage/contract.js';
import type { Limits } from './limits.js';

export interface ServerConfig {
  /** For editors; read by nothing else. */
  readonly $schema?: string;
  /** One listener, or several: all of them listen, or none does. */
  readonly listen?: ListenConfig | readonly ListenConfig[];
  /** Host names that requests may be addressed to, without port; `"*"` allows all. Default: the loopback names. */
  readonly allowedHosts?: readonly string[] | '*';
  /**
   * Proxies that are believed what `Forwarded` and `X-Forwarded-*` say about their clients: addresses, ranges such as
   * `10.0.0.0/8`, or `unix` for whoever comes over a Unix socket. Default: none.
   */
  readonly trustedProxies?: readonly string[];
  /**
   * What becomes of requests that a page of another site makes a browser send and that could change something: unsafe
   * methods (RFC 9110 §9.2.1) and upgrades. `refuse` answers 403 `CROSS_SITE_REFUSED`, unless the plugin `cors` allows
   * the origin. Default `refuse`.
   */
  readonly crossSite?: 'refuse' | 'allow';
  /** Default: `json-file` with `data.json` in the folder of the configuration. */
  readonly storage?: string | StorageConfig;
  /** Set up in this order, except where `needs` says otherwise. Default: all built-in data service plugins. */
  readonly plugins?: readonly PluginEntry[];
  readonly limits?: Partial<Limits>;
  /** When to turn requests away before their bodies are read. Default: never. */
  readonly overload?: OverloadConfig;
}

export interface ListenConfig {
  /** An address or name of this machine; `::` takes IPv4 too. Default `127.0.0.1`. */
  readonly host?: string;
  /** 0 takes any free port. Default 10000. */
  readonly port?: number;
  /** Instead of host and port: the path of a Unix socket, relative to the folder of the configuration. */
  readonly socket?: string;
  /** Who may connect to the Unix socket, in octal as for chmod. Default `660`: its owner and group. */
  readonly socketMode?: string;
  /** Speaks HTTPS. */
  readonly tls?: TlsConfig;
  /**
   * Read every connection into one static buffer: about a fifth less CPU time per request. `false` takes the portable
   * path, of `data` events. Default true.
   */
  readonly sharedReadBuffer?: boolean;
}

/** Each file may also be given as its PEM text. Paths start at the folder of the configuration. */
export interface TlsConfig {
  /** The certificate, with those that lead to its authority behind it. */
  readonly cert: string;
  /** Its private key, without passphrase. */
  readonly key: string;
  /** Certificates of authorities: clients have to show a certificate that one of them signed. Default: they need none. */
  readonly ca?: string;
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

/** What makes a request be answered 503 `OVERLOADED`. */
export interface OverloadConfig {
  /** Milliseconds that the event loop comes late. Default: not looked at. */
  readonly maxLoopDelayMs?: number;
  /** Exchanges under way at a time. Default: as many as there are connections. */
  readonly maxInFlight?: number;
  /** Seconds, for the `Retry-After` field. Default 1. */
  readonly retryAfterSeconds?: number;
}

export interface StorageConfig {
  /** A built-in name, an npm package, a path relative to the configuration; in programs also the thing itself. */
  // biome-ignore lint/suspicious/noExplicitAny: an adapter of any options; they are validated by its own schema.
  readonly adapter: string | AdapterDefinition<any> | AdapterClass | StorageAdapter;
  readonly options?: Readonly<Record<string, unknown>>;
}

/** A plugin by name, package or relative path; in programs also the thing itself. */
export type PluginEntry =
  | PluginReference
  | {
      readonly use: PluginReference;
      readonly options?: unknown;
      /** Put before every pattern that it claims, such as `/api`; its hooks see only requests there. Default: none. */
      readonly prefix?: string;
      /** Another name than its own, for a second one of the same. Default: what it calls itself. */
      readonly as?: string;
    };
// biome-ignore lint/suspicious/noExplicitAny: a plugin of any options; they are validated by its own schema.
export type PluginReference = string | Plugin<any> | PluginFunction | PluginClass;
/** A plugin that is its `setup` alone, called after itself; its property `plugin` has the rest where there is more. */
export interface PluginFunction {
  // biome-ignore lint/suspicious/noExplicitAny: a plugin of any options; they are validated by its own schema.
  (context: PluginContext<any>): MaybePromise<void>;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly plugin?: Partial<Omit<Plugin<any>, 'setup'>>;
}
/**
 * A class whose constructor parameters name their tokens; resolved from the plugin's own container. What a plugin
 * tells beside `setup` stands in `static plugin`, so an instance may call its own fields as it likes. Without `setup` it
 * has methods marked with `@Handle` or `@Hook`.
 */
// biome-ignore lint/suspicious/noExplicitAny: the container decides what the constructor is given.
export type PluginClass = new (...args: any[]) => object;

/** Owner and group: a proxy in front mostly runs as another user, which the group lets in. */
export const DEFAULT_SOCKET_MODE = '660';
/** A moment; the load that a client sees now is mostly gone by then. */
export const DEFAULT_RETRY_AFTER_SECONDS = 1;

export const DEFAULT_CONFIG = {
  listen: { host: '127.0.0.1', port: 10_000, sharedReadBuffer: true },
  allowedHosts: ['127.0.0.1', 'localhost', '[::1]'],
  crossSite: 'refuse',
  storage: { adapter: 'json-file', options: { path: 'data.json' } },
  plugins: ['head', 'get', 'post', 'put', 'create', 'update', 'classic', 'end'],
} as const satisfies ServerConfig;
