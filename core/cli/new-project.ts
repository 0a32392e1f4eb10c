/**
 * Writes a project from its template, a folder of `examples/templates/`. Its files are checked and linted as they are,
 * with two exceptions: names are `__name__`, `__package__` and `__reference__`, and `package.json`, `tsconfig.json` and
 * `.gitignore` have other file names, because npm would take them for files of jackfield.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { JackfieldError, reasonOf } from '../errors.js';
import { type OwnPackage, ownPackage, sourceOf } from './own-package.js';

export const KINDS = ['plugin', 'adapter', 'server'] as const;
export type Kind = (typeof KINDS)[number];
export type Language = 'typescript' | 'javascript';

export function isKind(text: string): text is Kind {
  return (KINDS as readonly string[]).includes(text);
}

export interface Project {
  readonly kind: Kind;
  readonly language: Language;
  /** The name of the plugin, adapter or server itself. */
  readonly name: string;
  /** The name in a configuration: the same, after the scope of the package if it has one. */
  readonly reference: string;
  readonly packageName: string;
  /** Relative to the working folder. Default: the package name without its scope. */
  readonly folder?: string;
}

export interface WrittenProject {
  /** As the user would write it. */
  readonly folder: string;
  readonly packageName: string;
}

/** Files of a new repository: a folder with only these counts as empty. */
const NO_OBSTACLE = ['.git'];

const RENAMED: Readonly<Record<string, string>> = {
  'package.template.json': 'package.json',
  'tsconfig.template.json': 'tsconfig.json',
  gitignore: '.gitignore',
};

/** Errors: PROJECT_NOT_WRITTEN; then existing files are unchanged. */
export async function writeProject(project: Project, cwd: string): Promise<WrittenProject> {
  const { kind, language, packageName } = project;
  const { folder = packageName.replace(/^@.*\//, '') } = project;
  const target = path.resolve(cwd, folder);
  const shortPath = path.relative(cwd, target) || '.';
  const own = await ownPackage();
  const template = path.join(own.folder, 'examples/templates', kind, language);
  const files = await readTemplate(template);
  try {
    await mkdir(target, { recursive: true });
    const found = (await readdir(target)).filter((name) => !NO_OBSTACLE.includes(name));
    if (found.length > 0) {
      throw new JackfieldError(
        'PROJECT_NOT_WRITTEN',
        `the folder ${shortPath} is not empty, it has ${found[0]}. Empty it, or choose another with --folder.`,
      );
    }
    const source = await sourceOf(own, target);
    for (const [file, text] of files) {
      const named = text
        .replaceAll('__name__', project.name)
        .replaceAll('__package__', packageName)
        .replaceAll('__reference__', project.reference);
      const place = path.join(target, file);
      await mkdir(path.dirname(place), { recursive: true });
      // Never overwrite a file that appeared in the meantime.
      await writeFile(place, file === 'package.json' ? withVersions(named, own, source) : named, {
        flag: 'wx',
      });
    }
  } catch (cause) {
    if (cause instanceof JackfieldError) throw cause;
    const reason = reasonOf(cause);
    throw new JackfieldError('PROJECT_NOT_WRITTEN', reason, { cause });
  }
  return { folder: shortPath, packageName };
}

/** Maps the path of each file in the project, relative to it, to its text. */
async function readTemplate(template: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const readFolder = async (folder: string): Promise<void> => {
    // Folder by folder: in the archives of Yarn's Plug'n'Play a recursive listing returns no paths.
    for (const found of await readdir(path.join(template, folder), { withFileTypes: true })) {
      const place = path.join(folder, found.name);
      if (found.isDirectory()) await readFolder(place);
      if (!found.isFile()) continue;
      const name = path.join(folder, RENAMED[found.name] ?? found.name);
      files.set(name, await readFile(path.join(template, place), 'utf8'));
    }
  };
  await readFolder('');
  return files;
}

/** A template names packages with `*`: the project gets the versions that jackfield itself was tested with. */
function withVersions(text: string, own: OwnPackage, source: string): string {
  const manifest: Record<string, Record<string, string>> = JSON.parse(text);
  const versions: Readonly<Record<string, string>> = {
    ...own.devDependencies,
    ...own.dependencies,
    ...own.engines,
  };
  for (const group of ['engines', 'dependencies', 'peerDependencies', 'devDependencies']) {
    for (const name of Object.keys(manifest[group] ?? {})) {
      const ownRange = group === 'peerDependencies' ? `^${own.version}` : source;
      const range = name === 'jackfield' ? ownRange : versions[name];
      if (range === undefined) throw new TypeError(`The version of ${name} is unknown.`);
      // The group exists: the name came from it.
      manifest[group]![name] = range;
    }
  }
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
