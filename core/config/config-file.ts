/** Finds and reads the one configuration file of a server, and validates it: a `LoadedConfig` is always valid. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { JackfieldError, reasonOf, systemCode } from '../errors.js';
import { freshUrl } from '../extensions/loaded-code.js';
import { syntaxPlace, thrownAt } from '../extensions/stack-places.js';
import { inTime } from '../in-time.js';
import type { ConfigSource } from './config-source.js';
import { resolveEnvironment } from './environment.js';
import { DEFAULT_LIMITS } from './limits.js';
import { DEFAULT_CONFIG, type ServerConfig } from './server-config.js';
import { readText } from './text-file.js';
import { faultsOf, markValid, withoutFaults } from './validate-config.js';

/** The names to try in this order if no file is named. */
export const CONFIG_FILE_NAMES = [
  'jackfield.config.json',
  'jackfield.config.js',
  'jackfield.config.mjs',
  'jackfield.config.ts',
] as const;

export interface LoadedConfig {
  /** Frozen. `createServer` and `reload` do not validate it again. */
  readonly config: ServerConfig;
  readonly source: ConfigSource;
  /** The path as the user would write it; absent for the built-in configuration. */
  readonly file?: string;
}

/**
 * Reads a configuration like `jackfield serve`: with comments, `${env:NAME}` and modules. Give `createServer` both
 * parts: `const { config, source } = await readConfig(); createServer(config, { source })`. Then relative paths start
 * at the folder of the file, and errors name its lines.
 * @param given The file, absolute or relative to `cwd`. Default: the usual names are tried in `cwd`; if no file exists,
 * the built-in configuration is returned.
 * @param cwd Absolute. Default: the working directory.
 * @param timeoutMs The time for the file to return its configuration, in milliseconds.
 * Errors: CONFIG_UNREADABLE, CONFIG_SYNTAX, CONFIG_INVALID, CONFIG_ENV_MISSING; a TypeError if `given` is not a string.
 */
export async function readConfig(
  given?: string,
  cwd: string = process.cwd(),
  timeoutMs: number = DEFAULT_LIMITS.setupTimeoutMs,
): Promise<LoadedConfig> {
  // A file URL is the natural mistake of a module that reads the file beside it.
  if (given !== undefined && typeof given !== 'string')
    throw new TypeError(
      'readConfig takes the path of a file as a string; for a file URL pass fileURLToPath(url).',
    );
  const absolute = given === undefined ? await findConfig(cwd) : path.resolve(cwd, given);
  if (absolute === undefined) return { config: markValid(DEFAULT_CONFIG), source: plainSource(cwd) };
  const file = nameOf(absolute, cwd);
  const read = MODULE_NAME.test(absolute) ? readModule : parseConfig;
  const { value, source } = await inTime(read(absolute, file), timeoutMs, () => tooLate(file, timeoutMs));
  return { config: await validated(value, source, file), source, file };
}

