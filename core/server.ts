/** A server: from a configuration to answered requests, and back to nothing open. */

import type { ServerStats } from './api/plugin.js';
import { plainSource } from './config/config-file.js';
import type { ConfigSource } from './config/config-source.js';
import type { ResolvedConfig } from './config/resolved-config.js';
import type { ServerConfig } from './config/server-config.js';
import { resolveConfig } from './config/validate-config.js';
import type { Address } from './connection/address.js';
import { Connections } from './connection/connections.js';
import { exchangeOctets } from './connection/injected-exchange.js';
import { Overload } from './connection/overload.js';
import type { Tap } from './connection/transport.js';
import { TrustedProxies } from './connection/trusted-proxies.js';
import { ServerContainer } from './container.js';
import { JackfieldError } from './errors.js';
import { AllowedHosts } from './handlers/allowed-hosts.js';
import { Dispatcher } from './handlers/dispatcher.js';
import { type InjectRequest, type InjectResponse, readResponse, requestOctets } from './inject.js';
import { mustKnow } from './known-members.js';
import { Listeners } from './listening/listeners.js';
import { type Log, silentLog } from './log.js';
import { loadPlugins } from './plugin-host/load-plugins.js';
import { PluginHost } from './plugin-host/plugin-host.js';
import type { HostServer, PluginReport } from './plugin-host/plugin-unit.js';
import { PromiseTrace } from './plugin-host/promise-trace.js';
import { Reloader, type ReloadReport } from './reload.js';
import { openStorage } from './storage/open-storage.js';
import type { StorageDoor } from './storage/storage-door.js';

export interface ServerOptions {
  /**
   * The source of the configuration, for `file:line:column` in errors. Default: an object; paths are relative to the
   * working directory.
   */
  readonly source?: ConfigSource;
  /** Default: no log. Any pino logger fits. */
  readonly log?: Log;
  /** Sees every octet. */
  readonly tap?: Tap;
  /**
   * Makes PLUGIN_SETUP_TIMEOUT name the lines in which the plugin waits. For debugging: every promise of a start or a
   * reload is recorded, and `await` is slower by some nanoseconds from then on. Default: false.
   */
  readonly traceSetup?: boolean;
}

export interface Server {
  /**
   * Loads and sets up everything without listening. `listen` and `inject` call it too; it runs once.
   * Errors: TLS_UNREADABLE, TLS_INVALID, those of plugins and the store; SERVER_CLOSING if the server is closed
   * meanwhile.
   */
  ready(): Promise<void>;
  /**
   * Listens on all configured addresses, or rejects and listens on none.
   * Errors: those of `ready`, PORT_IN_USE, ADDRESS_NOT_AVAILABLE, PORT_FORBIDDEN, SOCKET_IN_USE, SOCKET_UNAVAILABLE,
   * LISTEN_FAILED.
   * @returns the first address.
   */
  listen(): Promise<Address>;
  /**
   * Reads the files of `listen.tls` again and uses them for new connections. If a certificate cannot be used, the
   * error is logged and the previous one stays in use.
   * @returns whether all of them could be used.
   */
  reloadCertificates(): Promise<boolean>;
  /** The addresses on which it listens, in the order of the configuration; empty until `listen` resolves. */
  readonly addresses: readonly Address[];
  /**
   * Finishes the exchanges in progress, closes the plugins in reverse order, then the store. Resolves when everything
   * is closed. A start in progress stops after the plugin that is being set up. Closing twice is allowed.
   */
  close(): Promise<void>;
  /**
   * Changes to another configuration while the server runs: no exchange fails and no connection is closed. New plugins
   * are set up first, then everything changes at once, then removed plugins are closed. Plugins with the same module,
   * name, prefix and options stay. Reloads run one at a time, in the order of the calls.
   * Errors: those of a start, RELOAD_NEEDS_RESTART; the old configuration then stays in force. SERVER_CLOSING if the
   * server is closed before.
   * @param source The source of the configuration. Default: as for `createServer`.
   */
  reload(config: ServerConfig, source?: ConfigSource): Promise<ReloadReport>;
  /**
   * One exchange without a socket. Errors: RESPONSE_INCOMPLETE if the response is cut off, for example because a
   * stream fails.
   */
  inject(request?: InjectRequest): Promise<InjectResponse>;
  /** Resolves when the server has stopped, for whatever reason; rejects if `close` rejects. */
  readonly closed: Promise<void>;
  /** The name and the promises of the store; undefined until it is open. */
  readonly storage: Pick<StorageDoor, 'name' | 'supports'> | undefined;
  /** In boot order; only plugins whose set-up has begun. */
  readonly plugins: readonly PluginReport[];
  /** Whether a connection is open, busy or idle. */
  readonly hasClients: boolean;
}

