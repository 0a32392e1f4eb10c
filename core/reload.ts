/**
 * Changes a running server to another configuration, without a failed exchange or a closed connection. Every step that
 * can fail comes before any change: new plugins are loaded, set up and new listeners opened while the old ones run.
 * Then everything changes in one step, between two exchanges, and removed plugins are closed when nothing uses them
 * any more.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ConfigSource } from './config/config-source.js';
import type { Limits } from './config/limits.js';
import type { ResolvedConfig } from './config/resolved-config.js';
import type { Connections, ConnectionsOptions } from './connection/connections.js';
import { Overload } from './connection/overload.js';
import { TrustedProxies } from './connection/trusted-proxies.js';
import { JackfieldError } from './errors.js';
import { hasChanged } from './extensions/loaded-code.js';
import { AllowedHosts } from './handlers/allowed-hosts.js';
import { Dispatcher } from './handlers/dispatcher.js';
import { inTime } from './in-time.js';
import type { Listeners } from './listening/listeners.js';
import type { Log } from './log.js';
import { loadPlugins } from './plugin-host/load-plugins.js';
import { closeInTurn, type PluginChange, type PluginHost } from './plugin-host/plugin-host.js';
import type { PluginUnit } from './plugin-host/plugin-unit.js';
import type { PromiseTrace } from './plugin-host/promise-trace.js';

/** The result of a reload, with the names of plugins. */
export interface ReloadReport {
  /** New, or with a changed prefix or changed options. */
  readonly started: readonly string[];
  /** Kept with the same instance. */
  readonly kept: readonly string[];
  /** Removed; closed when the exchanges that began with them have ended. */
  readonly left: readonly string[];
  /** Modules whose file has changed since they were loaded: a reload does not reload code, only a restart does. */
  readonly changedFiles: readonly string[];
  /** Resolves when the removed plugins are closed. Never rejects. */
  readonly retired: Promise<void>;
}

/** The parts of a server that a reload changes. */
export interface Reloadable {
  readonly connections: Connections;
  readonly listeners: Listeners;
  readonly host: PluginHost;
  readonly log: Log;
}

