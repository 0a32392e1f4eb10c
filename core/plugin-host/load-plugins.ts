/** The first half of a plugin's life: found, recognised, its options validated, its place in the order known. */

import type { ConfigSource, PluginClass, PluginEntry, PluginReference } from '../config/server-config.js';
import type { StandardResult, StandardSchema } from '../config/standard-schema.js';
import { explainIssues, knownKeysOf } from '../config/validate-config.js';
import { JackfieldError } from '../errors.js';
import { type ExtensionKind, findExtension } from '../extensions/find-extension.js';
import type { Plugin } from '../plugin-api.js';
import { inTime } from './in-time.js';

export const PLUGINS: ExtensionKind = {
  folder: 'plugins',
  packagePrefix: 'jackfield-plugin-',
  unknown: 'PLUGIN_UNKNOWN',
  unloadable: 'PLUGIN_LOAD_FAILED',
};

export type PluginOrigin = 'built-in' | 'file' | 'package' | 'object';

export interface LoadedPlugin {
  readonly name: string;
  readonly origin: PluginOrigin;
  /** Absolute; `''` for an object given by a program. */
  readonly file: string;
  readonly version: string | undefined;
  readonly needs: readonly string[];
  /** Validated. */
  readonly options: unknown;
  readonly made: Plugin | PluginClass;
  /** `file:line:column` in the configuration; `''` where there is none. */
  readonly location: string;
}

/**
 * @param timeoutMs As long as each may take to be imported and to validate its options.
 * Errors: PLUGIN_UNKNOWN, PLUGIN_LOAD_FAILED, PLUGIN_INVALID, PLUGIN_OPTIONS_INVALID, PLUGIN_SETUP_TIMEOUT,
 * PLUGIN_REPEATED, PLUGIN_NEEDS_*; of several plugins that fail, that of the first.
 */
export async function loadPlugins(
  entries: readonly PluginEntry[],
  source: ConfigSource,
  timeoutMs: number,
): Promise<LoadedPlugin[]> {
  const outcomes = await Promise.allSettled(
    entries.map((entry, at) =>
      inTime(loadPlugin(entry, at, source), timeoutMs, () => tooLate(nameOf(entry, at, source), timeoutMs)),
    ),
  );
  const loaded = outcomes.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
  refuseRepeated(loaded);
  return orderByNeeds(loaded);
}

/** @param plugin How it is called in the error. */
export function tooLate(plugin: string, timeoutMs: number): JackfieldError {
  return new JackfieldError(
    'PLUGIN_SETUP_TIMEOUT',
    `${plugin} took longer than ${timeoutMs} ms. Mend what it waits for, or raise "limits.setupTimeoutMs".`,
  );
}

function nameOf(entry: PluginEntry, at: number, source: ConfigSource): string {
  const { reference, location } = referenceOf(entry, at, source);
  const name = JSON.stringify(typeof reference === 'string' ? reference : reference.name);
  return location === '' ? name : `${name} at ${location}`;
}

function referenceOf(
  entry: PluginEntry,
  at: number,
  source: ConfigSource,
): { readonly reference: PluginReference; readonly location: string } {
  return isFullEntry(entry)
    ? { reference: entry.use, location: source.locate(['plugins', at, 'use']) }
    : { reference: entry, location: source.locate(['plugins', at]) };
}

async function loadPlugin(entry: PluginEntry, at: number, source: ConfigSource): Promise<LoadedPlugin> {
  const { reference, location } = referenceOf(entry, at, source);
  const found =
    typeof reference === 'string'
      ? await findExtension(PLUGINS, reference, source.folder, location)
      : { origin: 'object' as const, exported: reference, file: '' };
  const made = recognise(found.exported, typeof reference === 'string' ? reference : 'the object', location);
  const told = typeof made === 'function' ? describeClass(made) : made;
  const named = { name: told.name, location };
  const options = await validateOptions(
    told,
    isFullEntry(entry) ? entry.options : undefined,
    ['plugins', at, 'options'],
    source,
  );
  const version = told.version ?? ('version' in found ? found.version : undefined);
  return {
    ...named,
    origin: found.origin,
    file: found.file,
    version,
    needs: told.needs ?? [],
    options,
    made,
  };
}

function isFullEntry(entry: PluginEntry): entry is Extract<PluginEntry, { use: PluginReference }> {
  return typeof entry === 'object' && 'use' in entry;
}

function recognise(exported: unknown, reference: string, location: string): Plugin | PluginClass {
  const where = location === '' ? reference : `${reference} at ${location}`;
  const invalid = (what: string): JackfieldError =>
    new JackfieldError(
      'PLUGIN_INVALID',
      `${where} ${what}. A plugin is { name, setup } and may have version, needs and options.`,
    );
  if (typeof exported === 'function') {
    if (typeof exported.prototype?.setup !== 'function') {
      throw new JackfieldError(
        'PLUGIN_INVALID',
        `${where} is a function. Export { name, setup } or a class with a setup method.`,
      );
    }
    const made = exported as PluginClass;
    const fault = faultIn(describeClass(made));
    if (fault === undefined) return made;
    throw invalid(fault === 'has no name' ? 'is a class without a name. Give it one' : fault);
  }
  if (typeof exported !== 'object' || exported === null) {
    throw new JackfieldError(
      'PLUGIN_INVALID',
      `${where} has no default export. Export default definePlugin({ name, setup }).`,
    );
  }
  const { setup } = exported as { setup?: unknown };
  const fault = faultIn(exported) ?? (typeof setup === 'function' ? undefined : 'has no setup function');
  if (fault === undefined) return exported as Plugin;
  throw invalid(fault);
}

