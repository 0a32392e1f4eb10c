import { open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { open as openLmdb } from 'lmdb';
import { silentLog } from '../../../core/log.js';
import definition, { LmdbAdapter } from '../../../storage-adapters/lmdb/lmdb.js';
import { freshPath, opened, outcomeOf, put } from './helpers.js';

/** A closed store of a few hundred entries, and its data file. */
async function stored(t: ExecutionContext): Promise<{ path: string; file: string }> {
  const path = await freshPath(t);
  const adapter = await opened(t, { path });
  await Promise.all(
    Array.from({ length: 300 }, (_, n) => put(adapter, `key ${n}`, `needle ${n} `.repeat(20))),
  );
  await adapter.close();
  return { path, file: join(path, 'data.mdb') };
}

async function openingOf(path: string): Promise<string> {
  const adapter = new LmdbAdapter({ path });
  return outcomeOf(async () => {
    await adapter.open();
    await adapter.close();
  });
}

async function verified(path: string): Promise<readonly string[]> {
  const report = await definition.verify?.(
    { path, pollMs: 50, historyChanges: 1, historyOctets: 1 },
    { folder: '/', log: silentLog },
  );
  return report?.faults ?? ['no report'];
}

test('a missing, empty, cut or foreign data file is refused and unchanged', async (t) => {
  const damages: Readonly<Record<string, (file: string, octets: Buffer) => Promise<unknown>>> = {
    gone: (file) => rm(file),
    emptied: (file) => truncate(file, 0),
    'cut within its head': (file) => truncate(file, 5_000),
    'cut in the middle': (file, { length }) => truncate(file, Math.floor(length / 2)),
    'cut by the pages of the end': (file, { length }) => truncate(file, length - 3 * 4_096),
    'something else': (file) => writeFile(file, 'this is a shopping list\n'.repeat(1_000)),
    'zeros in its head': (file, octets) => writeFile(file, Buffer.from(octets).fill(0, 0, 4_096)),
  };
  for (const [how, damage] of Object.entries(damages)) {
    const { path, file } = await stored(t);
    t.deepEqual(await verified(path), []);
    await damage(file, await readFile(file));
    const before = await readFile(file).catch(() => undefined);
    t.is(await openingOf(path), 'STORAGE_CORRUPT', how);
    t.deepEqual(await readFile(file).catch(() => undefined), before, how);
  }
});

test('a changed octet of an entry is STORAGE_CORRUPT when it is read, and a check reports it', async (t) => {
  const { path, file } = await stored(t);
  const octets = await readFile(file);
  const handle = await open(file, 'r+');
  // Everywhere the value occurs: free pages may contain it too.
  for (let at = octets.indexOf('needle 17 n'); at !== -1; at = octets.indexOf('needle 17 n', at + 1)) {
    await handle.write('N', at);
  }
  await handle.close();
  const faults = await verified(path);
  t.true(
    faults.some((fault) => fault.includes('"key 17"')),
    faults.join('\n'),
  );
  const adapter = await opened(t, { path });
  t.is(await outcomeOf(() => adapter.get('key 17')), 'STORAGE_CORRUPT');
  t.is(await outcomeOf(() => adapter.list({ limit: 1_000 })), 'STORAGE_CORRUPT');
  t.is(adapter.get('key 18')?.value, 'needle 18 '.repeat(20));
});

test('a folder without a store of this format is refused', async (t) => {
  const { path } = await stored(t);
  await writeFile(join(path, 'jackfield-store.json'), '{"adapter":"lmdb","format":2}\n');
  t.is(await openingOf(path), 'STORAGE_CORRUPT');
});

test('an LMDB file of another program is refused and unchanged', async (t) => {
  const path = await freshPath(t);
  const other = openLmdb({ path, noSubdir: false, overlappingSync: false });
  await other.put('a setting', 1);
  await other.close();
  const before = await readFile(join(path, 'data.mdb'));
  t.is(await openingOf(path), 'STORAGE_CORRUPT');
  t.true(before.equals(await readFile(join(path, 'data.mdb'))));
});
