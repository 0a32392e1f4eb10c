/**
 * The second half of a plugin's life. Plugins are set up in order, each with its own context, and closed in reverse
 * order, even if one of them fails. A reload sets up new plugins while the old ones run, and closes removed plugins
 * when the last exchange that began with them has ended.
 */
import { isDeepStrictEqual } from 'node:util';
import { JackfieldError } from '../errors.js';
import type { Contributions } from '../handlers/dispatcher.js';
import { examplePath } from '../handlers/pattern.js';
import { Registry } from '../handlers/registry.js';
import type { LoadedPlugin } from './load-plugins.js';
import { type PluginReport, PluginUnit, type SetUpTerms, type SharedServices } from './plugin-unit.js';

/** A changed set of plugins, all of them set up. Exchanges still use the old set. */
export interface PluginChange {
  readonly contributions: Contributions;
  /** All of them, in boot order. */
  readonly units: readonly PluginUnit[];
  readonly started: readonly PluginUnit[];
  readonly kept: readonly PluginUnit[];
  readonly left: readonly PluginUnit[];
  /** Makes these the plugins of the server. The removed ones are closed later. */
  commit(): void;
  /** Closes the plugins that were set up for the change. */
  undo(): Promise<void>;
}

export class PluginHost {
  readonly #shared: SharedServices;
  /** The limit of each function passed to `onClose`. */
  #closeTimeoutMs = 0;
  #isStopping = false;
  /** In boot order; during the start, the plugins up to the current one. */
  #units: PluginUnit[] = [];
  /** Set up by a reload that is still in progress. */
  #pending: PluginUnit[] = [];
  /** The paths of which a plugin was last warned that they have no HEAD. */
  readonly #warned = new WeakMap<PluginUnit, string>();

  constructor(shared: SharedServices) {
    this.#shared = shared;
  }

  /** In boot order. */
  get units(): readonly PluginUnit[] {
    return this.#units;
  }

  /** In boot order. The claims of a plugin are missing while it is being set up. */
  get reports(): readonly PluginReport[] {
    return this.#units.map(({ report }) => report);
  }

  /**
   * Sets up the plugins one after the other. If one fails, those already set up are closed before this rejects.
   * Errors: PLUGIN_SETUP_FAILED, PLUGIN_SETUP_TIMEOUT, HANDLER_REPEATED, SERVER_CLOSING.
   */
  async setUp(plugins: readonly LoadedPlugin[], terms: SetUpTerms): Promise<Contributions> {
    this.#closeTimeoutMs = terms.config.limits.setupTimeoutMs;
    try {
      for (const plugin of plugins) await this.#setUpOne(plugin, this.#units, terms);
      return this.#contributionsOf(this.#units);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /**
   * Sets up the plugins that are not already running with the same module, name, prefix and options.
   * Errors: as `setUp`; then nothing has changed.
   */
  async change(plugins: readonly LoadedPlugin[], terms: SetUpTerms): Promise<PluginChange> {
    const { setupTimeoutMs } = terms.config.limits;
    const before = this.#units;
    const started: PluginUnit[] = [];
    this.#pending = started;
    const kept = new Map<LoadedPlugin, PluginUnit>();
    for (const plugin of plugins) {
      const same = before.find((unit) => isSame(unit.plugin, plugin));
      if (same !== undefined) kept.set(plugin, same);
    }
    const undo = async (): Promise<void> => {
      this.#pending = [];
      await closeInTurn(started, setupTimeoutMs);
    };
    try {
      const units: PluginUnit[] = [];
      for (const plugin of plugins)
        units.push(kept.get(plugin) ?? (await this.#setUpOne(plugin, started, terms)));
      const contributions = this.#contributionsOf(units);
      const stays = new Set(kept.values());
      const left = before.filter((unit) => !stays.has(unit));
      const commit = (): void => {
        this.#units = units;
        this.#pending = [];
        this.#closeTimeoutMs = setupTimeoutMs;
      };
      return { contributions, units, started, kept: [...stays], left, commit, undo };
    } catch (error) {
      await undo();
      throw error;
    }
  }

  async #setUpOne(plugin: LoadedPlugin, among: PluginUnit[], terms: SetUpTerms): Promise<PluginUnit> {
    this.mustGoOn();
    const unit = new PluginUnit(plugin, this.#shared);
    among.push(unit);
    await unit.setUp(terms);
    return unit;
  }

  /** Errors: HANDLER_REPEATED. */
  #contributionsOf(units: readonly PluginUnit[]): Contributions {
    const contributions = contributionsOf(units);
    for (const unit of units) {
      const paths = pathsWithoutHead(unit, contributions.registry).join(', ');
      // Warn once, and again if a reload changes the paths.
      if (paths !== '' && this.#warned.get(unit) !== paths)
        this.#shared.log.warn(
          { plugin: unit.plugin.name, paths },
          'HEAD is answered 405 at paths that have GET (RFC 9110 §9.3.2). Add the plugin "head" to the configuration, or handle HEAD.',
        );
      this.#warned.set(unit, paths);
    }
    return contributions;
  }

  /** Errors: SERVER_CLOSING. */
  mustGoOn(): void {
    if (this.#isStopping) throw new JackfieldError('SERVER_CLOSING');
  }

  /** Notifies the plugins that the server begins to stop. */
  announceStop(): void {
    this.#isStopping = true;
    for (const unit of [...this.#units, ...this.#pending]) unit.announceStop();
  }

  /** Closes all running plugins, the last first. */
  async close(): Promise<void> {
    this.announceStop();
    await closeInTurn(this.#units, this.#closeTimeoutMs);
  }
}

/** Closes plugins in reverse order. @param timeoutMs As for `PluginUnit.close`. */
export async function closeInTurn(units: readonly PluginUnit[], timeoutMs: number): Promise<void> {
  for (const unit of units.toReversed()) await unit.close(timeoutMs);
}

/** Errors: HANDLER_REPEATED. */
function contributionsOf(units: readonly PluginUnit[]): Contributions {
  return {
    registry: new Registry(units.flatMap(({ routes }) => routes)),
    hooks: {
      crossSite: units.flatMap(({ hooks }) => hooks.crossSite),
      request: units.flatMap(({ hooks }) => hooks.request),
      handler: units.flatMap(({ hooks }) => hooks.handler),
      response: units.flatMap(({ hooks }) => hooks.response),
      fields: units.flatMap(({ hooks }) => hooks.fields),
      error: units.flatMap(({ hooks }) => hooks.error),
      close: units.flatMap(({ hooks }) => hooks.close),
      unread: units.flatMap(({ hooks }) => hooks.unread),
    },
    dialects: units.flatMap(({ dialects }) => dialects),
    taken: new Map(units.map(({ plugin, taken }) => [plugin.name, taken])),
  };
}

/** The patterns at which a unit handles GET, and no plugin HEAD. */
function pathsWithoutHead({ routes }: PluginUnit, registry: Registry): string[] {
  return routes
    .filter(({ method, options, pattern }) => {
      if (method !== 'GET' || options.fallback === true) return false;
      return registry.find('HEAD', examplePath(pattern)) === undefined;
    })
    .map(({ pattern }) => pattern.text);
}

/** Whether the running plugin is the one that the new configuration asks for. */
function isSame(one: LoadedPlugin, other: LoadedPlugin): boolean {
  return (
    one.exported === other.exported &&
    one.name === other.name &&
    one.prefix === other.prefix &&
    // Schemas and instances in options are equal only if they are the same object; that is intended.
    isDeepStrictEqual(one.givenOptions, other.givenOptions)
  );
}
