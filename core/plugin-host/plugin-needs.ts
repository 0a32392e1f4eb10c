/** Who comes first: needs, the versions that they ask for, and circles. */
import { JackfieldError } from '../errors.js';

export interface Need {
  readonly name: string;
  /** A range of semantic versions; absent where any version will do. */
  readonly range?: string;
}

/** What is needed and what needs, as far as the order is concerned. */
export interface Ordered {
  readonly name: string;
  /** What the plugin calls itself, where the configuration gave it another name. */
  readonly ownName: string;
  readonly version: string | undefined;
  readonly needs: readonly Need[];
  /** `file:line:column`; `''` where there is none. */
  readonly location: string;
}

/** `'audit'`, `'audit@^1.2'`, `'@scope/audit@1'` or `{ name, range }`; undefined where it is none of these. */
export function readNeed(told: unknown): Need | undefined {
  if (typeof told === 'string') {
    const at = told.lastIndexOf('@');
    const need = at > 0 ? { name: told.slice(0, at), range: told.slice(at + 1) } : { name: told };
    return need.name === '' || need.range === '' ? undefined : need;
  }
  if (typeof told !== 'object' || told === null) return undefined;
  const { name, range, ...more } = told as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string' || name === '' || Object.keys(more).length > 0) return undefined;
  if (range === undefined) return { name };
  return typeof range === 'string' && range.trim() !== '' ? { name, range } : undefined;
}

/**
 * In the order of the configuration, except that whoever is needed comes first. A plugin that goes by another name is
 * found under its own name too.
 * Errors: PLUGIN_NEEDS_MISSING, PLUGIN_NEEDS_VERSION, PLUGIN_NEEDS_CYCLE, PLUGIN_INVALID where a range is none.
 */
export async function orderByNeeds<Plugin extends Ordered>(plugins: readonly Plugin[]): Promise<Plugin[]> {
  const ordered = new Set<Plugin>();
  const visit = async (plugin: Plugin, path: readonly string[]): Promise<void> => {
    if (ordered.has(plugin)) return;
    if (path.includes(plugin.name)) {
      const cycle = [...path.slice(path.indexOf(plugin.name)), plugin.name];
      throw new JackfieldError('PLUGIN_NEEDS_CYCLE', `${cycle.join(' → ')}. Remove one of these needs.`);
    }
    for (const need of plugin.needs) {
      const met = plugins.filter(({ name, ownName }) => need.name === name || need.name === ownName);
      if (met.length === 0) {
        throw new JackfieldError(
          'PLUGIN_NEEDS_MISSING',
          `"${plugin.name}" needs "${need.name}". Add "${need.name}" to "plugins".`,
        );
      }
      for (const needed of met) {
        if (need.range !== undefined) await mustFit(plugin, needed, need.name, need.range);
        await visit(needed, [...path, plugin.name]);
      }
    }
    ordered.add(plugin);
  };
  for (const plugin of plugins) await visit(plugin, []);
  return [...ordered];
}

async function mustFit(plugin: Ordered, needed: Ordered, name: string, range: string): Promise<void> {
  // Imported here, since most servers have nobody who asks for a version.
  const { default: semver } = await import('semver');
  if (semver.validRange(range) === null) {
    throw new JackfieldError(
      'PLUGIN_INVALID',
      `"${plugin.name}" needs "${name}" in the version ${JSON.stringify(range)}, which is not a version range. Write a range such as "^1.2".`,
    );
  }
  // Whoever installs `1.1.0-beta.1` wants to try it, so where `^1.0.0` is needed it counts by its place in the order. npm
  // would never choose it by itself, but nothing is chosen here.
  const isMet =
    needed.version !== undefined && semver.satisfies(needed.version, range, { includePrerelease: true });
  if (isMet) return;
  const place = needed.location === '' ? '' : ` at ${needed.location}`;
  const found = needed.version === undefined ? 'has no version' : `is ${needed.version}`;
  throw new JackfieldError(
    'PLUGIN_NEEDS_VERSION',
    `"${plugin.name}" needs "${name}" ${range}, and "${needed.name}"${place} ${found}. Use versions of both that fit together.`,
  );
}
