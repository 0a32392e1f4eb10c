/**
 * From the configuration that a server runs to another one, without an exchange or a connection that fails. Everything
 * that can go wrong is done before anything changes: what is new is read, set up and listened on beside what runs. Then
 * all of it changes in one step, between two exchanges, and what left is closed when nobody uses it any more.
 */
import { isDeepStrictEqual } from 'node:util';
import type { ConfigSource } from './config/config-source.js';
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

/** What a reload did, plugins by name. */
export interface ReloadReport {
  /** New, or with another prefix or other options than before. */
  readonly started: readonly string[];
  /** With the instance that they had. */
  readonly kept: readonly string[];
  /** Closed when the exchanges that began with them are over. */
  readonly left: readonly string[];
  /** Modules that are not on the disk any more as they run: code is not reloaded, this takes a restart. */
  readonly changedFiles: readonly string[];
  /** Resolves when those that left are closed. Never rejects. */
  readonly retired: Promise<void>;
}

/** What a server is made of, as far as a reload changes it. */
export interface Reloadable {
  readonly connections: Connections;
  readonly listeners: Listeners;
  readonly host: PluginHost;
  /** Replaces the configuration that class plugins are given from now on. */
  renew(config: ResolvedConfig, source: ConfigSource): void;
  readonly log: Log;
}

export class Reloader {
  readonly #parts: Reloadable;
  #config: ResolvedConfig;
  #source: ConfigSource;
  /** Those that exchanges may still be under way with, and the present one, each with its plugins. */
  readonly #generations = new Map<Dispatcher, readonly PluginUnit[]>();
  readonly #retiring = new Set<Promise<void>>();
  /** One reload at a time: the next begins where this one ended. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(parts: Reloadable, config: ResolvedConfig, source: ConfigSource) {
    this.#parts = parts;
    this.#config = config;
    this.#source = source;
    this.#generations.set(parts.connections.dispatcher, parts.host.units);
  }

  /** Errors: RELOAD_NEEDS_RESTART and those of a start; then the old configuration goes on. */
  reload(config: ResolvedConfig, source: ConfigSource, trace?: PromiseTrace): Promise<ReloadReport> {
    return this.alone(() => this.#reload(config, source, trace));
  }

  /** Does something that must not meet a reload half-way. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(work);
    this.#last = next.catch(() => {});
    return next;
  }

  /** Waits until no reload is under way and everything that left is closed. */
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
    this.#parts.renew(config, source);
    let change: PluginChange | undefined;
    let dispatcher: Dispatcher;
    let services: ConnectionsOptions;
    try {
      change = await host.change(loaded, config.limits, source.folder, trace);
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
      this.#parts.renew(this.#config, this.#source);
      throw error;
    }
    // The one step. Nothing in it waits or fails, so no exchange sees half of it.
    const replaced = connections.dispatcher;
    change.commit();
    listening.commit();
    connections.reconfigure(config.limits, dispatcher, services);
    this.#config = config;
    this.#source = source;
    this.#generations.set(dispatcher, change.units);
    void replaced.idle().then(() => this.#generations.delete(replaced));
    const retired = this.#retire(change.left, config.limits.shutdownTimeoutMs);
    return { ...(await this.#report(change)), retired };
  }

  /**
   * Closes those that left when every exchange that began with them, and every connection that they have taken over, is
   * over; after `timeoutMs` at the latest. An exchange may be forwarded to any plugin that it began with.
   */
  #retire(left: readonly PluginUnit[], timeoutMs: number): Promise<void> {
    // A stream without an end is told by the signal of its plugin that it is time.
    for (const unit of left) unit.announceStop('PLUGIN_LEFT');
    const retired = this.#drain(left, timeoutMs).then(() => closeInTurn(left));
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
