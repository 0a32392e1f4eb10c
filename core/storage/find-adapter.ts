/** From an adapter's name in a configuration to its definition. */
import type { ConfigSource } from '../config/config-source.js';
import { ServerContainer } from '../container.js';
import { JackfieldError } from '../errors.js';
import { type ExtensionKind, findExtension } from '../extensions/find-extension.js';
import { misspeltMember, strangeMember } from '../known-members.js';
import { TOKENS } from '../tokens.js';
import type { AdapterClass, AdapterDefinition, StorageAdapter } from './contract.js';

export const ADAPTERS: ExtensionKind = {
  folder: 'storage-adapters',
  packagePrefix: 'jackfield-adapter-',
  keyword: 'jackfield-adapter',
  unknown: 'ADAPTER_UNKNOWN',
  unloadable: 'ADAPTER_INVALID',
};

/**
 * @param reference A built-in name, a path that begins with `./`, `../` or `/`, or a package. `NAME` also stands for
 * `jackfield-adapter-NAME`, which is tried first.
 * @param source Paths and packages are resolved from its folder, and errors name its line.
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

const MEMBERS = ['name', 'options', 'create', 'verify', 'repair'];

/** Errors: ADAPTER_INVALID, for an unknown member whose name is close to a known one. */
function mustBeSpeltRight(definition: object, named: string): void {
  const misspelt = misspeltMember(definition, MEMBERS);
  if (misspelt !== undefined) throw new JackfieldError('ADAPTER_INVALID', `${named} ${misspelt}`);
  const repair: unknown = Reflect.get(definition, 'repair');
  const strange =
    typeof repair === 'object' && repair !== null
      ? strangeMember(repair, ['adopt', 'discard'], 'repair')
      : undefined;
  if (strange !== undefined) throw new JackfieldError('ADAPTER_INVALID', `${named}: ${strange}`);
}

/**
 * @param named The name of the value in the error.
 * Errors: ADAPTER_INVALID.
 */
export function asDefinition(value: unknown, named: string): AdapterDefinition<unknown> {
  if (typeof value === 'object' && value !== null) mustBeSpeltRight(value, named);
  if (isAdapterDefinition(value)) return value;
  if (typeof value === 'function') {
    const definition = definitionOf(value as unknown as AdapterClass);
    mustBeSpeltRight(definition, named);
    if (isAdapterDefinition(definition)) return definition;
    throw new JackfieldError(
      'ADAPTER_INVALID',
      `${named} is a function or a class without a name. Give the class a static "adapter" with a name.`,
    );
  }
  throw new JackfieldError(
    'ADAPTER_INVALID',
    `${named} has no default export with a name and a create function; use defineAdapter.`,
  );
}

function definitionOf(adapterClass: AdapterClass): Partial<AdapterDefinition<unknown>> {
  return {
    ...adapterClass.adapter,
    create: (options, context) => {
      const own = new Map<symbol, unknown>([
        [TOKENS.context, context],
        [TOKENS.log, context.log],
        [TOKENS.options, options],
      ]);
      // Missing functions are reported later, as for the result of `create`.
      return new ServerContainer().make(adapterClass, own) as StorageAdapter;
    },
  };
}

/** Whether this value can be used as an adapter's definition. */
function isAdapterDefinition(value: unknown): value is AdapterDefinition<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const { name, create, options } = value as Partial<Record<keyof AdapterDefinition, unknown>>;
  // Some schemas (ArkType's) are functions, so any object with the mark is accepted.
  const described =
    options === undefined || (Object(options) === options && '~standard' in (options as object));
  return typeof name === 'string' && name !== '' && typeof create === 'function' && described;
}
