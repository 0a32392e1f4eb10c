/** One plugin of a running server: its context, its handlers and hooks, and its closing. */

import type { Hooks, Plugin, PluginContext, ServerStats, Storage } from '../api/plugin.js';
import type { ConfigSource } from '../config/config-source.js';
import type { ResolvedConfig } from '../config/resolved-config.js';
import type { PluginClass } from '../config/server-config.js';
import type { ServerContainer } from '../container.js';
import { JackfieldError, reasonOf } from '../errors.js';
import { ExchangeRequest } from '../exchange/exchange-request.js';
import { TakenConnections } from '../exchange/taken-connections.js';
import { thrownAt } from '../extensions/stack-places.js';
import type { Dispatcher } from '../handlers/dispatcher.js';
import { methodDoubt, patternDoubt } from '../handlers/foreign-syntax.js';
import { type Hook, type MutableHooks, noHooks } from '../handlers/hooks.js';
import { makeRoute, type Route } from '../handlers/registry.js';
import type { Dialect } from '../http/dialect.js';
import { inTime } from '../in-time.js';
import { misspeltMember } from '../known-members.js';
import type { Log } from '../log.js';
import type { MaybePromise } from '../maybe-promise.js';
import { TOKENS } from '../tokens.js';
import { type LoadedPlugin, type PluginOrigin, tooLate } from './load-plugins.js';
import { plugMarked } from './marks.js';
import { PendingCalls } from './pending-calls.js';
import type { PromiseTrace } from './promise-trace.js';
import { normalPrefix, scopedClaims, scopedHook } from './scope.js';

/** The data that `jackfield plugins` shows. */
export interface PluginReport {
  readonly name: string;
  readonly origin: PluginOrigin;
  /** The module it came from, absolute; absent for an object given by a program. */
  readonly file?: string;
  readonly version?: string;
  /** The path prefix from the configuration; absent if there is none. */
  readonly prefix?: string;
  readonly claims: readonly { readonly method: string; readonly pattern: string }[];
  /** The stages of its hooks, each once. */
  readonly hooks: readonly string[];
  readonly setupMs: number;
}

/** The parts of the server that plugins can reach. */
export interface HostServer {
  /** The dispatcher of new exchanges. */
  readonly dispatcher: Dispatcher | undefined;
  readonly stats: ServerStats;
  shutdown(): void;
}

/** The services that all plugins of a server share. */
export interface SharedServices {
  readonly storage: Storage;
  readonly log: Log;
  /** Makes the instances of class plugins. */
  readonly container: ServerContainer;
  readonly server: HostServer;
}

/** What a start or a reload decides for the plugins that it sets up. */
export interface SetUpTerms {
  readonly config: ResolvedConfig;
  readonly source: ConfigSource;
  /** An active trace, if set-ups are traced. */
  readonly trace: PromiseTrace | undefined;
}

/** @throws TypeError */
function mustBeDialect(dialect: Dialect): void {
  if (typeof dialect !== 'object' || dialect === null) throw new TypeError('dialect needs { name, claim }.');
  const misspelt = misspeltMember(dialect, ['name', 'claim']);
  if (misspelt !== undefined) throw new TypeError(`The dialect ${misspelt}`);
  if (typeof dialect.name !== 'string' || typeof dialect.claim !== 'function')
    throw new TypeError('A dialect must have a name and a function claim.');
}

export class PluginUnit {
  readonly plugin: LoadedPlugin;
  readonly routes: Route[] = [];
  readonly hooks: MutableHooks = noHooks();
  readonly dialects: Dialect[] = [];
  readonly taken = new TakenConnections();
  readonly #services: SharedServices;
  readonly #stopping = new AbortController();
  readonly #closers: (() => MaybePromise<void>)[] = [];
  readonly #calls: PendingCalls;
  #isSettingUp = true;
  #isClosed = false;
  #setupMs = 0;

  constructor(plugin: LoadedPlugin, services: SharedServices) {
    this.plugin = plugin;
    this.#services = services;
    this.#calls = new PendingCalls(services.storage);
  }

  get report(): PluginReport {
    const { name, origin, file, version, prefix } = this.plugin;
    return {
      name,
      origin,
      ...(file === '' ? {} : { file }),
      ...(version === undefined ? {} : { version }),
      ...(prefix === '' ? {} : { prefix }),
      // Empty until the set-up has registered them.
      claims: this.#isSettingUp
        ? []
        : this.routes.map(({ method, pattern }) => ({ method, pattern: pattern.text })),
      hooks: Object.entries(this.hooks).flatMap(([stage, { length }]) => (length > 0 ? [stage] : [])),
      setupMs: this.#setupMs,
    };
  }

  /** Errors: PLUGIN_SETUP_FAILED, PLUGIN_SETUP_TIMEOUT. Call `close` also after an error: it closes what was opened. */
  async setUp(terms: SetUpTerms): Promise<void> {
    const started = performance.now();
    const { plugin } = this;
    const { setupTimeoutMs } = terms.config.limits;
    const named = plugin.location === '' ? `"${plugin.name}"` : `"${plugin.name}" at ${plugin.location}`;
    let late: JackfieldError | undefined;
    try {
      const context = this.#context(terms);
      const instance =
        typeof plugin.made === 'function' ? this.#make(plugin.made, context, terms) : plugin.made;
      await inTime(instance.setup?.(context), setupTimeoutMs, () => {
        late = tooLate(named, setupTimeoutMs, {
          calls: this.#calls.names,
          places: terms.trace?.places(plugin.file) ?? [],
        });
        return late;
      });
    } catch (cause) {
      if (cause === late) throw cause;
      const reason = reasonOf(cause);
      throw new JackfieldError('PLUGIN_SETUP_FAILED', `${named}${thrownAt(cause, plugin.file)}: ${reason}`, {
        cause,
      });
    } finally {
      this.#calls.stop();
      this.#isSettingUp = false;
    }
    this.#setupMs = performance.now() - started;
  }

