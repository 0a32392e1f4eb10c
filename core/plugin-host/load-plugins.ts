/**
 * The first half of a plugin's life: find it, recognise it, validate its options, and determine its place in the
 * order.
 */

import type { Plugin } from '../api/plugin.js';
import type { ConfigSource } from '../config/config-source.js';
import type { PluginClass, PluginEntry, PluginReference } from '../config/server-config.js';
import { validateOptions } from '../config/validate-options.js';
import { JackfieldError, JackfieldErrors } from '../errors.js';
import { type ExtensionKind, findExtension } from '../extensions/find-extension.js';
import { inTime } from '../in-time.js';
import { type Need, orderByNeeds } from './plugin-needs.js';
import type { PromiseTrace } from './promise-trace.js';
import { recognise } from './recognise-plugin.js';

export const PLUGINS: ExtensionKind = {
  folder: 'plugins',
  packagePrefix: 'jackfield-plugin-',
  keyword: 'jackfield-plugin',
  unknown: 'PLUGIN_UNKNOWN',
  unloadable: 'PLUGIN_LOAD_FAILED',
};

export type PluginOrigin = 'built-in' | 'file' | 'package' | 'object';

export interface LoadedPlugin {
  /** `as` of the configuration, else the plugin's own name. Unique in a server. */
  readonly name: string;
  readonly ownName: string;
  readonly origin: PluginOrigin;
  /** Absolute path; `''` for an object passed by a program. */
  readonly file: string;
  readonly version: string | undefined;
  readonly needs: readonly Need[];
  /** The path prefix of all its patterns; `''` for none. */
  readonly prefix: string;
  /** Validated. */
  readonly options: unknown;
  /** The options as written in the configuration. */
  readonly givenOptions: unknown;
  /** The original export or object, to compare two plugins by identity. */
  readonly exported: unknown;
  readonly made: Plugin | PluginClass;
  /** `file:line:column` in the configuration; `''` if there is none. */
  readonly location: string;
}

/**
 * @param timeoutMs The time for each plugin to be imported and to validate its options.
 * @param trace An active trace, for the lines in which a plugin waits.
 * Errors: PLUGIN_UNKNOWN, PLUGIN_LOAD_FAILED, PLUGIN_INVALID, PLUGIN_OPTIONS_INVALID, PLUGIN_SETUP_TIMEOUT, of all
 * plugins that fail together; then PLUGIN_REPEATED, PLUGIN_NEEDS_*.
 */
export async function loadPlugins(
  entries: readonly PluginEntry[],
  source: ConfigSource,
  timeoutMs: number,
  trace?: PromiseTrace,
): Promise<LoadedPlugin[]> {
  const outcomes = await Promise.allSettled(
    entries.map((entry, at) => {
      const step: LoadStep = { waitsFor: 'the import of its module', file: '' };
      return inTime(loadPlugin(entry, at, source, step), timeoutMs, () =>
        tooLate(nameOf(entry, at, source), timeoutMs, {
          calls: [step.waitsFor],
          places: trace?.places(step.file) ?? [],
        }),
      );
    }),
  );
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  const known = failures.filter((failure) => failure instanceof JackfieldError);
  // Any other error is a bug of jackfield, so it is thrown first.
  if (known.length < failures.length) throw failures.find((failure) => !(failure instanceof JackfieldError));
  if (known.length > 1) throw new JackfieldErrors(known);
  if (known[0] !== undefined) throw known[0];
  const loaded = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  refuseRepeated(loaded);
  return orderByNeeds(loaded);
}

/** The current step of loading a plugin. */
interface LoadStep {
  waitsFor: string;
  /** Absolute path; `''` until it is known. */
  file: string;
}

/** What a slow plugin waits for, if it is known. */
export interface Waits {
  /** Calls of the core that have not returned yet. */
  readonly calls: readonly string[];
  /** `file:line:column` */
  readonly places?: readonly string[];
}

/** @param plugin The name of the plugin in the error. */
export function tooLate(plugin: string, timeoutMs: number, { calls, places = [] }: Waits): JackfieldError {
  const what = calls.length === 0 ? '' : ` for ${calls.join(', ')}`;
  const where = places.length === 0 ? '' : `${what === '' ? '' : ','} at ${places.join(', ')}`;
  const inner = what + where === '' ? '' : ` and waits${what}${where}`;
  return new JackfieldError(
    'PLUGIN_SETUP_TIMEOUT',
    `${plugin} took longer than ${timeoutMs} ms${inner}. Find out what it waits for, or raise "limits.setupTimeoutMs".`,
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

/**
 * @param at Its index in the list, for the locations of errors.
 * @param step Updated while the plugin is loaded.
 */
export async function loadPlugin(
  entry: PluginEntry,
  at: number,
  source: ConfigSource,
  step?: LoadStep,
): Promise<LoadedPlugin> {
  const { reference, location } = referenceOf(entry, at, source);
  const found =
    typeof reference === 'string'
      ? await findExtension(PLUGINS, reference, source.folder, location, (file) => {
          if (step !== undefined) step.file = file;
        })
      : { origin: 'object' as const, exported: reference, file: '' };
  const called = typeof reference === 'string' ? reference : 'the object';
  const { told, needs, made } = recognise(found.exported, called, location);
  const { options: givenOptions, prefix = '', as = told.name } = isFullEntry(entry) ? entry : {};
  const path = ['plugins', at, 'options'];
  if (step !== undefined) step.waitsFor = 'the schema of its options';
  const owner = {
    named: `plugin "${as}"`,
    schema: told.options,
    invalid: 'PLUGIN_OPTIONS_INVALID',
    broken: 'PLUGIN_INVALID',
  } as const;
  const options = await validateOptions(owner, givenOptions, path, source);
  return {
    name: as,
    ownName: told.name,
    origin: found.origin,
    file: found.file,
    version: told.version ?? ('version' in found ? found.version : undefined),
    needs,
    prefix,
    options,
    givenOptions,
    exported: found.exported,
    made,
    location,
  };
}

function isFullEntry(entry: PluginEntry): entry is Extract<PluginEntry, { use: PluginReference }> {
  return typeof entry === 'object' && 'use' in entry;
}

function refuseRepeated(plugins: readonly LoadedPlugin[]): void {
  const names = new Map<string, LoadedPlugin>();
  for (const plugin of plugins) {
    const first = names.get(plugin.name);
    if (first !== undefined) {
      const where = [first.location, plugin.location].filter((location) => location !== '').join(' and ');
      throw new JackfieldError(
        'PLUGIN_REPEATED',
        `"${plugin.name}"${where === '' ? '' : ` at ${where}`}. Name it once, or give one of the two another name with "as".`,
      );
    }
    names.set(plugin.name, plugin);
  }
}
