/** The order of plugins: their needs, the required versions, and cycles. */
import { JackfieldError } from '../errors.js';

export interface Need {
  readonly name: string;
  /** A range of semantic versions; absent if any version is accepted. */
  readonly range?: string;
}

/** The parts of a plugin that matter for the order. */
export interface Ordered {
  readonly name: string;
  /** The plugin's own name; the configuration may give it another one. */
  readonly ownName: string;
  readonly version: string | undefined;
  readonly needs: readonly Need[];
  /** `file:line:column`; `''` if there is none. */
  readonly location: string;
}

/** `'audit'`, `'audit@^1.2'`, `'@scope/audit@1'` or `{ name, range }`; undefined for any other value. */
export function readNeed(given: unknown): Need | undefined {
  if (typeof given === 'string') {
    const at = given.lastIndexOf('@');
    const need = at > 0 ? { name: given.slice(0, at), range: given.slice(at + 1) } : { name: given };
    return need.name === '' || need.range === '' ? undefined : need;
  }
  if (typeof given !== 'object' || given === null) return undefined;
  const { name, range, ...more } = given as Readonly<Record<string, unknown>>;
  if (typeof name !== 'string' || name === '' || Object.keys(more).length > 0) return undefined;
  if (range === undefined) return { name };
  return typeof range === 'string' && range.trim() !== '' ? { name, range } : undefined;
}

/**
 * In the order of the configuration, except that a plugin comes after the plugins that it needs. A renamed plugin is
 * also found under its own name.
 * Errors: PLUGIN_NEEDS_MISSING, PLUGIN_NEEDS_VERSION, PLUGIN_NEEDS_CYCLE, PLUGIN_INVALID if a range is not valid.
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
  // Imported here, because in most servers no plugin requires a version.
  const { default: semver } = await import('semver');
  if (semver.validRange(range) === null) {
    throw new JackfieldError(
      'PLUGIN_INVALID',
      `"${plugin.name}" needs "${name}" in the version ${JSON.stringify(range)}, which is not a version range. Write a range such as "^1.2".`,
    );
  }
  // A user who installs `1.1.0-beta.1` wants to use it, so it satisfies `^1.0.0` by its place in the order. npm
  // excludes prereleases from ranges because it chooses a version; here the version is already chosen.
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
