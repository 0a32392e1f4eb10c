/** Changes to the files of an open store: no commit is acknowledged that a start would not find. */
import {
  appendFile,
  copyFile,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { JsonFileAdapter } from '../../../storage-adapters/json-file/json-file.js';
import { until } from '../shared-store.js';
import { FaultyFiles } from './faulty-files.js';
import { freshFolder, opened, outcomeOf, pairsOf, puts } from './helpers.js';

const NEVER = { idleMs: 1_000_000_000, minOctets: 1_000_000_000 };

/** The change; `isThere` if a file has the name afterwards. */
const CHANGES: Record<string, { isThere: boolean; to: (file: string) => Promise<unknown> }> = {
  removed: { isThere: false, to: (file) => rm(file) },
  renamed: { isThere: false, to: (file) => rename(file, `${file}.away`) },
  'replaced by a copy': {
    isThere: true,
    async to(file) {
      await copyFile(file, `${file}.copy`);
      await rename(`${file}.copy`, file);
    },
  },
  emptied: { isThere: true, to: (file) => truncate(file) },
  'appended to': { isThere: true, to: (file) => appendFile(file, 'a note\n') },
};

/** The entries after a kill -9 at this moment. */
async function afterKill(t: ExecutionContext, folder: string): Promise<string[][]> {
  const { folder: other } = await freshFolder(t);
  await cp(folder, other, { recursive: true, filter: (name) => !name.includes('.lock-') });
  return pairsOf(await opened(t, { path: join(other, 'data.json') }));
}

async function journalIn(folder: string): Promise<string> {
  const name = (await readdir(folder)).find((one) => /\.journal\.\d+$/.test(one));
  return join(folder, name ?? 'none');
}

const takesChanges = (adapter: JsonFileAdapter, key: string) =>
  until(async () => (await outcomeOf(() => adapter.commit(puts({ [key]: 'x' })))) === 'ok');

for (const [how, { isThere, to }] of Object.entries(CHANGES)) {
  test(`a journal that is ${how} while it is open accepts no more commits, and all data is written again`, async (t) => {
    const { folder, path } = await freshFolder(t);
    const adapter = await opened(t, { path, checkpoints: NEVER });
    await adapter.commit(puts({ a: '1' }));
    await adapter.checkpoint();
    await adapter.commit(puts({ b: '2' }));
    const journal = await journalIn(folder);
    await to(journal);
    t.is(await outcomeOf(() => adapter.commit(puts({ refused: 'x' }))), 'STORAGE_UNAVAILABLE');
    t.deepEqual(await pairsOf(adapter), [
      ['a', '1'],
      ['b', '2'],
    ]);
    await takesChanges(adapter, 'c');
    const all = [
      ['a', '1'],
      ['b', '2'],
      ['c', 'x'],
    ];
    t.deepEqual(await pairsOf(adapter), all);
    t.deepEqual(await afterKill(t, folder), all);
    const kept = (await readdir(folder)).filter((name) => name.includes('.changed-'));
    t.is(kept.length, isThere ? 1 : 0);
    await adapter.close();
    t.deepEqual(await pairsOf(await opened(t, { path })), all);
  });

  for (const state of ['with commits', 'without commits']) {
    test(`a journal ${state} that is ${how} before a clean stop loses nothing`, async (t) => {
      const { folder, path } = await freshFolder(t);
      const adapter = await opened(t, { path, checkpoints: NEVER });
      await adapter.commit(puts({ a: '1' }));
      if (state === 'without commits') await adapter.checkpoint();
      await to(await journalIn(folder));
      await adapter.close();
      const again = await opened(t, { path });
      t.deepEqual(await pairsOf(again), [['a', '1']]);
      t.is(again.revision(), 1);
    });
  }
}

test('a data file that is removed while it is open is restored by a clean stop, with or without new commits', async (t) => {
  for (const isWritten of [false, true]) {
    const { path } = await freshFolder(t);
    const adapter = await opened(t, { path, checkpoints: NEVER });
    await adapter.commit(puts({ a: '1' }));
    await adapter.checkpoint();
    if (isWritten) await adapter.commit(puts({ a: '1' }));
    await rm(path);
    await adapter.close();
    const again = await opened(t, { path });
    t.deepEqual(await pairsOf(again), [['a', '1']]);
    t.is(again.revision(), isWritten ? 2 : 1);
  }
});

test('a file in place of the journal is copied unchanged', async (t) => {
  const { folder, path } = await freshFolder(t);
  const adapter = await opened(t, { path, checkpoints: NEVER });
  await adapter.commit(puts({ a: '1' }));
  await writeFile(await journalIn(folder), 'what somebody wrote');
  await adapter.checkpoint();
  const [kept = ''] = (await readdir(folder)).filter((name) => name.includes('.changed-'));
  t.is(await readFile(join(folder, kept), 'utf8'), 'what somebody wrote');
});

test('if the journal is gone and the disk is full, no commit succeeds until all data could be written again', async (t) => {
  const { folder, path } = await freshFolder(t);
  const files = new FaultyFiles();
  const adapter = await opened(t, { path, files, checkpoints: NEVER });
  await adapter.commit(puts({ a: '1' }));
  await rm(await journalIn(folder));
  // Enough for a journal, but not for the data.
  files.room = 80;
  for (let tries = 0; tries < 3; tries += 1) {
    t.is(await outcomeOf(() => adapter.commit(puts({ refused: 'x' }))), 'STORAGE_UNAVAILABLE');
    await adapter.checkpoint().catch(() => {});
    files.room = 8;
  }
  files.room = Number.POSITIVE_INFINITY;
  await takesChanges(adapter, 'b');
  t.deepEqual(await afterKill(t, folder), [
    ['a', '1'],
    ['b', 'x'],
  ]);
});

test('a renamed folder takes its lock with it: nothing is written, neither there nor at the old path', async (t) => {
  const { folder, path } = await freshFolder(t);
  const away = `${folder}-away`;
  t.teardown(() => rm(away, { recursive: true, force: true }));
  const adapter = await opened(t, { path, checkpoints: NEVER });
  await adapter.commit(puts({ a: '1' }));
  await rename(folder, away);
  t.is(await outcomeOf(() => adapter.commit(puts({ refused: 'x' }))), 'STORAGE_LOCKED');
  await mkdir(folder);
  t.is(await outcomeOf(() => adapter.commit(puts({ refused: 'x' }))), 'STORAGE_LOCKED');
  t.deepEqual(await pairsOf(adapter), [['a', '1']]);
  await adapter.close();
  t.deepEqual(await readdir(folder), []);
  t.deepEqual(await pairsOf(await opened(t, { path: join(away, 'data.json') })), [['a', '1']]);
});

test('each commit reports a removed folder, and with a lock elsewhere a restored folder is written again', async (t) => {
  const { folder } = await freshFolder(t);
  // Too long for a socket.
  const deep = join(folder, 'd'.repeat(100));
  await mkdir(deep);
  const adapter = await opened(t, { path: join(deep, 'data.json'), checkpoints: NEVER });
  await adapter.commit(puts({ a: '1' }));
  await rm(deep, { recursive: true });
  for (let tries = 0; tries < 3; tries += 1) {
    t.is(await outcomeOf(() => adapter.commit(puts({ refused: 'x' }))), 'STORAGE_UNAVAILABLE');
    t.deepEqual(await pairsOf(adapter), [['a', '1']]);
  }
  await mkdir(deep);
  await takesChanges(adapter, 'b');
  t.deepEqual(await afterKill(t, deep), [
    ['a', '1'],
    ['b', 'x'],
  ]);
});

for (const lookEveryMs of [0, 10]) {
  test(`commits in progress while the journal is removed repeatedly are safe once acknowledged, with checks ${lookEveryMs} ms apart`, async (t) => {
    const { folder, path } = await freshFolder(t);
    const adapter = await opened(t, { path, lookEveryMs });
    const acknowledged: string[] = [];
    let isOver = false;
    const write = async (name: string) => {
      for (let number = 0; !isOver; number += 1) {
        const key = `${name} ${number}`;
        if ((await outcomeOf(() => adapter.commit(puts({ [key]: 'x' })))) === 'ok') acknowledged.push(key);
      }
    };
    const writers = [write('one'), write('other')];
    for (let round = 0; round < 10; round += 1) {
      const before = acknowledged.length;
      await rm(await journalIn(folder), { force: true });
      await until(async () => acknowledged.length > before + 20);
    }
    isOver = true;
    await Promise.all(writers);
    // The last commit may have been acknowledged into a journal that was removed a moment later; a checkpoint saves
    // all.
    await adapter.checkpoint();
    const found = new Set((await afterKill(t, folder)).map(([key]) => key));
    t.deepEqual(
      acknowledged.filter((key) => !found.has(key)),
      [],
    );
  });
}

test('lock and journal are checked before the first batch, and again only when the check is too old', async (t) => {
  for (const [lookEveryMs, looks] of [
    [1_000_000, 1],
    [0, 5],
  ] as const) {
    const { path } = await freshFolder(t);
    const files = new FaultyFiles();
    const adapter = await opened(t, { path, files, checkpoints: NEVER, lookEveryMs });
    await adapter.commit(puts({ first: '1' }));
    await adapter.checkpoint();
    await adapter.close();
    const again = await opened(t, { path, files, checkpoints: NEVER, lookEveryMs });
    const before = files.done.length;
    for (const key of ['a', 'b', 'c', 'd', 'e']) await again.commit(puts({ [key]: '1' }));
    const counted = (what: RegExp) => files.done.slice(before).filter((one) => what.test(one)).length;
    t.is(counted(/^stat data\.json\.lock/), looks);
    t.is(counted(/^stat data\.json\.journal/), looks);
  }
});
