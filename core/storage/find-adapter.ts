/**
 * From the name in a configuration to an adapter: built in (found by file name, so the core names none), a file
 * beside the configuration, or an npm package.
 */
import { readdir, stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ConfigSource } from '../config/server-config.js';
import { didYouMean } from '../did-you-mean.js';
import { JackfieldError } from '../errors.js';
import type { AdapterDefinition } from './contract.js';
import { packageEntry } from './package-entry.js';

const BUILT_IN = fileURLToPath(new URL('../../storage-adapters/', import.meta.url));

/** What may be looked up at all; anything else never reaches the file system. */
const NAME = /^[a-z0-9@][a-z0-9._/@-]*$/i;

/**
 * @param reference A built-in name, a path that begins with `./`, `../` or `/`, or a package: `NAME` stands for
 *   `jackfield-adapter-NAME` too, which is tried first.
 * @param source Where the configuration came from: paths and packages are looked up from its folder, and errors
 *   name the line.
 * Errors: ADAPTER_UNKNOWN, ADAPTER_INVALID.
 */
export async function findAdapter(
  reference: string,
  { folder, locate }: ConfigSource,
): Promise<AdapterDefinition<unknown>> {
  const at = locate(['storage', 'adapter']);
  const named = at === '' ? JSON.stringify(reference) : `${JSON.stringify(reference)} at ${at}`;
  const file = await fileOf(reference, folder, named);
  return definitionIn(await imported(file, named), named);
}

/** The names of the adapters that come with jackfield, sorted. */
export async function listBuiltInAdapters(): Promise<string[]> {
  return [...(await builtInFiles()).keys()].toSorted();
}

/** `NAME.js`, or `NAME/NAME.js` where an adapter is a folder. */
async function builtInFiles(): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const found of await readdir(BUILT_IN, { withFileTypes: true })) {
    if (found.isFile() && found.name.endsWith('.js')) {
      files.set(found.name.slice(0, -'.js'.length), resolve(BUILT_IN, found.name));
    } else if (found.isDirectory()) {
      const file = resolve(BUILT_IN, found.name, `${found.name}.js`);
      if (await isFile(file)) files.set(found.name, file);
    }
  }
  return files;
}

async function fileOf(reference: string, folder: string, named: string): Promise<string> {
  if (/^\.{1,2}\//.test(reference) || isAbsolute(reference)) {
    const file = resolve(folder, reference);
    if (await isFile(file)) return file;
    throw new JackfieldError('ADAPTER_UNKNOWN', `${named}. There is no file ${file}.`);
  }
  const builtIn = await builtInFiles();
  const wellNamed = NAME.test(reference) && !reference.split('/').includes('..');
  if (wellNamed) {
    const file =
      builtIn.get(reference) ??
      (await packageEntry(`jackfield-adapter-${reference}`, folder)) ??
      (await packageEntry(reference, folder));
    if (file !== undefined) return file;
  }
  const names = [...builtIn.keys()].toSorted();
  const meant = didYouMean(reference, names);
  throw new JackfieldError(
    'ADAPTER_UNKNOWN',
    [
      `${named}.`,
      ...(meant === undefined ? [] : [`Did you mean "${meant}"?`]),
      `Built in are ${names.join(', ')}.`,
      wellNamed
        ? `No package jackfield-adapter-${reference} or ${reference} is installed in ${folder} or above it.`
        : 'A file is named with ./ in front.',
    ].join(' '),
  );
}

async function imported(file: string, named: string): Promise<unknown> {
  try {
    const module: { default?: unknown } = await import(pathToFileURL(file).href);
    return module.default;
  } catch (cause) {
    const missing = missingPackage(cause);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new JackfieldError(
      'ADAPTER_INVALID',
      missing === undefined
        ? `${named} failed while it was imported from ${file}: ${reason}`
        : `${named} needs the package ${missing}, which is not installed. Run "npm install ${missing}".`,
      { cause },
    );
  }
}

/**
 * The package that an import inside the adapter did not find: drivers are optional and installed by whoever uses
 * them. Node tells its name only in the message.
 */
function missingPackage(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'MODULE_NOT_FOUND') return undefined;
  const [, specifier] = /^Cannot find (?:package|module) '([^']+)'/.exec(error.message) ?? [];
  return /^(?:@[^/]+\/)?[^./][^/]*/.exec(specifier ?? '')?.[0];
}

function definitionIn(found: unknown, named: string): AdapterDefinition<unknown> {
  // A CommonJS module compiled from `export default` arrives with its exports as the default.
  const definition = isRecord(found) && isRecord(found.default) ? found.default : found;
  if (isAdapterDefinition(definition)) return definition;
  throw new JackfieldError(
    'ADAPTER_INVALID',
    `${named} has no default export with a name and a create function; see defineAdapter.`,
  );
}

/** Whether this can be used as an adapter's definition. */
export function isAdapterDefinition(value: unknown): value is AdapterDefinition<unknown> {
  if (!isRecord(value)) return false;
  const { name, create, options } = value;
  const described = options === undefined || (isObject(options) && '~standard' in options);
  return typeof name === 'string' && name !== '' && typeof create === 'function' && described;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Some schemas (ArkType's) are functions. */
function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
