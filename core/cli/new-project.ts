/**
 * Writes a project from its template, a folder of `examples/templates/`. There every file is what it will be, checked and
 * linted as such, but for two things: names stand as `__name__`, `__package__` and `__reference__`, and npm would take
 * `package.json`, `tsconfig.json` and `.gitignore` for files of jackfield, so they are called otherwise.
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
  /** What it calls itself. */
  readonly name: string;
  /** As a configuration names it: the same, behind the scope if the package has one. */
  readonly reference: string;
  readonly packageName: string;
  /** Relative to the working folder. Default: the name of the package without its scope. */
  readonly folder?: string;
}

export interface WrittenProject {
  /** As the user would write it. */
  readonly folder: string;
  readonly packageName: string;
}

/** What a repository just begun has in it. */
const NO_OBSTACLE = ['.git'];

const CALLED_OTHERWISE: Readonly<Record<string, string>> = {
  'package.template.json': 'package.json',
  'tsconfig.template.json': 'tsconfig.json',
  gitignore: '.gitignore',
};

/** Errors: PROJECT_NOT_WRITTEN; then nothing that was there has changed. */
export async function writeProject(project: Project, cwd: string): Promise<WrittenProject> {
  const { kind, language, packageName } = project;
  const { folder = packageName.replace(/^@.*\//, '') } = project;
  const target = path.resolve(cwd, folder);
  const shown = path.relative(cwd, target) || '.';
  const own = await ownPackage();
  const template = path.join(own.folder, 'examples/templates', kind, language);
  const files = await readTemplate(template);
  try {
    await mkdir(target, { recursive: true });
    const found = (await readdir(target)).filter((name) => !NO_OBSTACLE.includes(name));
    if (found.length > 0) {
      throw new JackfieldError(
        'PROJECT_NOT_WRITTEN',
        `the folder ${shown} is not empty, it has ${found[0]}. Empty it, or choose another with --folder.`,
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
      // Never over a file that somebody else put there meanwhile.
      await writeFile(place, file === 'package.json' ? withVersions(named, own, source) : named, {
        flag: 'wx',
      });
    }
  } catch (cause) {
    if (cause instanceof JackfieldError) throw cause;
    const reason = reasonOf(cause);
    throw new JackfieldError('PROJECT_NOT_WRITTEN', reason, { cause });
  }
  return { folder: shown, packageName };
}

/** From the name that a file will have, relative to the project, to its text. */
async function readTemplate(template: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const readFolder = async (folder: string): Promise<void> => {
    // Folder by folder: from the archives of Yarn's Plug'n'Play a recursive listing gives no paths.
    for (const found of await readdir(path.join(template, folder), { withFileTypes: true })) {
      const place = path.join(folder, found.name);
      if (found.isDirectory()) await readFolder(place);
      if (!found.isFile()) continue;
      const name = path.join(folder, CALLED_OTHERWISE[found.name] ?? found.name);
      files.set(name, await readFile(path.join(template, place), 'utf8'));
    }
  };
  await readFolder('');
  return files;
}

/** A template names packages with `*`: what jackfield itself is made with is what the project is tried with. */
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
      // The group is there, for the name came from it.
      manifest[group]![name] = range;
    }
  }
  return `${JSON.stringify(manifest, null, 2)}\n`;
}
