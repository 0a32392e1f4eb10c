/** From the `storage` part of a configuration to an open store behind its door. */
import type { ConfigSource, StorageConfig } from '../config/server-config.js';
import { explainIssues, knownKeysOf } from '../config/validate-config.js';
import { ERRORS, JackfieldError } from '../errors.js';
import { thrownAt } from '../extensions/stack-places.js';
import type { Log } from '../log.js';
import {
  type AdapterContext,
  type AdapterDefinition,
  type StorageAdapter,
  StorageError,
} from './contract.js';
import { asDefinition, findAdapter } from './find-adapter.js';
import { StorageDoor } from './storage-door.js';

/** Errors: ADAPTER_UNKNOWN, ADAPTER_INVALID, ADAPTER_OPTIONS_INVALID and those of the adapter's `open`. */
export async function openStorage(
  config: StorageConfig,
  source: ConfigSource,
  log: Log,
): Promise<StorageDoor> {
  const door = new StorageDoor(await makeAdapter(config, source, log));
  try {
    await door.open();
  } catch (error) {
    throw withWayOut(error, door);
  }
  log.debug({ store: door.name, ...door.supports }, 'The store is open.');
  return door;
}

/** Whoever starts a second process over the same data wants two; that it is refused does not yet tell how to get them. */
function withWayOut(error: unknown, { supports }: StorageDoor): unknown {
  if (!(error instanceof StorageError) || error.code !== 'STORAGE_LOCKED' || supports.shared !== 'process')
    return error;
  const detail = error.message.replace(ERRORS.STORAGE_LOCKED.sentence.replace('…', ''), '');
  return new StorageError(
    'STORAGE_LOCKED',
    `${detail} Several processes can share lmdb on one machine, postgres or redis on several.`,
    { cause: error },
  );
}

async function makeAdapter(
  { adapter, options = {} }: StorageConfig,
  source: ConfigSource,
  log: Log,
): Promise<StorageAdapter> {
  if (isAdapter(adapter)) return adapter;
  const definition =
    typeof adapter === 'string' ? await findAdapter(adapter, source) : asDefinition(adapter, 'the object');
  const validated = await validateOptions(definition, options, source);
  const context = { folder: source.folder, log: log.child({ adapter: definition.name }) };
  return made(definition, validated, context);
}

function isAdapter(adapter: StorageConfig['adapter']): adapter is StorageAdapter {
  return typeof adapter === 'object' && 'commit' in adapter;
}

const FUNCTIONS = [
  'open',
  'get',
  'list',
  'commit',
  'close',
] as const satisfies readonly (keyof StorageAdapter)[];

/** What an adapter that declares `watch` has too. */
const FEED = ['watch', 'revision'] as const satisfies readonly (keyof StorageAdapter)[];

/** Errors: ADAPTER_INVALID and those that the adapter throws itself. */
function made(
  definition: AdapterDefinition<unknown>,
  options: unknown,
  context: AdapterContext,
): StorageAdapter {
  const { name } = definition;
  let adapter: unknown;
  try {
    adapter = definition.create(options, context);
  } catch (cause) {
    if (cause instanceof JackfieldError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const detail = `"${name}" could not be made${thrownAt(cause, '')}: ${reason}`;
    throw new JackfieldError('ADAPTER_INVALID', detail, { cause });
  }
  const parts = Object(adapter) as Readonly<Record<string, unknown>>;
  const watches = Object(parts.supports).watch === true;
  const missing = [...FUNCTIONS, ...(watches ? FEED : [])].filter(
    (part) => typeof parts[part] !== 'function',
  );
  if (missing.length === 0) return adapter as StorageAdapter;
  throw new JackfieldError(
    'ADAPTER_INVALID',
    `what "${name}" made is no store: it lacks ${missing.join(', ')}.`,
  );
}

async function validateOptions(
  { name, options: schema }: AdapterDefinition<unknown>,
  value: Readonly<Record<string, unknown>>,
  source: ConfigSource,
): Promise<unknown> {
  const path = ['storage', 'options'];
  if (schema === undefined) {
    if (Object.keys(value).length === 0) return {};
    const location = source.locate(path, 'key');
    throw new JackfieldError(
      'ADAPTER_OPTIONS_INVALID',
      `${location === '' ? '' : `${location}: `}"${name}" takes no options.`,
    );
  }
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  const faults = explainIssues(result.issues, {
    source,
    path,
    knownKeys: knownKeysOf(schema),
    schema,
    value,
  });
  throw new JackfieldError(
    'ADAPTER_OPTIONS_INVALID',
    faults.map((fault) => `adapter "${name}": ${fault}`).join('\n'),
  );
}
