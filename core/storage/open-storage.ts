/** From the `storage` part of a configuration to an open store. */

import type { ConfigSource } from '../config/config-source.js';
import { DEFAULT_LIMITS } from '../config/limits.js';
import type { StorageConfig } from '../config/server-config.js';
import { validateOptions } from '../config/validate-options.js';
import { ERRORS, JackfieldError, reasonOf } from '../errors.js';
import { thrownAt } from '../extensions/stack-places.js';
import type { Log } from '../log.js';
import type { MaybePromise } from '../maybe-promise.js';
import {
  type AdapterContext,
  type AdapterDefinition,
  type StorageAdapter,
  StorageError,
  type Verification,
} from './contract.js';
import { asDefinition, findAdapter } from './find-adapter.js';
import { StorageDoor } from './storage-door.js';

/**
 * @param lateMs After this many milliseconds the log names the adapter that is still opening its store. This is not an
 * error: a large store on a slow disk may take long, and a failed start would only begin again.
 * Errors: ADAPTER_UNKNOWN, ADAPTER_INVALID, ADAPTER_OPTIONS_INVALID and those of the adapter's `open`.
 */
export async function openStorage(
  config: StorageConfig,
  source: ConfigSource,
  log: Log,
  lateMs: number = DEFAULT_LIMITS.setupTimeoutMs,
): Promise<StorageDoor> {
  const { door } = await makeStorage(config, source, log);
  const since = performance.now();
  // Do not keep the process alive: if nothing else is in progress, the wait would never end.
  const timer = setInterval(() => {
    const waitedMs = Math.round(performance.now() - since);
    log.warn({ adapter: door.name, waitedMs }, 'The store is not open yet.');
  }, lateMs).unref();
  try {
    await door.open();
  } catch (error) {
    throw withWayOut(error, door);
  } finally {
    clearInterval(timer);
  }
  return door;
}

/** A user who starts a second process over the same data wants two. Say how to get them. */
function withWayOut(error: unknown, { supports }: StorageDoor): unknown {
  // Read `supports` only after the lock error: an adapter from outside may not have it.
  if (!isLocked(error) || supports.shared !== 'process') return error;
  return explainLocked(
    error,
    'Stop that process first. To share data, use lmdb on one machine, or postgres or redis on several machines.',
  );
}

function isLocked(error: unknown): error is StorageError {
  return error instanceof StorageError && error.code === 'STORAGE_LOCKED';
}

/** Adds a sentence to a STORAGE_LOCKED error; returns any other error unchanged. */
export function explainLocked(error: unknown, wayOut: string): unknown {
  if (!isLocked(error)) return error;
  const detail = error.message.replace(ERRORS.STORAGE_LOCKED.sentence.replace('…', ''), '');
  return new StorageError('STORAGE_LOCKED', `${detail} ${wayOut}`, { cause: error });
}

/** A store that is not open yet, and the adapter's functions for this state. */
export interface MadeStorage {
  readonly door: StorageDoor;
  readonly verify?: (() => MaybePromise<Verification>) | undefined;
  readonly repair?: Readonly<Record<'adopt' | 'discard', (() => MaybePromise<string>) | undefined>>;
}

/**
 * @param readOnly The store is only read; see `AdapterContext`.
 * Errors: ADAPTER_UNKNOWN, ADAPTER_INVALID, ADAPTER_OPTIONS_INVALID.
 */
export async function makeStorage(
  { adapter, options = {} }: StorageConfig,
  source: ConfigSource,
  log: Log,
  readOnly = false,
): Promise<MadeStorage> {
  if (isAdapter(adapter)) return { door: new StorageDoor(adapter) };
  const definition =
    typeof adapter === 'string' ? await findAdapter(adapter, source) : asDefinition(adapter, 'the object');
  const { name, options: schema } = definition;
  const owner = {
    named: `adapter "${name}"`,
    schema,
    invalid: 'ADAPTER_OPTIONS_INVALID',
    broken: 'ADAPTER_INVALID',
  } as const;
  const validated = await validateOptions(owner, options, ['storage', 'options'], source);
  const context: AdapterContext = {
    folder: source.folder,
    log: log.child({ adapter: definition.name }),
    ...(readOnly ? { readOnly } : {}),
  };
  const { verify, repair: { adopt, discard } = {} } = definition;
  return {
    door: new StorageDoor(instanceOf(definition, validated, context)),
    verify: verify && (() => verify.call(definition, validated, context)),
    repair: {
      adopt: adopt && (() => adopt(validated, context)),
      discard: discard && (() => discard(validated, context)),
    },
  };
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

/** Functions that an adapter with `watch` must have too. */
const FEED = ['watch', 'revision'] as const satisfies readonly (keyof StorageAdapter)[];

/** Errors: ADAPTER_INVALID and those that the adapter throws itself. */
function instanceOf(
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
    const reason = reasonOf(cause);
    const detail = `"${name}" could not be created${thrownAt(cause, '')}: ${reason}`;
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
    `create of "${name}" did not return a store: it lacks ${missing.join(', ')}.`,
  );
}
