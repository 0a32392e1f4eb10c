/** From the `storage` part of a configuration to an open store behind its door. */
import type { ConfigSource, StorageConfig } from '../config/server-config.js';
import { explainIssues, knownKeysOf } from '../config/validate-config.js';
import { JackfieldError } from '../errors.js';
import type { Log } from '../log.js';
import type { AdapterDefinition, StorageAdapter } from './contract.js';
import { asDefinition, findAdapter } from './find-adapter.js';
import { StorageDoor } from './storage-door.js';

/** Errors: ADAPTER_UNKNOWN, ADAPTER_INVALID, ADAPTER_OPTIONS_INVALID and those of the adapter's `open`. */
export async function openStorage(
  config: StorageConfig,
  source: ConfigSource,
  log: Log,
): Promise<StorageDoor> {
  const door = new StorageDoor(await makeAdapter(config, source, log));
  await door.open();
  return door;
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
  return definition.create(validated, {
    folder: source.folder,
    log: log.child({ adapter: definition.name }),
  });
}

function isAdapter(adapter: StorageConfig['adapter']): adapter is StorageAdapter {
  return typeof adapter === 'object' && 'commit' in adapter;
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
