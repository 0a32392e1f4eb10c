/**
 * The second half of a plugin's life: set up in order, each with its own context; closed in reverse order, also when
 * one of them fails half way.
 */
import { inject, injectable } from 'tsyringe';
import type { ConfigSource, Limits } from '../config/server-config.js';
import type { ResolvedConfig } from '../config/validate-config.js';
import { ExchangeRequest } from '../connection/exchange-request.js';
import { JackfieldError } from '../errors.js';
import { thrownAt } from '../extensions/stack-places.js';
import type { Contributions, Dispatcher, Hook, HookTable } from '../handlers/dispatcher.js';
import { makeRoute, Registry, type Route } from '../handlers/registry.js';
import type { Dialect } from '../http/dialect.js';
import type { Log } from '../log.js';
import type { Hooks, Plugin, PluginContext, ServerStats, Storage } from '../plugin-api.js';
import type { MaybePromise } from '../storage/contract.js';
import { TOKENS } from '../tokens.js';
import { inTime } from './in-time.js';
import { type LoadedPlugin, type PluginOrigin, tooLate } from './load-plugins.js';

/** What `jackfield plugins` shows of a plugin. */
export interface PluginReport {
  readonly name: string;
  readonly origin: PluginOrigin;
  /** The module it came from, absolute; absent for an object given by a program. */
  readonly file?: string;
  readonly version?: string;
  readonly claims: readonly { readonly method: string; readonly pattern: string }[];
  readonly setupMs: number;
}

/** Makes an instance of a class plugin, in a container of its own. */
export type MakeInstance = (plugin: LoadedPlugin, context: PluginContext) => PluginInstance;

/** Only `setup` is called on it; what else a plugin has is told by its class. */
export type PluginInstance = Pick<Plugin, 'setup'>;

/** What the plugins reach of their server. */
export interface HostServer {
  readonly dispatcher: Dispatcher | undefined;
  readonly stats: ServerStats;
  shutdown(): void;
}

type GrowingReport = { -readonly [Part in keyof PluginReport]: PluginReport[Part] };

function emptyReport({ name, origin, file, version }: LoadedPlugin): GrowingReport {
  return {
    name,
    origin,
    ...(file === '' ? {} : { file }),
    ...(version === undefined ? {} : { version }),
    claims: [],
    setupMs: 0,
  };
}

interface Closer {
  readonly plugin: string;
  readonly fn: () => MaybePromise<void>;
}

type MutableHooks = { [Stage in keyof HookTable]: HookTable[Stage][number][] };

@injectable()
export class PluginHost {
  readonly #limits: Limits;
  readonly #source: ConfigSource;
  readonly #storage: Storage;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  readonly #closers: Closer[] = [];
  #isClosed = false;
  readonly #routes: Route[] = [];
  readonly #hooks: MutableHooks = { request: [], handler: [], response: [], error: [], close: [] };
  readonly #dialects: Dialect[] = [];
  readonly #reports: GrowingReport[] = [];

  constructor(
    @inject(TOKENS.config) config: ResolvedConfig,
    @inject(TOKENS.source) source: ConfigSource,
    @inject(TOKENS.storage) storage: Storage,
    @inject(TOKENS.log) log: Log,
  ) {
    this.#limits = config.limits;
    this.#source = source;
    this.#storage = storage;
    this.#log = log;
  }

  /** In boot order; of a plugin that is being set up its claims are still to come. */
  get reports(): readonly PluginReport[] {
    return this.#reports;
  }

