/**
 * Finds the module of a plugin or an adapter by its name in a configuration: built in (by file name, so the core lists
 * none), a file relative to the configuration, or an npm package.
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { didYouMean } from '../did-you-mean.js';
import { type ErrorCode, JackfieldError, reasonOf, systemCode } from '../errors.js';
import { noteImport } from './loaded-code.js';
import { packageEntry, packageJsonIn } from './package-entry.js';
import { syntaxPlace, thrownAt } from './stack-places.js';

/** The kind of extension to find. */
export interface ExtensionKind {
  /** The folder of the built-in ones, next to `core`. */
  readonly folder: 'plugins' | 'storage-adapters';
  /** Prefix of the package names of this kind; a configuration may leave it out. */
  readonly packagePrefix: string;
  /** Keyword in the package.json of packages of this kind. */
  readonly keyword: string;
  readonly unknown: ErrorCode;
  readonly unloadable: ErrorCode;
}

export interface Extension {
  readonly origin: 'built-in' | 'file' | 'package';
  readonly file: string;
  /** Version of its package; absent for a file. */
  readonly version?: string;
  /** The module's default export. */
  readonly exported: unknown;
}

/** The longest name that npm accepts. */
const LONGEST_NAME = 214;
/** The names that may be looked up; no other name reaches the file system. */
const NAME = /^[a-z0-9@][a-z0-9._/@-]*$/i;

/**
 * @param reference A built-in name, a path that begins with `./`, `../` or `/`, or a package.
 * @param folder Base of relative paths, and where packages are looked up. Absolute.
 * @param location `file:line:column` of the reference, for errors; may be `''`.
 * @param onFound Called with the file before it is imported.
 * Errors: those of the kind.
 */
export async function findExtension(
  kind: ExtensionKind,
  reference: string,
  folder: string,
  location: string,
  onFound?: (file: string) => void,
): Promise<Extension> {
  const short = JSON.stringify(reference.length > 200 ? `${reference.slice(0, 199)}…` : reference);
  const named = location === '' ? short : `${short} at ${location}`;
  const found = await fileOf(kind, reference, folder, named);
  onFound?.(found.file);
  if (found.origin !== 'built-in') await noteImport(found.file);
  return { ...found, exported: await importedFrom(kind, found.file, named) };
}

/** The names of the built-in extensions, sorted. */
export async function listBuiltIn(kind: ExtensionKind): Promise<string[]> {
  return [...(await builtInFiles(kind)).keys()].sort();
}

/** The built-in extensions never change while the process runs, and every plugin of a configuration needs them. */
const builtIn = new Map<ExtensionKind['folder'], Promise<ReadonlyMap<string, string>>>();

function builtInFiles({ folder }: ExtensionKind): Promise<ReadonlyMap<string, string>> {
  const known = builtIn.get(folder) ?? readBuiltIn(folder);
  builtIn.set(folder, known);
  return known;
}

/** `NAME.js`, or `NAME/NAME.js` for a folder. */
async function readBuiltIn(folder: ExtensionKind['folder']): Promise<ReadonlyMap<string, string>> {
  const home = fileURLToPath(new URL(`../../${folder}/`, import.meta.url));
  const files = new Map<string, string>();
  for (const found of await readdir(home, { withFileTypes: true })) {
    if (found.isFile() && found.name.endsWith('.js')) {
      files.set(found.name.slice(0, -'.js'.length), join(home, found.name));
    } else if (found.isDirectory()) {
      const file = join(home, found.name, `${found.name}.js`);
      if (await isFile(file)) files.set(found.name, file);
    }
  }
  return files;
}

async function fileOf(
  kind: ExtensionKind,
  reference: string,
  folder: string,
  named: string,
): Promise<Omit<Extension, 'exported'>> {
  if (/^\.{1,2}\//.test(reference) || isAbsolute(reference)) {
    const file = resolve(folder, reference);
    if (await isFile(file)) return { origin: 'file', file };
    throw new JackfieldError(kind.unknown, `${named}.${await whyNoFile(reference, file)}`);
  }
  const ours = await builtInFiles(kind);
  const own = ours.get(reference);
  if (own !== undefined) {
    // What is built in has the version of jackfield, which does not change while it runs.
    ownVersion ??= versionOf(own);
    return { origin: 'built-in', file: own, ...(await ownVersion) };
  }
  const wellNamed =
    reference.length <= LONGEST_NAME && NAME.test(reference) && !reference.split('/').includes('..');
  if (wellNamed) {
    const file =
      (await packageEntry(prefixed(kind, reference), folder)) ?? (await packageEntry(reference, folder));
    if (file !== undefined) return { origin: 'package', file, ...(await versionOf(file)) };
  }
  throw new JackfieldError(
    kind.unknown,
    await whyUnknown(kind, reference, folder, named, [...ours.keys()], wellNamed),
  );
}

