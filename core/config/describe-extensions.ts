/** All plugins and adapters that a configuration can name, with the schemas of their options. */
import { type ExtensionKind, findExtension, listBuiltIn } from '../extensions/find-extension.js';
import { installedPackages } from '../extensions/installed-packages.js';
import type { Described } from './json-schema.js';

export interface DescribedExtensions {
  readonly described: readonly Described[];
  /** Extensions that failed to load, with the reason: their options are not known. */
  readonly unloadable: readonly { readonly reference: string; readonly error: unknown }[];
}

/**
 * Built-in extensions, installed packages, and those that the configuration names.
 * @param optionsOf Gets the schema of the options from the export of a module; throws if the export is not of this
 * kind.
 */
export async function describeExtensions(
  kind: ExtensionKind,
  folder: string,
  configured: readonly string[],
  optionsOf: (exported: unknown, reference: string) => unknown,
): Promise<DescribedExtensions> {
  const builtIn = await listBuiltIn(kind);
  const packages = await installedPackages(kind, folder);
  // A package may be named with or without the prefix of its kind, unless a built-in extension has the short name.
  const groups = new Map<string, string[]>(builtIn.map((name) => [name, [name]]));
  for (const { reference, packageName } of packages) {
    const names = [...new Set([reference, packageName])].filter((name) => !groups.has(name));
    if (names[0] !== undefined) groups.set(names[0], names);
  }
  const known = new Set([...groups.values()].flat());
  for (const reference of configured) if (!known.has(reference)) groups.set(reference, [reference]);

  const described: Described[] = [];
  const unloadable: { reference: string; error: unknown }[] = [];
  for (const [reference, references] of groups) {
    try {
      const { exported } = await findExtension(kind, reference, folder, '');
      described.push({ references, options: optionsOf(exported, reference) });
    } catch (error) {
      unloadable.push({ reference, error });
      // A configuration may still name it; its options are not known.
      described.push({ references, options: null });
    }
  }
  return { described, unloadable };
}
