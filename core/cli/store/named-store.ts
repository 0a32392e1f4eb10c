/** From the command line to a store: a configuration file, or an adapter and its path. */
import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { plainSource, readConfig } from '../../config/config-file.js';
import type { ConfigSource } from '../../config/config-source.js';
import type { StorageConfig } from '../../config/server-config.js';
import { resolveConfig } from '../../config/validate-config.js';
import { createLog } from '../../log.js';
import type { MaybePromise } from '../../maybe-promise.js';
import { explainLocked, type MadeStorage, makeStorage } from '../../storage/open-storage.js';
import type { StorageDoor } from '../../storage/storage-door.js';
import type { Output, Surroundings } from '../command.js';
import type { FlagValues } from '../flags.js';

export interface NamedStore extends MadeStorage {
  /** The name in messages. */
  readonly called: string;
  /** The same text for the same store, as far as the adapter's name and options show. */
  readonly identity: string;
}

/** `lmdb:./data`, `json-file:data.json`. A single letter would be a Windows drive. */
const INLINE = /^([a-z][a-z0-9@/_-]+):(.*)$/is;

/**
 * The store of the configuration that `--config` names. Errors: those of reading the configuration and making the
 * adapter.
 */
export async function configuredStore(
  flags: FlagValues,
  around: Surroundings,
  readOnly: boolean,
): Promise<NamedStore> {
  const { config, source } = await readConfig(flags.config, around.cwd);
  return made(resolveConfig(config, source).storage, source, flags, around, readOnly);
}

/**
 * @param reference A configuration file; or `ADAPTER:PATH`, with the path relative to the current folder; or, if the
 * adapter takes a URL, the URL (`postgres://…`, `redis://…`).
 */
export async function storeNamed(
  reference: string,
  flags: FlagValues,
  around: Surroundings,
  readOnly: boolean,
): Promise<NamedStore> {
  const [, adapter, rest = ''] = INLINE.exec(reference) ?? [];
  if (adapter === undefined) return configuredStore({ ...flags, config: reference }, around, readOnly);
  const options = rest.startsWith('//')
    ? { url: reference }
    : rest.includes('://')
      ? { url: rest }
      : { path: rest };
  const storage = rest === '' ? { adapter } : { adapter, options };
  return made(storage, plainSource(around.cwd), flags, around, readOnly);
}

async function made(
  storage: StorageConfig,
  source: ConfigSource,
  flags: FlagValues,
  { stderr }: Surroundings,
  readOnly: boolean,
): Promise<NamedStore> {
  const log = createLog((line) => stderr.write(line), flags.debug === true ? 'debug' : 'warn');
  const store = await makeStorage(storage, source, log, readOnly);
  return { ...store, called: store.door.name, identity: await identityOf(storage, source) };
}

async function identityOf(
  { adapter, options = {} }: StorageConfig,
  { folder }: ConfigSource,
): Promise<string> {
  const parts = Object.entries(options).map(async ([name, value]) =>
    // Two paths to one file or folder are the same store. A missing file needs no comparison: nothing can be copied
    // from it.
    name === 'path' && typeof value === 'string'
      ? [name, await realpath(resolve(folder, value)).catch(() => resolve(folder, value))]
      : [name, value],
  );
  return JSON.stringify([adapter, (await Promise.all(parts)).sort()]);
}

/** Whether other processes cannot see the entries of this store. */
export function livesInProcess({ supports }: StorageDoor): boolean {
  return !supports.durable && supports.shared === 'process';
}

/** An empty store in memory does not mean that the server has no entries: each backup of it would be empty. */
export function tellUnseen(door: StorageDoor, entries: number | null, stderr: Output): void {
  if (entries !== 0 || !livesInProcess(door)) return;
  stderr.write(
    `jackfield: "${door.name}" is not durable: this command cannot see the entries of a running server\n`,
  );
}

/** If another process has locked the store, adds to the error what to do. */
export async function unlocked<T>(call: () => MaybePromise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw explainLocked(error, 'Stop the server first, then run this command and start it again.');
  }
}
