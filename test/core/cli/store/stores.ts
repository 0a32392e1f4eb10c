/** Shared by the tests of `jackfield store`. */
import { resolve } from 'node:path';
import type { ExecutionContext } from 'ava';
import { silentLog } from '../../../../core/log.js';
import type { Change, Entry } from '../../../../core/storage/contract.js';
import { openStorage } from '../../../../core/storage/open-storage.js';
import type { StorageDoor } from '../../../../core/storage/storage-door.js';
import { type Ran, ran } from '../around.js';

/** Runs `jackfield store …` in a folder. */
export const store = (folder: string, ...argv: string[]): Promise<Ran> => ran(['store', ...argv], folder);

/** Opens the store that `ADAPTER:PATH` names, until the work is done. */
export async function within<T>(
  folder: string,
  named: string,
  work: (door: StorageDoor) => Promise<T>,
): Promise<T> {
  const [adapter = '', path = ''] = named.split(':');
  const options = { path: resolve(folder, path) };
  const door = await openStorage({ adapter, options }, { folder, locate: () => '' }, silentLog);
  try {
    return await work(door);
  } finally {
    await door.close();
  }
}

export const committed = (folder: string, named: string, change: Change): Promise<unknown> =>
  within(folder, named, async (door) => door.commit(change));

export const entriesOf = (folder: string, named: string): Promise<Entry[]> =>
  within(folder, named, async (door) => (await door.list({ limit: 1_000_000 })).entries);

/** Key and value of each entry, in creation order. */
export async function pairsOf(folder: string, named: string): Promise<[string, string][]> {
  return (await entriesOf(folder, named)).map(({ key, value }) => [key, value]);
}

export function succeeded(t: ExecutionContext, { code, stderr }: Ran): void {
  t.is(stderr, '');
  t.is(code, 0);
}

/** A configuration of this store. */
export function configOf(named: string): string {
  const [adapter, path] = named.split(':');
  return JSON.stringify({ storage: { adapter, options: { path } } });
}
