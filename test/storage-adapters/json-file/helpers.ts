/** Shared by the tests of json-file: new folders, the content of the disk, and adapters over it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { type Change, type Entry, StorageError } from '../../../core/storage/contract.js';
import { nodeFileSystem } from '../../../storage-adapters/json-file/file-system.js';
import {
  JsonFileAdapter,
  type JsonFileOptions,
  type JsonFileSeams,
} from '../../../storage-adapters/json-file/json-file.js';
import { readPairs } from '../../../storage-adapters/json-file/json-text.js';
import { recover } from '../../../storage-adapters/json-file/recovery.js';

/** A new folder, removed after the test, and the path of its data file. */
export async function freshFolder(t: ExecutionContext): Promise<{ folder: string; path: string }> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'jackfield-json-')));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return { folder, path: join(folder, 'data.json') };
}

/** An adapter with some parts replaced by the test. */
export function adapterWith(settings: JsonFileOptions & JsonFileSeams): JsonFileAdapter {
  const { files, lock, checkpoints, room, lookEveryMs, ...options } = settings;
  return new JsonFileAdapter(options, {
    ...(files === undefined ? {} : { files }),
    ...(lock === undefined ? {} : { lock }),
    checkpoints,
    room,
    lookEveryMs,
  });
}

/** An open adapter, closed after the test. */
export async function opened(
  t: ExecutionContext,
  settings: JsonFileOptions & JsonFileSeams,
): Promise<JsonFileAdapter> {
  const adapter = adapterWith({ lookEveryMs: 0, ...settings });
  await adapter.open();
  t.teardown(() => adapter.close());
  return adapter;
}

export const puts = (pairs: Readonly<Record<string, string>>): Change => ({
  puts: Object.entries(pairs).map(([key, value]) => ({ key, value })),
});

export async function entriesOf(adapter: JsonFileAdapter): Promise<Entry[]> {
  return adapter.list({ limit: 1_000_000 }).entries;
}

/** The entries as pairs, like those of `onDisk`. */
export async function pairsOf(adapter: JsonFileAdapter): Promise<string[][]> {
  return (await entriesOf(adapter)).map(({ key, value }) => [key, value]);
}

/** The pairs that a start would find now, in the data file and its journals. */
export async function storedIn(path: string): Promise<string[][]> {
  const { table } = await recover(nodeFileSystem, path);
  return Array.from(table.freeze(), ({ key, value }) => [key, value]);
}

/** The pairs in the data file, which must be complete; none if there is no file. */
export function onDisk(path: string): string[][] {
  return existsSync(path) ? [...pairsIn(readFileSync(path), path)] : [];
}

/** The code of the failure, or `ok`. */
export async function outcomeOf(call: () => unknown): Promise<string> {
  try {
    await call();
    return 'ok';
  } catch (error) {
    if (error instanceof StorageError) return error.code;
    throw error;
  }
}

export interface OtherProcess {
  readonly pid: number;
  /** The next printed line; undefined when the process has ended. */
  line(): Promise<string | undefined>;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<unknown>;
}

/** Another process that opens the file and writes to it; see `writer.ts`. */
export function otherProcess(t: ExecutionContext, ...args: string[]): OtherProcess {
  const program = fileURLToPath(new URL('./writer.js', import.meta.url));
  const child = spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid ?? 0,
    line: async () => {
      const { value, done } = await lines.next();
      return done === true ? undefined : value;
    },
    kill: (signal) => child.kill(signal),
    ended: once(child, 'close'),
  };
}

/** The pairs of the object, in the order of the file. Errors: those of `readPairs`. */
export function pairsIn(octets: Uint8Array, file: string): Map<string, string> {
  const pairs = new Map<string, string>();
  readPairs(octets, file, (key, value) => {
    if (pairs.has(key)) return false;
    pairs.set(key, value);
    return true;
  });
  return pairs;
}