/** Errors: CONFIG_INVALID; CONFIG_UNREADABLE where a getter of what a module exports throws. */
async function validated(value: unknown, source: ConfigSource, file: string): Promise<ServerConfig> {
  const validate = (): string[] => faultsOf(value, source);
  try {
    const faults = await source.environment?.settle(value, [], validate, ({ length }) => length);
    return markValid(withoutFaults(value, faults ?? validate()));
  } catch (cause) {
    if (cause instanceof JackfieldError) throw cause;
    throw new JackfieldError('CONFIG_UNREADABLE', `${file}${thrownAt(cause, '')}: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

/** The source of a configuration without lines: an object, or the export of a module. */
export function plainSource(folder: string, name = ''): ConfigSource {
  return { folder, locate: () => name };
}

const MODULE_NAME = /\.[cm]?[jt]s$/;
const TYPESCRIPT_NAME = /\.[cm]?ts$/;

async function findConfig(cwd: string): Promise<string | undefined> {
  for (const name of CONFIG_FILE_NAMES) {
    const candidate = path.join(cwd, name);
    // Skip only a missing file: a folder of this name gets its own error.
    const found = await stat(candidate).then(
      () => true,
      (error: unknown) => systemCode(error) !== 'ENOENT',
    );
    if (found) return candidate;
  }
  return undefined;
}

async function parseConfig(
  absolute: string,
  file: string,
): Promise<{ value: unknown; source: ConfigSource }> {
  const text = await readText(absolute, file, 'CONFIG_UNREADABLE');
  // Imported here: programs and the built-in configuration have no text to parse.
  const { parseJson } = await import('./json-document.js');
  const document = parseJson(text, file, { syntax: 'CONFIG_SYNTAX', repeated: 'CONFIG_INVALID' });
  const { value, environment } = resolveEnvironment(document.value, process.env, document.locate);
  return { value, source: { folder: path.dirname(absolute), locate: document.locate, environment } };
}

/** A module may wait forever, and so may reading a named pipe; every later reload would wait too. */
function tooLate(file: string, timeoutMs: number): JackfieldError {
  return new JackfieldError(
    'CONFIG_UNREADABLE',
    `${file} did not return its configuration within ${timeoutMs} ms. Find out what it waits for.`,
  );
}

async function readModule(absolute: string, file: string): Promise<{ value: unknown; source: ConfigSource }> {
  // Read first: an import error does not say whether this file is missing or one that it imports.
  await readText(absolute, file, 'CONFIG_UNREADABLE');
  const module = await importModule(absolute, file);
  const exported: unknown = await settled(Reflect.get(module, 'default'), file);
  if (exported === undefined) {
    throw new JackfieldError(
      'CONFIG_INVALID',
      `${file} has no default export; write "export default { … }" with the configuration.`,
    );
  }
  return {
    value: typeof exported === 'function' ? await callConfig(exported, file) : exported,
    source: plainSource(path.dirname(absolute), file),
  };
}

async function importModule(absolute: string, file: string): Promise<object> {
  try {
    return (await import(await freshUrl(absolute))) as object;
  } catch (cause) {
    if (TYPESCRIPT_NAME.test(absolute) && systemCode(cause) === 'ERR_UNKNOWN_FILE_EXTENSION') {
      throw new JackfieldError(
        'CONFIG_UNREADABLE',
        `${file}: this Node (${process.versions.node}) cannot import TypeScript; Node 22.18 and later can. ` +
          `Update Node, or use jackfield.config.mjs or jackfield.config.json.`,
        { cause },
      );
    }
    throw new JackfieldError('CONFIG_UNREADABLE', await whyUnimportable(absolute, file, cause), { cause });
  }
}

async function whyUnimportable(absolute: string, file: string, cause: unknown): Promise<string> {
  const place = cause instanceof SyntaxError ? await syntaxPlace(absolute, cause) : undefined;
  if (place === undefined) return `${file}${thrownAt(cause, '')}: ${reasonOf(cause)}`;
  return `${file}${place.slice(absolute.length)}: ${reasonOf(cause)}`;
}

/** A module may export a promise of its configuration, like an async function. */
async function settled(exported: unknown, file: string): Promise<unknown> {
  if (!(exported instanceof Promise)) return exported;
  try {
    return (await exported) as unknown;
  } catch (cause) {
    const where = thrownAt(cause, '');
    throw new JackfieldError(
      'CONFIG_UNREADABLE',
      `${file}${where}: the exported promise was rejected: ${reasonOf(cause)}`,
      { cause },
    );
  }
}

async function callConfig(exported: unknown, file: string): Promise<unknown> {
  try {
    // The result of the exported function is validated like any other value.
    return await (exported as () => unknown)();
  } catch (cause) {
    throw new JackfieldError(
      'CONFIG_UNREADABLE',
      `${file}${thrownAt(cause, '')}: the exported function failed: ${reasonOf(cause)}`,
      { cause },
    );
  }
}

/** The path as a user in `cwd` would write it. */
export function nameOf(absolute: string, cwd: string): string {
  const relative = path.relative(cwd, absolute);
  const outside = relative === '..' || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative);
  return outside || relative === '' ? absolute : relative;
}