/** `tea` is `jackfield-plugin-tea`, and `@me/tea` is `@me/jackfield-plugin-tea`. */
export function prefixed({ packagePrefix }: Pick<ExtensionKind, 'packagePrefix'>, reference: string): string {
  return reference.replace(/^(@[^/]+\/)?/, `$1${packagePrefix}`);
}

async function whyNoFile(reference: string, file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory() === true) return ` ${file} is a folder; name a file in it.`;
  return `${await fileMeant(reference, file)} There is no file ${file}.`;
}

/** Suggests an existing file whose name is almost the same as that of the missing file. */
async function fileMeant(reference: string, file: string): Promise<string> {
  const beside = await readdir(dirname(file)).catch(() => []);
  // Compare without extension: a missing extension is more than one letter of difference.
  const plain = basename(file, extname(file));
  const meant =
    didYouMean(basename(file), beside) ?? beside.find((name) => basename(name, extname(name)) === plain);
  if (meant === undefined) return '';
  return ` Did you mean "${reference.slice(0, -basename(file).length)}${meant}"?`;
}

async function whyUnknown(
  kind: ExtensionKind,
  reference: string,
  folder: string,
  named: string,
  builtIn: string[],
  wellNamed: boolean,
): Promise<string> {
  const isFileHere = await isFile(resolve(folder, reference));
  const meant = isFileHere ? `./${reference}` : didYouMean(reference, builtIn);
  const suggestion = meant === undefined ? '' : ` Did you mean "${meant}"?`;
  const packages = `no package ${prefixed(kind, reference)} or ${reference} is installed in ${folder} or above it`;
  const rest = wellNamed ? packages : 'a path to a file begins with ./';
  return `${named}.${suggestion} Built-in names: ${builtIn.sort().join(', ')}; ${rest}.`;
}

let ownVersion: Promise<{ version?: string }> | undefined;

/** The version in the nearest package.json. */
async function versionOf(file: string): Promise<{ version?: string }> {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const version = (await packageJsonIn(folder))?.version;
    if (typeof version === 'string') return { version };
  }
  return {};
}

async function importedFrom(kind: ExtensionKind, file: string, named: string): Promise<unknown> {
  try {
    const module: { default?: unknown } = await import(pathToFileURL(file).href);
    return unwrapped(module.default);
  } catch (cause) {
    throw new JackfieldError(kind.unloadable, await whyUnloadable(file, named, cause), { cause });
  }
}

async function whyUnloadable(file: string, named: string, cause: unknown): Promise<string> {
  const missing = missingPackage(cause);
  if (missing !== undefined) {
    return `${named} needs the package ${missing}, which is not installed. Run "npm install ${missing}".`;
  }
  if (systemCode(cause) === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?ts$/.test(file)) {
    return (
      `${named} is TypeScript, which this Node (${process.versions.node}) cannot import; Node 22.18 and later can. ` +
      'Update Node, or compile the file and name the JavaScript file.'
    );
  }
  const reason = reasonOf(cause);
  const place = cause instanceof SyntaxError ? await syntaxPlace(file, cause) : undefined;
  if (place !== undefined) return `${named} has a syntax error at ${place}: ${reason}`;
  if (cause instanceof SyntaxError && MODULE_SYNTAX.test(reason) && /\.[jt]s$/.test(file)) {
    const other = basename(file).replace(/(?=.s$)/, 'm');
    return (
      `${named} is an ES module, but Node reads it as CommonJS, because of the nearest ` +
      `package.json. Put "type": "module" into it, or rename the file to ${other}.`
    );
  }
  return `${named}${thrownAt(cause, file) || `, imported from ${file}`}: ${reason}`;
}

/** Node's messages about `import` and `export` in a file that it treats as CommonJS. */
const MODULE_SYNTAX =
  /^(?:Cannot use (?:import statement|'import\.meta') outside a module|Unexpected token 'export')/;

/** A CommonJS module compiled from `export default` has all its exports as its default export. */
function unwrapped(exported: unknown): unknown {
  if (typeof exported !== 'object' || exported === null || !('__esModule' in exported)) return exported;
  return Reflect.get(exported, 'default');
}

/**
 * The package that an import in the module did not find: drivers are optional, and users install them. Node and Yarn's
 * Plug'n'Play name the package only in the message.
 */
function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (!['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(systemCode(error))) return undefined;
  const [, ofNode, ofYarn] =
    /^Cannot find (?:package|module) '([^']+)'| tried to access (\S+)/.exec(error.message) ?? [];
  return /^(?:@[^/]+\/)?[^./][^/]*/.exec(ofNode ?? ofYarn ?? '')?.[0];
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
