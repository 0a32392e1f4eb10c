/** The package that runs, and where another project can have it from. */
import { access, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface OwnPackage {
  /** Absolute. */
  readonly folder: string;
  readonly version: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

export async function ownPackage(): Promise<OwnPackage> {
  // From dist/core/cli, where this file runs.
  const folder = fileURLToPath(new URL('../../../', import.meta.url));
  // Our own file, whose form we know.
  const manifest = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as OwnPackage;
  return { ...manifest, folder };
}

/**
 * What the project at `target` has to name as its dependency to get what runs here: a range of versions where this was
 * installed from a registry, the very file or folder where it was not.
 */
export async function sourceOf({ folder, version }: OwnPackage, target: string): Promise<string> {
  const home = path.dirname(folder);
  const from =
    path.basename(home) === 'node_modules'
      ? await installedFrom(home)
      : /* a clone of the repository */ folder;
  if (from === undefined) return `^${version}`;
  const relative = path.relative(await realpath(target), from).replaceAll(path.sep, '/');
  return `file:${relative}`;
}

/** The file that npm installed it from, if it was one and is still there. */
async function installedFrom(modules: string): Promise<string | undefined> {
  const text = await readFile(path.join(modules, '.package-lock.json'), 'utf8').catch(() => '{}');
  const { packages }: { packages?: Record<string, { resolved?: string }> } = JSON.parse(text);
  const [, file] = /^file:(.+)$/.exec(packages?.['node_modules/jackfield']?.resolved ?? '') ?? [];
  if (file === undefined) return undefined;
  const absolute = path.resolve(path.dirname(modules), file);
  return access(absolute).then(
    () => absolute,
    () => undefined,
  );
}