  /**
   * Sets the plugins up, one after the other. Where one fails, those already up are closed before this rejects.
   * Errors: PLUGIN_SETUP_FAILED, PLUGIN_SETUP_TIMEOUT, HANDLER_REPEATED, SERVER_CLOSING.
   */
  async setUp(
    plugins: readonly LoadedPlugin[],
    server: HostServer,
    make: MakeInstance,
  ): Promise<Contributions> {
    try {
      for (const plugin of plugins) {
        if (this.#stopping.signal.aborted) throw new JackfieldError('SERVER_CLOSING');
        await this.#setUpOne(plugin, server, make);
      }
      return { registry: new Registry(this.#routes), hooks: this.#hooks, dialects: this.#dialects };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async #setUpOne(plugin: LoadedPlugin, server: HostServer, make: MakeInstance): Promise<void> {
    const started = performance.now();
    const routesBefore = this.#routes.length;
    const report = emptyReport(plugin);
    this.#reports.push(report);
    const life = { isSettingUp: true };
    const context = this.#contextOf(plugin, server, life);
    const named = plugin.location === '' ? `"${plugin.name}"` : `"${plugin.name}" at ${plugin.location}`;
    try {
      const instance = typeof plugin.made === 'function' ? make(plugin, context) : plugin.made;
      const { setupTimeoutMs } = this.#limits;
      await inTime(instance.setup(context), setupTimeoutMs, () => tooLate(named, setupTimeoutMs));
    } catch (cause) {
      if (cause instanceof JackfieldError && cause.code === 'PLUGIN_SETUP_TIMEOUT') throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new JackfieldError('PLUGIN_SETUP_FAILED', `${named}${thrownAt(cause, plugin.file)}: ${reason}`, {
        cause,
      });
    } finally {
      life.isSettingUp = false;
    }
    report.claims = this.#routes
      .slice(routesBefore)
      .map(({ method, pattern }) => ({ method, pattern: pattern.text }));
    report.setupMs = performance.now() - started;
  }

  #contextOf(
    { name, options }: LoadedPlugin,
    server: HostServer,
    life: { isSettingUp: boolean },
  ): PluginContext {
    const only = (what: string): void => {
      if (!life.isSettingUp)
        throw new TypeError(`The plugin "${name}" called ${what} after its setup had ended.`);
    };
    return {
      handle: (method, pattern, handler, routeOptions) => {
        only('handle');
        this.#routes.push(makeRoute(name, method, pattern, handler as Route['handler'], routeOptions));
      },
      hook: (stage, fn) => {
        only('hook');
        this.#addHook(name, stage, fn);
      },
      dialect: (dialect) => {
        only('dialect');
        this.#dialects.push(dialect);
      },
      forward: (request, method) => {
        if (server.dispatcher === undefined || !(request instanceof ExchangeRequest)) {
          throw new TypeError('forward takes the request that a handler was given.');
        }
        return server.dispatcher.forward(request, method);
      },
      allowedMethods: (path) => {
        if (server.dispatcher === undefined)
          throw new TypeError('allowedMethods is asked when all plugins are set up, not before.');
        return server.dispatcher.allowedMethods(path);
      },
      stats: () => server.stats,
      storage: this.#storage,
      log: this.#log.child({ plugin: name }),
      options,
      signal: this.#stopping.signal,
      folder: this.#source.folder,
      onClose: (fn) => {
        if (typeof fn !== 'function') throw new TypeError('onClose takes a function.');
        if (!this.#isClosed) this.#closers.push({ plugin: name, fn });
        // Of a setup that was given up, and still came to something that has to be closed.
        else void this.#closeOne({ plugin: name, fn });
      },
      shutdown: () => server.shutdown(),
    };
  }

  #addHook<Stage extends keyof Hooks>(plugin: string, stage: Stage, fn: Hooks[Stage]): void {
    if (!Object.hasOwn(this.#hooks, stage)) {
      throw new TypeError(
        `There is no hook "${String(stage)}"; there are ${Object.keys(this.#hooks).join(', ')}.`,
      );
    }
    if (typeof fn !== 'function') throw new TypeError(`The hook "${stage}" is not a function.`);
    (this.#hooks[stage] as Hook<Stage>[]).push({ plugin, fn });
  }

  /** Tells the plugins that the server begins to stop. */
  announceStop(): void {
    this.#stopping.abort(new JackfieldError('SERVER_CLOSING'));
  }

  /**
   * Runs what was given to `onClose`, the last first. A closer that fails, or takes longer than `setupTimeoutMs`, is
   * logged and keeps none of the others.
   */
  async close(): Promise<void> {
    this.announceStop();
    this.#isClosed = true;
    for (const closer of this.#closers.splice(0).reverse()) await this.#closeOne(closer);
  }

  async #closeOne({ plugin, fn }: Closer): Promise<void> {
    const { setupTimeoutMs } = this.#limits;
    const late = new Error(`It took longer than ${setupTimeoutMs} ms.`);
    try {
      await inTime(fn(), setupTimeoutMs, () => late);
    } catch (error) {
      if (error === late) this.#log.error({ plugin, setupTimeoutMs }, 'A plugin was not closed in time.');
      else this.#log.error({ plugin, err: error }, 'A plugin failed while it was closed.');
    }
  }
}
