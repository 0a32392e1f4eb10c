/**
 * Where a package begins, as seen from a folder. `import()` resolves from the file it stands in, which is ours;
 * a package named in a configuration is installed beside that configuration.
 */

import { readFile } from 'node:fs/promises';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { systemCode } from '../errors.js';
import { pnpEntry, pnpOf } from './plug-and-play.js';

/** @returns The absolute path of the module to import; undefined where no such package is installed. */
export async function packageEntry(name: string, folder: string): Promise<string | undefined> {
  const pnp = pnpOf(folder);
  if (pnp !== undefined) return pnpEntry(pnp, name, folder, CONDITIONS);
  try {
    // A slash behind the name of one of Node's own modules ("events") means the package.
    return createRequire(join(folder, 'from-here.js')).resolve(isBuiltin(name) ? `${name}/` : name);
  } catch (error) {
    // A package that can only be imported has no entry for `require`, so its `exports` are read by hand. Whatever
    // else is wrong with a package, it gives nothing that could be loaded.
    if (systemCode(error) !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') return undefined;
  }
  for (let parent = folder; ; parent = dirname(parent)) {
    const home = join(parent, 'node_modules', name);
    const entry = await importEntry(home);
    if (entry !== undefined) return join(home, entry);
    if (parent === dirname(parent)) return undefined;
  }
}

/** What `exports` of the package in this folder gives to `import`, relative to it. */
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

/** Conditions count in the order in which the package lists them. Source: Node's "Conditional exports". */
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
