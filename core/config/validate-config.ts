/**
 * Reports the faults of a configuration, or of the options of a plugin or adapter, in sentences with file, line and
 * column. All faults are reported at once, so that one start shows all of them.
 */
import { createRequire } from 'node:module';
import { JackfieldError } from '../errors.js';
import type { ConfigSource } from './config-source.js';
import { explainIssues, linesOfFaults, valueAt } from './explain-issues.js';
import { isPlainlyValid, isPlainObject } from './plainly-valid.js';
import { NOT_MORE_THAN, type ResolvedConfig, withDefaults } from './resolved-config.js';
import type { ServerConfig } from './server-config.js';
import type { StandardIssue } from './standard-schema.js';

/** Configurations known to be valid, each with its defaults. They are frozen, so that they stay valid. */
const VALID = new WeakMap<object, ResolvedConfig>();

/**
 * A configuration with every default filled in. One from `readConfig` is not validated a second time.
 * Errors: CONFIG_INVALID, its message one fault a line in the order of the file.
 */
export function resolveConfig(config: unknown, source: ConfigSource): ResolvedConfig {
  return VALID.get(Object(config)) ?? withDefaults(withoutFaults(config, faultsOf(config, source)));
}

/** Errors: CONFIG_INVALID. */
export function withoutFaults(config: unknown, faults: readonly string[]): ServerConfig {
  if (faults.length > 0) throw new JackfieldError('CONFIG_INVALID', linesOfFaults(faults));
  // The schema has just confirmed the type; zod types parts that may be anything as `unknown`.
  return config as ServerConfig;
}

/** A frozen copy of a valid configuration, which `resolveConfig` recognises. */
export function markValid(config: ServerConfig): ServerConfig {
  const copy = frozenCopy(config) as ServerConfig;
  VALID.set(copy, withDefaults(copy));
  return copy;
}

/** Plugins, adapters and options are the same objects: their identity counts, and they are checked when they load. */
function frozenCopy(value: unknown): unknown {
  if (Array.isArray(value)) return Object.freeze(value.map(frozenCopy));
  if (!isPlainObject(value) || 'setup' in value) return value;
  const isShared = (key: string): boolean => ['use', 'adapter', 'options'].includes(key);
  const copies = Object.entries(value).map(([key, inner]) => [
    key,
    isShared(key) ? inner : frozenCopy(inner),
  ]);
  return Object.freeze(Object.fromEntries(copies));
}

/** One sentence per fault, in the order of the file. */
export function faultsOf(config: unknown, source: ConfigSource): string[] {
  const contradictions = contradictionsIn(config);
  if (contradictions.length === 0 && isPlainlyValid(config)) return [];
  const { programSchema } = schemas();
  const { error } = programSchema.safeParse(config);
  const issues: StandardIssue[] = [...(error?.issues ?? []), ...contradictions];
  return explainIssues(issues, { source, path: [], schema: programSchema, value: config });
}

/**
 * Loaded only if needed, because it loads zod. Every Node version that jackfield supports can `require` such a module.
 */
function schemas(): typeof import('./config-schema.js') {
  return createRequire(import.meta.url)('./config-schema.js') as typeof import('./config-schema.js');
}

function contradictionsIn(config: unknown): StandardIssue[] {
  return [...classesIn(config), ...limitsAtOdds(config), ...socketsAtOdds(config)];
}

/** To the schema a Map or Promise is an empty object, so its contents would be ignored silently. */
function classesIn(config: unknown): StandardIssue[] {
  const elements = (key: string): PropertyKey[][] => {
    const list = valueAt(config, [key]);
    return Array.isArray(list) ? list.map((_, at) => [key, at]) : [[key]];
  };
  const places = [[], ...elements('listen'), ...elements('plugins'), ['storage'], ['limits'], ['overload']];
  return places.flatMap((path) => {
    const value = valueAt(config, path);
    const isOther = typeof value === 'object' && value !== null && !Array.isArray(value);
    if (!isOther || Object.prototype.toString.call(value) === '[object Object]') return [];
    return [{ path, message: 'expected an object { … }' }];
  });
}

/** Keys that do not fit the kind of the listener: a port or a Unix socket. */
function socketsAtOdds(config: unknown): StandardIssue[] {
  const listen = valueAt(config, ['listen']);
  const places = Array.isArray(listen) ? listen.map((_, at) => ['listen', at]) : [['listen']];
  return places.flatMap((place) => {
    const has = (key: string): boolean => valueAt(config, [...place, key]) !== undefined;
    if (!has('socket')) {
      const message = 'is only for a Unix socket; set "socket" too, or remove it';
      return has('socketMode') ? [{ path: [...place, 'socketMode'], message }] : [];
    }
    return ['host', 'port', 'tls'].filter(has).map((key) => ({
      path: [...place, key],
      message: `a Unix socket has no ${key}; remove "${key}" or "socket"`,
    }));
  });
}

function limitsAtOdds(config: unknown): StandardIssue[] {
  return NOT_MORE_THAN.flatMap(([less, more]) => {
    const [part, all] = [valueAt(config, ['limits', less]), valueAt(config, ['limits', more])];
    if (typeof part !== 'number' || typeof all !== 'number' || part <= all) return [];
    return [{ path: ['limits', less], message: `${part} is greater than limits.${more}, which is ${all}` }];
  });
}