/** What is wrong with what a plugin tells of itself. */
function faultIn(told: Partial<Record<keyof Plugin, unknown>>): string | undefined {
  const { name, version, needs, options } = told;
  if (typeof name !== 'string' || name === '') return 'has no name';
  if (version !== undefined && typeof version !== 'string') return 'has a version that is no string';
  if (needs !== undefined && !isListOfNames(needs)) return 'has needs that are no list of names';
  if (options !== undefined && !isSchema(options)) return 'has options that are no Standard Schema';
  return undefined;
}

function isListOfNames(needs: unknown): boolean {
  return Array.isArray(needs) && needs.every((name) => typeof name === 'string');
}

function isSchema(options: unknown): boolean {
  // Some schemas (ArkType's) are functions.
  if (Object(options) !== options) return false;
  const standard: unknown = Reflect.get(options as object, '~standard');
  return (
    typeof standard === 'object' &&
    standard !== null &&
    typeof Reflect.get(standard, 'validate') === 'function'
  );
}

/**
 * A class tells its name, needs and options in `static plugin`; without, it is called after itself. Where it is
 * exported without a name, JavaScript calls it "default".
 */
function describeClass(made: PluginClass): Omit<Plugin, 'setup'> {
  const told: unknown = Reflect.get(made, 'plugin');
  const kebab = made.name.replace(/Plugin$/, '').replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-');
  const name = made.name === 'default' ? '' : kebab.toLowerCase();
  return { name, ...(typeof told === 'object' ? told : {}) };
}

async function validateOptions(
  { name, options: schema }: Omit<Plugin, 'setup'>,
  given: unknown,
  path: readonly PropertyKey[],
  source: ConfigSource,
): Promise<unknown> {
  if (schema === undefined) {
    if (
      given === undefined ||
      (typeof given === 'object' && given !== null && Object.keys(given).length === 0)
    )
      return {};
    const location = source.locate(path, 'key');
    throw new JackfieldError(
      'PLUGIN_OPTIONS_INVALID',
      `${location === '' ? '' : `${location}: `}the plugin "${name}" takes no options.`,
    );
  }
  const value = given ?? {};
  const result = await validated(name, schema, value);
  if (result.issues === undefined) return result.value;
  const faults = explainIssues(result.issues, {
    source,
    path,
    knownKeys: knownKeysOf(schema),
    schema,
    value,
  });
  throw new JackfieldError(
    'PLUGIN_OPTIONS_INVALID',
    faults.map((fault) => `plugin "${name}": ${fault}`).join('\n'),
  );
}

/** Errors: PLUGIN_INVALID where the schema itself fails. */
async function validated(
  name: string,
  schema: StandardSchema<unknown, unknown>,
  value: unknown,
): Promise<StandardResult<unknown>> {
  try {
    const result: unknown = await schema['~standard'].validate(value);
    if (typeof result === 'object' && result !== null) return result as StandardResult<unknown>;
    throw new TypeError('it returned no result');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new JackfieldError(
      'PLUGIN_INVALID',
      `the schema of the options of "${name}" failed: ${reason}. Mend it, or take the plugin out of "plugins".`,
      { cause },
    );
  }
}

function refuseRepeated(plugins: readonly LoadedPlugin[]): void {
  const names = new Map<string, LoadedPlugin>();
  for (const plugin of plugins) {
    const first = names.get(plugin.name);
    if (first !== undefined) {
      const where = [first.location, plugin.location].filter((location) => location !== '').join(' and ');
      throw new JackfieldError(
        'PLUGIN_REPEATED',
        `"${plugin.name}"${where === '' ? '' : ` at ${where}`}. Name it once.`,
      );
    }
    names.set(plugin.name, plugin);
  }
}

/** In the order of the configuration, except that whoever is needed comes first. */
function orderByNeeds(plugins: readonly LoadedPlugin[]): LoadedPlugin[] {
  const byName = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  const ordered = new Set<LoadedPlugin>();
  const visit = (plugin: LoadedPlugin, path: readonly string[]): void => {
    if (ordered.has(plugin)) return;
    if (path.includes(plugin.name)) {
      const cycle = [...path.slice(path.indexOf(plugin.name)), plugin.name];
      throw new JackfieldError('PLUGIN_NEEDS_CYCLE', `${cycle.join(' → ')}. Take one of these needs away.`);
    }
    for (const need of plugin.needs) {
      const needed = byName.get(need);
      if (needed === undefined) {
        throw new JackfieldError(
          'PLUGIN_NEEDS_MISSING',
          `"${plugin.name}" needs "${need}". Add "${need}" to "plugins".`,
        );
      }
      visit(needed, [...path, plugin.name]);
    }
    ordered.add(plugin);
  };
  for (const plugin of plugins) visit(plugin, []);
  return [...ordered];
}
