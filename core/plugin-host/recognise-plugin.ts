/** Recognises the export of a module as a plugin: an object, a function, or a class. */

import type { Plugin, PluginContext } from '../api/plugin.js';
import type { PluginClass } from '../config/server-config.js';
import { JackfieldError, reasonOf } from '../errors.js';
import { misspeltMember, strangeMember } from '../known-members.js';
import type { MaybePromise } from '../maybe-promise.js';
import { hasMarks } from './marks.js';
import { type Need, readNeed } from './plugin-needs.js';

/** The definition of a plugin, and the object or class to set up. */
export interface Recognised {
  readonly told: Omit<Plugin, 'setup' | 'needs'>;
  readonly needs: readonly Need[];
  readonly made: Plugin | PluginClass;
}

const SHAPE = 'A plugin is { name, setup } and may have version, needs and options';

const DESCRIBING = ['name', 'version', 'needs', 'options'];
const MEMBERS = [...DESCRIBING, 'setup'];

type Invalid = (what: string) => JackfieldError;

/** A fault that ends in a question ("did you mean …?") needs no full stop. */
const sentence = (fault: string): string => (fault.endsWith('?') ? fault : `${fault}.`);

/** Errors: PLUGIN_INVALID. */
export function recognise(exported: unknown, reference: string, location: string): Recognised {
  const where = location === '' ? reference : `${reference} at ${location}`;
  const invalid: Invalid = (what) => new JackfieldError('PLUGIN_INVALID', `${where} ${what}.`);
  try {
    return recognised(exported, invalid);
  } catch (cause) {
    if (cause instanceof JackfieldError) throw cause;
    throw invalid(`cannot be read: ${reasonOf(cause)}`);
  }
}

function recognised(exported: unknown, invalid: Invalid): Recognised {
  if (typeof exported === 'function') return recogniseFunction(exported, invalid);
  if (typeof exported !== 'object' || exported === null)
    throw invalid('has no default export. Export default definePlugin({ name, setup })');
  const { setup } = exported as { setup?: unknown };
  const fault =
    faultIn(exported) ??
    misspeltMember(exported, MEMBERS) ??
    (typeof setup === 'function' ? undefined : 'has no setup function');
  if (fault !== undefined) throw invalid(`${sentence(fault)} ${SHAPE}`);
  const made = exported as Plugin;
  return { told: made, needs: needsOf(made), made };
}

/** A class, or the function `setup`. The other members of a plugin object are in its property `plugin`. */
function recogniseFunction(
  exported: { readonly name: string; readonly prototype?: unknown },
  invalid: Invalid,
): Recognised {
  const isClass = looksLikeClass(exported);
  const kind = isClass ? 'class' : 'function';
  const told = describeFunction(exported);
  const fault = faultIn(told) ?? strangeDescription(exported);
  if (fault === 'has no name')
    throw invalid(`is a ${kind} without a name. Give it a name, or a static property "plugin" with a name`);
  if (fault !== undefined) throw invalid(`${sentence(fault)} ${SHAPE}`);
  // `faultIn` has checked each part.
  const described = told as Omit<Plugin, 'setup'>;
  const needs = needsOf(described);
  if (!isClass) {
    const setup = exported as unknown as (context: PluginContext) => MaybePromise<void>;
    return { told: described, needs, made: { ...described, setup: (context) => setup(context) } };
  }
  const made = exported as unknown as PluginClass;
  if (hasSetup(exported) || hasMarks(exported)) return { told: described, needs, made };
  throw invalid('is a class without a setup method and without methods marked with @Handle or @Hook');
}

function hasSetup({ prototype }: { readonly prototype?: unknown }): boolean {
  return typeof Object(prototype).setup === 'function';
}

function looksLikeClass(exported: { readonly prototype?: unknown }): boolean {
  // A class that was compiled to old JavaScript is a function, but it has methods.
  return (
    /^class\b/.test(Function.prototype.toString.call(exported)) || hasSetup(exported) || hasMarks(exported)
  );
}

/**
 * Without `static plugin` the plugin has the name of the class or function. JavaScript names an anonymous default
 * export "default".
 */
function describeFunction(made: { readonly name: string }): Partial<Record<keyof Plugin, unknown>> {
  const told: unknown = Reflect.get(made, 'plugin');
  const kebab = made.name.replace(/Plugin$/, '').replace(/(?<=[a-z0-9])(?=[A-Z])/g, '-');
  const name = made.name === 'default' ? '' : kebab.toLowerCase();
  return { name, ...(typeof told === 'object' ? told : {}) };
}

/** The property `plugin` of a class or function only describes it, so every other member is a mistake. */
function strangeDescription(made: object): string | undefined {
  const described: unknown = Reflect.get(made, 'plugin');
  if (typeof described !== 'object' || described === null) return undefined;
  const strange = strangeMember(described, DESCRIBING, 'its property "plugin"');
  return strange === undefined ? undefined : `cannot be used: ${strange.replace(/[.]$/, '')}`;
}

/** The fault of a definition, if any. */
function faultIn(told: Partial<Record<keyof Plugin, unknown>>): string | undefined {
  const { name, version, needs, options } = told;
  if (typeof name !== 'string' || name === '') return 'has no name';
  if (version !== undefined && typeof version !== 'string') return 'has a version that is not a string';
  if (needs !== undefined && !isListOfNeeds(needs))
    return 'has needs that are not a list of names such as "audit" or "audit@^1.2"';
  if (options !== undefined && !isSchema(options)) return 'has options that are not a Standard Schema';
  return undefined;
}

function isListOfNeeds(needs: unknown): boolean {
  return Array.isArray(needs) && needs.every((need) => readNeed(need) !== undefined);
}

function needsOf({ needs = [] }: Pick<Plugin, 'needs'>): readonly Need[] {
  return needs.flatMap((need) => readNeed(need) ?? []);
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