  /**
   * An instance of a class, with its marked methods registered. Only its `setup` is called; the class has the rest of
   * the definition.
   */
  #make(
    made: PluginClass,
    context: PluginContext,
    { config, source }: SetUpTerms,
  ): Partial<Pick<Plugin, 'setup'>> {
    const own = new Map<symbol, unknown>([
      [TOKENS.config, config],
      [TOKENS.source, source],
      [TOKENS.context, context],
      [TOKENS.storage, context.storage],
      [TOKENS.log, context.log],
      [TOKENS.options, context.options],
      [TOKENS.handle, context.handle],
      [TOKENS.hook, context.hook],
      [TOKENS.signal, context.signal],
      [TOKENS.onClose, context.onClose],
    ]);
    const instance = this.#services.container.make(made, own);
    plugMarked(instance, context);
    return instance;
  }

  #context({ config: { limits }, source: { folder } }: SetUpTerms): PluginContext {
    const { name, options, prefix } = this.plugin;
    const { log, server } = this.#services;
    const { storage } = this.#calls;
    const only = (what: string): void => {
      if (!this.#isSettingUp)
        throw new TypeError(`The plugin "${name}" called ${what} after the end of its setup.`);
    };
    return {
      handle: (method, pattern, handler, routeOptions) => {
        only('handle');
        // Checked before the prefix is added, so that the error quotes the pattern of the plugin.
        makeRoute(name, method, pattern, handler as Route['handler'], routeOptions);
        for (const doubt of [methodDoubt(method), patternDoubt(pattern)])
          if (doubt !== undefined) log.warn({ plugin: name, method, pattern }, doubt);
        for (const claim of scopedClaims(prefix, pattern, handler as Route['handler'])) {
          this.routes.push(makeRoute(name, method, claim.pattern, claim.handler, routeOptions));
        }
      },
      hook: (stage, fn) => {
        only('hook');
        this.#addHook(stage, fn);
      },
      dialect: (dialect) => {
        only('dialect');
        mustBeDialect(dialect);
        if (prefix !== '') throw new TypeError('A wire dialect has no paths, so it cannot have a prefix.');
        this.dialects.push(dialect);
      },
      forward: (request, method) => {
        // The dispatcher of this exchange, even if a reload has replaced it since.
        const forwarder = request instanceof ExchangeRequest ? request.forwarder : undefined;
        if (forwarder === undefined)
          throw new TypeError(
            'forward accepts only the request of a handler, while its exchange is in progress.',
          );
        return forwarder.forward(request as ExchangeRequest, method);
      },
      allowedMethods: (path) => {
        if (server.dispatcher === undefined)
          throw new TypeError('allowedMethods can be called only after all plugins are set up.');
        return server.dispatcher.allowedMethods(path);
      },
      stats: () => server.stats,
      storage,
      log: log.child({ plugin: name }),
      options,
      signal: this.#stopping.signal,
      folder,
      prefix: normalPrefix(prefix),
      onClose: (fn) => {
        if (typeof fn !== 'function') throw new TypeError('onClose needs a function.');
        if (!this.#isClosed) this.#closers.push(fn);
        // A set-up that timed out has finished late: close what it opened at once.
        else void this.#closeOne(fn, limits.setupTimeoutMs);
      },
      shutdown: () => server.shutdown(),
    };
  }

  #addHook<Stage extends keyof Hooks>(stage: Stage, fn: Hooks[Stage]): void {
    if (!Object.hasOwn(this.hooks, stage)) {
      throw new TypeError(
        `There is no hook "${String(stage)}"; there are ${Object.keys(this.hooks).join(', ')}.`,
      );
    }
    if (typeof fn !== 'function') throw new TypeError(`The hook "${stage}" is not a function.`);
    const { name, prefix } = this.plugin;
    // A request that could not be read has no path, so it is under no prefix.
    if (stage === 'unread' && prefix !== '') return;
    (this.hooks[stage] as Hook<Stage>[]).push({ plugin: name, fn: scopedHook(prefix, fn) });
  }

  /** Aborts the signal of the plugin: the server stops, or the plugin was removed from the configuration. */
  announceStop(why: 'SERVER_CLOSING' | 'PLUGIN_LEFT' = 'SERVER_CLOSING'): void {
    this.#stopping.abort(new JackfieldError(why));
  }

  /**
   * Runs the functions passed to `onClose`, the last first. A function that fails, or takes longer than
   * `setupTimeoutMs`, is logged and does not stop the others.
   * @param setupTimeoutMs Of the configuration in force, which may be newer than the set-up.
   */
  async close(setupTimeoutMs: number): Promise<void> {
    this.announceStop();
    this.#isClosed = true;
    for (const closer of this.#closers.splice(0).reverse()) await this.#closeOne(closer, setupTimeoutMs);
  }

  async #closeOne(fn: () => MaybePromise<void>, setupTimeoutMs: number): Promise<void> {
    const { log } = this.#services;
    const { name: plugin } = this.plugin;
    const late = new Error(`It took longer than ${setupTimeoutMs} ms.`);
    try {
      await inTime(fn(), setupTimeoutMs, () => late);
    } catch (error) {
      if (error === late) log.error({ plugin, setupTimeoutMs }, 'A plugin did not close in time.');
      else log.error({ plugin, err: error }, 'A plugin failed to close.');
    }
  }
}