/** Errors: CONFIG_INVALID. Everything else comes from `ready`. */
export function createServer(config: ServerConfig = {}, options: ServerOptions = {}): Server {
  mustKnow(options, ['source', 'log', 'tap', 'traceSetup'], 'The second argument of createServer');
  const source = options.source ?? plainSource(process.cwd());
  return new JackfieldServer(resolveConfig(config, source), source, options);
}

/** The parts of a server that is ready. */
interface Running {
  readonly storage: StorageDoor;
  readonly host: PluginHost;
  readonly connections: Connections;
  readonly listeners: Listeners;
  readonly reloader: Reloader;
}

const NO_STATS: ServerStats = { connections: 0, connectionsRefused: 0, requestsRefused: 0, exchanges: 0 };

class JackfieldServer implements Server, HostServer {
  readonly #config: ResolvedConfig;
  readonly #source: ConfigSource;
  readonly #log: Log;
  readonly #tap: Tap | undefined;
  readonly #traceSetup: boolean;
  #starting: Promise<Running> | undefined;
  /** Set before the plugins are set up, so that a start can be stopped. */
  #host: PluginHost | undefined;
  #running: Running | undefined;
  #listening: Promise<Address> | undefined;
  #closing: Promise<void> | undefined;
  readonly closed: Promise<void>;
  #settleClosed: (outcome: Promise<void>) => void = () => {};

  constructor(
    config: ResolvedConfig,
    source: ConfigSource,
    { log = silentLog, tap, traceSetup = false }: ServerOptions,
  ) {
    this.#config = config;
    this.#source = source;
    this.#log = log;
    this.#tap = tap;
    this.#traceSetup = traceSetup;
    this.closed = new Promise((resolve) => {
      this.#settleClosed = resolve;
    });
    // If nobody awaits `closed`, its rejection must not end the process.
    this.closed.catch(() => {});
  }

  get plugins(): readonly PluginReport[] {
    return this.#host?.reports ?? [];
  }

  get storage(): Pick<StorageDoor, 'name' | 'supports'> | undefined {
    return this.#running?.storage;
  }

  get addresses(): readonly Address[] {
    return this.#running?.listeners.addresses ?? [];
  }

  get dispatcher(): Dispatcher | undefined {
    return this.#running?.connections.dispatcher;
  }

  get stats(): ServerStats {
    return this.#running?.connections.stats ?? NO_STATS;
  }

  get hasClients(): boolean {
    return this.#running !== undefined && this.#running.connections.size > 0;
  }

  async ready(): Promise<void> {
    await this.#start();
  }

