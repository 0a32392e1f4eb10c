/** Shared by the tests of lmdb: new folders, adapters over them, and processes that use them too. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import { type Entry, StorageError } from '../../../core/storage/contract.js';
import { LmdbAdapter, type LmdbOptions } from '../../../storage-adapters/lmdb/lmdb.js';

export const PROGRAM = fileURLToPath(new URL('./program.js', import.meta.url));

/** The folder of a store that does not exist yet; removed after the test. */
export async function freshPath(t: ExecutionContext): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'jackfield-lmdb-')));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'data.lmdb');
}

/** An open adapter, closed after the test. */
export async function opened(t: ExecutionContext, options: LmdbOptions): Promise<LmdbAdapter> {
  const adapter = new LmdbAdapter(options);
  await adapter.open();
  t.teardown(() => adapter.close());
  return adapter;
}

export function put(adapter: LmdbAdapter, key: string, value: string) {
  return adapter.commit({ puts: [{ key, value }] });
}

export function entriesOf(adapter: LmdbAdapter): Entry[] {
  return adapter.list({ limit: 1_000_000 }).entries;
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
  /** The next printed line; undefined when the process has ended. */
  line(): Promise<string | undefined>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<unknown>;
}

/** Another process over the store; see `program.ts`. */
export function otherProcess(t: ExecutionContext, ...args: string[]): OtherProcess {
  return running(t, process.execPath, [PROGRAM, ...args]);
}

export function running(t: ExecutionContext, command: string, args: readonly string[]): OtherProcess {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    line: async () => {
      const { value, done } = await lines.next();
      return done === true ? undefined : value;
    },
    kill: (signal) => child.kill(signal),
    ended: once(child, 'close'),
  };
}
