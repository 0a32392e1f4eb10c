/** From the name in a configuration to an adapter's definition. */
import type { ConfigSource } from '../config/config-source.js';
import { JackfieldError } from '../errors.js';
import { type ExtensionKind, findExtension, listBuiltIn } from '../extensions/find-extension.js';
import type { AdapterDefinition } from './contract.js';

export const ADAPTERS: ExtensionKind = {
  folder: 'storage-adapters',
  packagePrefix: 'jackfield-adapter-',
  keyword: 'jackfield-adapter',
  unknown: 'ADAPTER_UNKNOWN',
  unloadable: 'ADAPTER_INVALID',
};

/**
 * @param reference A built-in name, a path that begins with `./`, `../` or `/`, or a package: `NAME` stands for
 *   `jackfield-adapter-NAME` too, which is tried first.
 * @param source Paths and packages are looked up from its folder, and errors name the line.
 * Errors: ADAPTER_UNKNOWN, ADAPTER_INVALID.
 */
export async function findAdapter(
  reference: string,
  { folder, locate }: ConfigSource,
): Promise<AdapterDefinition<unknown>> {
  const location = locate(['storage', 'adapter']);
  const { exported } = await findExtension(ADAPTERS, reference, folder, location);
  return asDefinition(
    exported,
    location === '' ? JSON.stringify(reference) : `${JSON.stringify(reference)} at ${location}`,
  );
}

/** The names of the adapters that come with jackfield, sorted. */
export function listBuiltInAdapters(): Promise<string[]> {
  return listBuiltIn(ADAPTERS);
}

/**
 * @param named How the thing is called in the error.
 * Errors: ADAPTER_INVALID.
 */
export function asDefinition(value: unknown, named: string): AdapterDefinition<unknown> {
  if (isAdapterDefinition(value)) return value;
  throw new JackfieldError(
    'ADAPTER_INVALID',
    `${named} has no default export with a name and a create function; see defineAdapter.`,
  );
}

/** Whether this can be used as an adapter's definition. */
export function isAdapterDefinition(value: unknown): value is AdapterDefinition<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const { name, create, options } = value as Partial<Record<keyof AdapterDefinition, unknown>>;
  // Some schemas (ArkType's) are functions, so any object will do that has the mark.
  const described =
    options === undefined || (Object(options) === options && '~standard' in (options as object));
  return typeof name === 'string' && name !== '' && typeof create === 'function' && described;
}
