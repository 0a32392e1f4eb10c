import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { silentLog } from '../../../core/log.js';
import { StorageError } from '../../../core/storage/contract.js';
import { openStorage } from '../../../core/storage/open-storage.js';
import { LmdbAdapter } from '../../../storage-adapters/lmdb/lmdb.js';
import { decodeEntry, encodeEntry } from '../../../storage-adapters/lmdb/records.js';
import { readText } from '../../repository.js';
import { entriesOf, freshPath, opened, outcomeOf, put } from './helpers.js';

test('the path is relative to the folder of the configuration, and the folder is created', async (t) => {
  const folder = dirname(await freshPath(t));
  const source = { folder, locate: () => '' };
  const door = await openStorage({ adapter: 'lmdb', options: { path: 'deep/store' } }, source, silentLog);
  await door.commit({ puts: [{ key: 'a', value: '1' }] });
  await door.close();
  t.true(existsSync(join(folder, 'deep/store/data.mdb')));
});

test('the error for a missing driver says what to install', async (t) => {
  const missing = Object.assign(new Error("Cannot find package 'lmdb'"), { code: 'ERR_MODULE_NOT_FOUND' });
  const adapter = new LmdbAdapter({ path: await freshPath(t) }, () => Promise.reject(missing));
  const error = await t.throwsAsync(() => adapter.open(), { instanceOf: StorageError });
  t.is(error?.code, 'STORAGE_DRIVER_MISSING');
  t.regex(error?.message ?? '', /npm install lmdb/);
});

test('a path that cannot be a folder is STORAGE_UNREADABLE', async (t) => {
  const path = await freshPath(t);
  await writeFile(path, 'a file');
  t.is(await outcomeOf(() => new LmdbAdapter({ path }).open()), 'STORAGE_UNREADABLE');
});

test('keys have at most 1,978 octets; a longer one is refused without harm to concurrent commits', async (t) => {
  const adapter = await opened(t, { path: await freshPath(t) });
  const longest = 'ä'.repeat(989);
  const outcomes = await Promise.all([
    outcomeOf(() => put(adapter, longest, 'fits')),
    outcomeOf(() => put(adapter, `${longest}x`, 'does not')),
    outcomeOf(() => put(adapter, 'other', 'x')),
  ]);
  t.deepEqual(outcomes, ['ok', 'STORAGE_KEY_INVALID', 'ok']);
  t.is(adapter.get(longest)?.value, 'fits');
  t.is(adapter.get(`${longest}x`), undefined);
});

test('a store opened only for reading is not written, and a missing one is not created', async (t) => {
  const path = await freshPath(t);
  t.is(await outcomeOf(() => new LmdbAdapter({ path, readOnly: true }).open()), 'STORAGE_UNREADABLE');
  t.false(existsSync(path));
  const writer = await opened(t, { path });
  await writer.commit({ puts: [{ key: 'a', value: '1', ttlMs: 1 }] });
  await put(writer, 'b', '2');
  await writer.close();
  const before = await readFile(join(path, 'data.mdb'));
  const reader = await opened(t, { path, readOnly: true });
  t.deepEqual(entriesOf(reader).filter(({ key }) => key === 'b').length, 1);
  t.is(await outcomeOf(() => put(reader, 'c', '3')), 'STORAGE_UNAVAILABLE');
  await reader.close();
  t.true(before.equals(await readFile(join(path, 'data.mdb'))));
});

test('the history is bounded by commits and by octets, and older changes are STORAGE_HISTORY_GONE', async (t) => {
  for (const bound of [{ historyChanges: 3 }, { historyOctets: 3_500 }]) {
    const adapter = await opened(t, { path: await freshPath(t), ...bound });
    for (let n = 1; n <= 10; n += 1) await put(adapter, `key ${n}`, 'x'.repeat(1_000));
    const from = (revision: number) => adapter.watch(revision)[Symbol.asyncIterator]().next();
    t.is(await outcomeOf(() => from(6)), 'STORAGE_HISTORY_GONE');
    t.is((await from(7)).value.revision, 8);
    // A change larger than the whole bound is still reported to readers.
    await put(adapter, 'large', 'x'.repeat(10_000));
    t.is((await from(10)).value.puts[0].key, 'large');
    t.is(await outcomeOf(() => from(12)), 'STORAGE_REVISION_UNKNOWN');
  }
});

test('a prefix of few among many entries is listed completely and in creation order', async (t) => {
  const adapter = await opened(t, { path: await freshPath(t) });
  const puts = Array.from({ length: 5_000 }, (_, n) => ({
    key: n % 500 === 0 ? `rare/${9_999 - n}` : `common/${n}`,
    value: '',
  }));
  await adapter.commit({ puts });
  const rare = puts.map(({ key }) => key).filter((key) => key.startsWith('rare/'));
  for (const limit of [1, 3, 10, 100]) {
    const found: string[] = [];
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page = adapter.list({ prefix: 'rare/', after, limit });
      t.true(page.entries.length <= limit);
      found.push(...page.entries.map(({ key }) => key));
      after = page.next as number | undefined;
    }
    t.deepEqual(found, rare);
  }
});

test('many commits at once share a batch, and each has its own result', async (t) => {
  const adapter = await opened(t, { path: await freshPath(t) });
  const results = await Promise.all(
    Array.from({ length: 300 }, (_, n) =>
      adapter.commit({
        checks: [{ key: `key ${n % 100}`, revision: 0 }],
        puts: [{ key: `key ${n % 100}`, value: String(n) }],
      }),
    ),
  );
  t.deepEqual(
    results.map(({ ok }) => ok),
    results.map((_, n) => n < 100),
  );
  t.is(adapter.revision(), 100);
  t.deepEqual(
    entriesOf(adapter).map(({ value }) => value),
    Array.from({ length: 100 }, (_, n) => String(n)),
  );
});

test('the record in FORMAT.md is the one that is written', async (t) => {
  const page = await readText('storage-adapters/lmdb/FORMAT.md');
  const [, shown = ''] = /^```\n(ce [\s\S]*?)```/m.exec(page) ?? [];
  const octets = shown.split('\n').map((line) => line.slice(0, 26).replaceAll(' ', ''));
  const record = Buffer.from(octets.join(''), 'hex');
  const entry = { key: 'a', value: '1', created: 1, revision: 1 };
  t.deepEqual(encodeEntry(Buffer.from('a'), entry), record);
  t.deepEqual(decodeEntry(Buffer.from('a'), record), entry);
});

test('no commit into a removed or replaced data file is acknowledged', async (t) => {
  const path = await freshPath(t);
  const adapter = await opened(t, { path });
  await put(adapter, 'a', '1');
  await rename(path, `${path} elsewhere`);
  t.is(adapter.fault, undefined);
  t.is(await outcomeOf(() => put(adapter, 'a', '2')), 'STORAGE_UNAVAILABLE');
  t.like(adapter.fault, { code: 'STORAGE_UNAVAILABLE' }, 'so that health probes tell it');
  await rename(`${path} elsewhere`, path);
  t.is(await outcomeOf(() => put(adapter, 'a', '2')), 'ok');
  t.is(adapter.fault, undefined);
  await rm(path, { recursive: true });
  t.is(await outcomeOf(() => put(adapter, 'a', '2')), 'STORAGE_UNAVAILABLE');
  const second = await opened(t, { path });
  t.is(second.get('a'), undefined);
  t.is(await outcomeOf(() => put(second, 'a', '3')), 'ok');
  t.is(await outcomeOf(() => put(adapter, 'a', '4')), 'STORAGE_UNAVAILABLE');
  t.is(second.get('a')?.value, '3');
});
