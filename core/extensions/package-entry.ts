/**
 * Resolves the entry of a package from a given folder. `import()` resolves relative to the calling file, which is ours;
 * a package in a configuration is installed next to that configuration.
 */

import { readFile } from 'node:fs/promises';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { systemCode } from '../errors.js';
import { pnpEntry, pnpOf } from './plug-and-play.js';

/** @returns the absolute path of the module to import; undefined if the package is not installed there. */
export async function packageEntry(name: string, folder: string): Promise<string | undefined> {
  const pnp = pnpOf(folder);
  if (pnp !== undefined) return pnpEntry(pnp, name, folder, CONDITIONS);
  try {
    // A slash after the name of a Node module ("events") makes it mean the package.
    return createRequire(join(folder, 'from-here.js')).resolve(isBuiltin(name) ? `${name}/` : name);
  } catch (error) {
    // A package for `import` only has no entry for `require`, so read its `exports` here. With any other error the
    // package cannot be loaded.
    if (systemCode(error) !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') return undefined;
  }
  for (let parent = folder; ; parent = dirname(parent)) {
    const home = join(parent, 'node_modules', name);
    const entry = await importEntry(home);
    if (entry !== undefined) return join(home, entry);
    if (parent === dirname(parent)) return undefined;
  }
}

/** The `import` entry in `exports` of the package in this folder, relative to it. */
async function importEntry(home: string): Promise<string | undefined> {
  const exports = (await packageJsonIn(home))?.exports;
  const root = isRecord(exports) && '.' in exports ? exports['.'] : exports;
  return target(root);
}

/** The package.json in a folder; undefined if there is none, or if it cannot be read. */
export async function packageJsonIn(folder: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const CONDITIONS = ['node', 'import', 'module-sync', 'default'];

/** The order of conditions is that of the package. Source: Node's "Conditional exports". */
function target(exported: unknown): string | undefined {
  if (typeof exported === 'string') return exported;
  if (Array.isArray(exported)) return exported.map(target).find((entry) => entry !== undefined);
  if (!isRecord(exported)) return undefined;
  for (const [condition, nested] of Object.entries(exported)) {
    const entry = CONDITIONS.includes(condition) ? target(nested) : undefined;
    if (entry !== undefined) return entry;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