  async listen(): Promise<Address> {
    if (this.#listening !== undefined && this.#closing === undefined)
      throw new TypeError('This server is already listening.');
    const listening = this.#listen();
    this.#listening ??= listening;
    try {
      return await listening;
    } catch (error) {
      await this.close().catch((closeError: unknown) => this.#tellUnclean(closeError));
      throw error;
    }
  }

  async #listen(): Promise<Address> {
    const { connections, listeners, reloader } = await this.#start();
    const [first] = await reloader.alone(async () => {
      this.#mustGoOn();
      return listeners.listen(connections);
    });
    if (first === undefined) throw new TypeError('This server has no address to listen on.');
    return first;
  }

  async reloadCertificates(): Promise<boolean> {
    const { listeners, reloader } = this.#running ?? {};
    const errors = (await reloader?.alone(async () => listeners?.reloadCertificates())) ?? [];
    for (const error of errors) {
      this.#log.error({ err: error }, 'A certificate could not be reloaded; the previous one stays in use.');
    }
    return errors.length === 0;
  }

  async reload(config: ServerConfig, source: ConfigSource = this.#source): Promise<ReloadReport> {
    const resolved = resolveConfig(config, source);
    this.#mustGoOn();
    const { reloader } = await this.#start();
    this.#mustGoOn();
    return PromiseTrace.during(this.#traceSetup, (trace) => reloader.reload(resolved, source, trace));
  }

  async inject(request: InjectRequest = {}): Promise<InjectResponse> {
    const octets = requestOctets(request);
    const { connections } = await this.#start();
    return readResponse(await exchangeOctets(connections, octets), request.method);
  }

  shutdown(): void {
    // The exchange that called `shutdown` is answered first: `close` waits for it.
    this.close().catch((error: unknown) => this.#tellUnclean(error));
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = this.#close();
      this.#settleClosed(this.#closing);
    }
    return this.#closing;
  }

  #tellUnclean(error: unknown): void {
    this.#log.error({ err: error }, 'The server did not stop cleanly.');
  }

  /** Errors: SERVER_CLOSING. */
  #mustGoOn(): void {
    if (this.#closing !== undefined) throw new JackfieldError('SERVER_CLOSING');
  }

  #start(): Promise<Running> {
    if (this.#closing !== undefined) throw new TypeError('This server was closed; create a new one.');
    this.#starting ??= PromiseTrace.during(this.#traceSetup, (trace) => this.#setUp(trace));
    return this.#starting;
  }

  /** If a later step fails, everything that was opened is closed again. */
  async #setUp(trace: PromiseTrace | undefined): Promise<Running> {
    const { listen, plugins, limits, allowedHosts, crossSite, trustedProxies, overload } = this.#config;
    const listeners = await Listeners.prepare(listen, this.#source.folder);
    const loaded = await loadPlugins(plugins, this.#source, limits.setupTimeoutMs, trace);
    this.#mustGoOn();
    const storage = await openStorage(this.#config.storage, this.#source, this.#log, limits.setupTimeoutMs);
    try {
      this.#mustGoOn();
      const container = new ServerContainer();
      const host = new PluginHost({ storage, log: this.#log, server: this, container });
      this.#host = host;
      const contributions = await host.setUp(loaded, { config: this.#config, source: this.#source, trace });
      const dispatcher = new Dispatcher(contributions, new AllowedHosts(allowedHosts), this.#log, crossSite);
      const connections = new Connections(limits, dispatcher, this.#log, this.#tap, {
        overload: Overload.of(overload, this.#log),
        proxies: TrustedProxies.of(trustedProxies, this.#log),
      });
      const parts = { connections, listeners, host, log: this.#log };
      const reloader = new Reloader(parts, this.#config);
      this.#running = { storage, host, connections, listeners, reloader };
      return this.#running;
    } catch (error) {
      await closeAfter(storage, (closeError) => this.#tellUnclean(closeError));
      throw error;
    }
  }

  async #close(): Promise<void> {
    this.#host?.announceStop();
    // Set before draining: every answer from here on closes its connection.
    if (this.#running !== undefined) this.#running.connections.isStopping = true;
    // Wait for a start in progress; a failed start has already closed everything.
    await this.#starting?.catch(() => {});
    await this.#listening?.catch(() => {});
    if (this.#running === undefined) return;
    const { storage, host, connections, listeners, reloader } = this.#running;
    listeners.stop();
    await this.#drain(connections);
    await reloader.settled();
    // A reload that was in progress may have opened more listeners, and clients may have connected to them.
    listeners.stop();
    await this.#drain(connections);
    await host.close();
    await storage.close();
  }

  async #drain(connections: Connections): Promise<void> {
    const broken = await connections.drain();
    if (broken > 0)
      this.#log.warn(
        { connections: broken },
        'Connections were closed by force at the end of the drain time.',
      );
  }
}

/** Closes after an error; an error of the closing must not hide the first one. */
async function closeAfter(storage: StorageDoor, failed: (error: unknown) => void): Promise<void> {
  try {
    await storage.close();
  } catch (error) {
    failed(error);
  }
}