export class Reloader {
  readonly #parts: Reloadable;
  #config: ResolvedConfig;
  /** The current dispatcher and earlier ones that exchanges may still use, each with its plugins. */
  readonly #generations = new Map<Dispatcher, readonly PluginUnit[]>();
  readonly #retiring = new Set<Promise<void>>();
  /** One reload at a time: the next begins when this one has ended. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: Reloadable, config: ResolvedConfig) {
    this.#parts = parts;
    this.#config = config;
    this.#generations.set(parts.connections.dispatcher, parts.host.units);
  }

  /** Errors: RELOAD_NEEDS_RESTART and those of a start; the old configuration then stays in force. */
  reload(config: ResolvedConfig, source: ConfigSource, trace?: PromiseTrace): Promise<ReloadReport> {
    return this.alone(() => this.#reload(config, source, trace));
  }

  /** Runs work that must not overlap with a reload. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => {});
    return next;
  }

  /** Waits until no reload is in progress and all removed plugins are closed. */
  async settled(): Promise<void> {
    await this.#last;
    await Promise.all(this.#retiring);
  }

  async #reload(
    config: ResolvedConfig,
    source: ConfigSource,
    trace: PromiseTrace | undefined,
  ): Promise<ReloadReport> {
    const { host, listeners, connections, log } = this.#parts;
    refuseRestart(this.#config, config);
    const listening = await listeners.change(config.listen, source.folder);
    const loaded = await loadPlugins(config.plugins, source, config.limits.setupTimeoutMs, trace);
    let change: PluginChange | undefined;
    let dispatcher: Dispatcher;
    let services: ConnectionsOptions;
    try {
      change = await host.change(loaded, { config, source, trace });
      await listening.open();
      const hosts = new AllowedHosts(config.allowedHosts);
      dispatcher = new Dispatcher(change.contributions, hosts, log, config.crossSite);
      const proxies = TrustedProxies.of(config.trustedProxies, log);
      host.mustGoOn();
      const isSameLoad = isDeepStrictEqual(config.overload, this.#config.overload);
      services = { proxies, overload: isSameLoad ? connections.overload : Overload.of(config.overload, log) };
    } catch (error) {
      listening.undo();
      await change?.undo();
      throw error;
    }
    // The one step that changes everything. Nothing in it waits or fails, so every exchange sees either the old or the
    // new state.
    const replaced = connections.dispatcher;
    change.commit();
    listening.commit();
    connections.reconfigure(config.limits, dispatcher, services);
    this.#config = config;
    this.#generations.set(dispatcher, change.units);
    void replaced.idle().then(() => this.#generations.delete(replaced));
    const retired = this.#retire(change.left, config.limits);
    return { ...(await this.#report(change)), retired };
  }

  /**
   * Closes the removed plugins when every exchange that began with them, and every connection that they have taken
   * over, has ended; after `shutdownTimeoutMs` at the latest. They must all stay until then, because an exchange may be
   * forwarded to any plugin that it began with.
   */
  #retire(left: readonly PluginUnit[], { shutdownTimeoutMs, setupTimeoutMs }: Limits): Promise<void> {
    // The signal of the plugin tells endless streams to stop.
    for (const unit of left) unit.announceStop('PLUGIN_LEFT');
    const retired = this.#drain(left, shutdownTimeoutMs).then(() => closeInTurn(left, setupTimeoutMs));
    this.#retiring.add(retired);
    void retired.then(() => this.#retiring.delete(retired));
    return retired;
  }

  async #drain(left: readonly PluginUnit[], timeoutMs: number): Promise<void> {
    const theirs = [...this.#generations].filter(([, units]) => left.some((unit) => units.includes(unit)));
    let isIdle = false;
    const over = async (): Promise<void> => {
      await Promise.all(theirs.map(([dispatcher]) => dispatcher.idle()));
      isIdle = true;
      await Promise.all(left.map(({ taken }) => taken.none()));
    };
    const late = new Error();
    await inTime(over(), timeoutMs, () => late).catch(() => {});
    const { log } = this.#parts;
    const plugins = left.map(({ plugin }) => plugin.name);
    const broken = left.reduce((sum, { taken }) => sum + taken.end(), 0);
    if (!isIdle) log.warn({ plugins, timeoutMs }, 'Plugins were closed while exchanges still used them.');
    if (broken > 0)
      log.warn(
        { plugins, connections: broken },
        'Connections were closed by force at the end of the drain time.',
      );
  }

  async #report({ started, kept, left }: PluginChange): Promise<Omit<ReloadReport, 'retired'>> {
    const { log } = this.#parts;
    const changed = await Promise.all(
      [...started, ...kept].map(async ({ plugin: { name, file } }) =>
        file !== '' && (await hasChanged(file)) ? [{ plugin: name, file }] : [],
      ),
    );
    for (const one of changed.flat())
      log.warn(one, 'A plugin file changed on disk; a reload does not reload code. Restart to run it.');
    const names = (units: readonly PluginUnit[]): string[] => units.map(({ plugin }) => plugin.name);
    const told = { started: names(started), kept: names(kept), left: names(left) };
    log.info(told, 'The configuration was reloaded.');
    return { ...told, changedFiles: changed.flat().map(({ file }) => file) };
  }
}

/** Errors: RELOAD_NEEDS_RESTART. */
function refuseRestart({ storage: now }: ResolvedConfig, { storage: then }: ResolvedConfig): void {
  const isSame = now.adapter === then.adapter && isDeepStrictEqual(now.options, then.options);
  if (isSame) return;
  throw new JackfieldError(
    'RELOAD_NEEDS_RESTART',
    '"storage" would change, but plugins that stay keep using the old store. Restart the server, or undo the change of "storage".',
  );
}
