/** The running package, and where another project can install it from. */
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
  // Relative to dist/core/cli, where this file runs.
  const folder = fileURLToPath(new URL('../../../', import.meta.url));
  // Our own file, so its shape is known.
  const manifest = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as OwnPackage;
  return { ...manifest, folder };
}

/**
 * The dependency that makes the project at `target` install the package that runs here: a version range if it came from
 * a registry; otherwise the same file, folder or address, because no registry may have this version.
 */
export async function sourceOf({ folder, version }: OwnPackage, target: string): Promise<string> {
  const project = await realpath(target);
  const home = path.dirname(folder);
  if (path.basename(home) !== 'node_modules')
    return fileSource(/* a clone of the repository */ folder, project);
  const file = await installedByNpm(home);
  if (file !== undefined) return fileSource(file, project);
  const declared = (await declaredAbove(home)) ?? (await declaredAbove(project));
  if (declared === undefined) return `^${version}`;
  const { source, from } = declared;
  if (ADDRESS.test(source)) return source;
  const named = fileIn(source);
  const absolute = named === undefined ? undefined : await existing(path.resolve(from, named));
  return absolute === undefined ? `^${version}` : fileSource(absolute, project);
}

/** An archive or a repository on a server. */
const ADDRESS = /^(?:https?|ssh|git(?:\+\w+)?):|^(?:github|gitlab|bitbucket):/;

/** The file or folder that a dependency names. npm, pnpm and Yarn put a prefix before it, Bun does not. */
function fileIn(source: string): string | undefined {
  const [, marked] = /^(?:file|link|portal):(.+)$/.exec(source) ?? [];
  const isPath = /^(?:\.{0,2}\/|[A-Za-z]:[\\/])/.test(source) || /^[^:]+\.tgz$/.test(source);
  return marked ?? (isPath ? source : undefined);
}

function fileSource(file: string, project: string): string {
  return `file:${path.relative(project, file).replaceAll(path.sep, '/')}`;
}

/**
 * The file that npm installed the package from, if there was one and it still exists. Only npm records it for global
 * packages.
 */
async function installedByNpm(modules: string): Promise<string | undefined> {
  const { packages } = await jsonOrNone<{ packages?: Record<string, { resolved?: string }> }>(
    path.join(modules, '.package-lock.json'),
  );
  const [, file] = /^file:(.+)$/.exec(packages?.['node_modules/jackfield']?.resolved ?? '') ?? [];
  return file === undefined ? undefined : existing(path.resolve(path.dirname(modules), file));
}

type Manifest = Readonly<Partial<Record<(typeof DEPENDENCIES)[number], Readonly<Record<string, string>>>>>;

const DEPENDENCIES = ['dependencies', 'devDependencies', 'optionalDependencies'] as const;

/** The dependency on jackfield in the nearest package.json that has one. */
async function declaredAbove(folder: string): Promise<{ source: string; from: string } | undefined> {
  for (let from = folder; ; from = path.dirname(from)) {
    const manifest = await jsonOrNone<Manifest>(path.join(from, 'package.json'));
    const source = DEPENDENCIES.map((group) => manifest[group]?.jackfield).find((text) => text !== undefined);
    if (source !== undefined) return { source, from };
    if (from === path.dirname(from)) return undefined;
  }
}

async function jsonOrNone<T extends object>(file: string): Promise<Partial<T>> {
  const text = await readFile(file, 'utf8').catch(() => '{}');
  try {
    // Files of package managers, which document their shape.
    return JSON.parse(text) as T;
  } catch {
    return {};
  }
}

async function existing(file: string): Promise<string | undefined> {
  return access(file).then(
    () => file,
    () => undefined,
  );
}
