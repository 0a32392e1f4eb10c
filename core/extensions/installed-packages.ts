/**
 * Lists the packages that a configuration could use: those in its folder or above with the name prefix or the keyword
 * of a plugin or an adapter.
 */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ExtensionKind } from './find-extension.js';
import { packageJsonIn } from './package-entry.js';
import { pnpOf, pnpPackages } from './plug-and-play.js';

export interface InstalledPackage {
  /** The name for a configuration, without the prefix of its kind. */
  readonly reference: string;
  /** The name on npm. */
  readonly packageName: string;
  readonly version?: string;
  readonly description?: string;
}

/** Lists each package once (the nearest one), sorted by name. Imports none of them. */
export async function installedPackages(
  { packagePrefix, keyword }: ExtensionKind,
  folder: string,
): Promise<InstalledPackage[]> {
  const found = new Map<string, InstalledPackage>();
  for await (const [name, home] of packagesFrom(folder)) {
    if (found.has(name)) continue;
    const told = await packageJsonIn(home);
    const { keywords, version, description } = told ?? {};
    const [, scope = '', plain = ''] = /^(@[^/]+\/)?(.*)$/.exec(name) ?? [];
    const isCalledOne = plain.startsWith(packagePrefix);
    const isOne = isCalledOne || (Array.isArray(keywords) && keywords.includes(keyword));
    if (told === undefined || !isOne) continue;
    found.set(name, {
      reference: isCalledOne ? scope + plain.slice(packagePrefix.length) : name,
      packageName: name,
      ...(typeof version === 'string' ? { version } : {}),
      ...(typeof description === 'string' ? { description } : {}),
    });
  }
  return [...found.values()].sort((a, b) => (a.reference < b.reference ? -1 : 1));
}

/** Name and folder of each package; the nearest package of a name first. */
async function* packagesFrom(folder: string): AsyncGenerator<readonly [name: string, home: string], void> {
  const pnp = pnpOf(folder);
  if (pnp !== undefined) {
    yield* pnpPackages(pnp, folder);
    return;
  }
  for (let at = folder; ; at = dirname(at)) {
    const modules = join(at, 'node_modules');
    for (const name of await namesIn(modules)) yield [name, join(modules, name)];
    if (at === dirname(at)) return;
  }
}

/** The names of all packages in a `node_modules` folder; scoped ones as `@scope/name`. */
async function namesIn(modules: string): Promise<string[]> {
  const names = (await readdir(modules).catch(() => [])).filter((name) => !name.startsWith('.'));
  const nested = await Promise.all(
    names.map(async (name) =>
      name.startsWith('@')
        ? (await readdir(join(modules, name)).catch(() => [])).map((inner) => `${name}/${inner}`)
        : [name],
    ),
  );
  return nested.flat();
}
