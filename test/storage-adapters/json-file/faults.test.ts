/** Every operation of a commit fails in every way: what is answered, what is on disk, and what happens next. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { Change } from '../../../core/storage/contract.js';
import { JsonFileAdapter } from '../../../storage-adapters/json-file/json-file.js';
import { FaultyFiles, type When } from './faulty-files.js';
import { entriesOf, freshFolder, onDisk, opened, outcomeOf, pairsOf, puts } from './helpers.js';

const OLD: Change = {
  puts: [
    { key: 'a', value: 'old' },
    { key: 'b', value: 'old', ttlMs: 3_600_000 },
  ],
};
const NEW: Change = {
  puts: [
    { key: 'a', value: 'new' },
    { key: 'c', value: 'new', ttlMs: 3_600_000 },
  ],
  deletes: ['b'],
};
const OLD_PAIRS = [
  ['a', 'old'],
  ['b', 'old'],
];
const NEW_PAIRS = [
  ['a', 'new'],
  ['c', 'new'],
];
/** The codes after which nothing may have changed. */
const UNCHANGED = ['STORAGE_FULL', 'STORAGE_UNAVAILABLE', 'STORAGE_LOCKED'];

/** The operations of the second commit, found by doing it without a fault. */
const operations = await (async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jackfield-probe-'));
  const files = new FaultyFiles();
  const adapter = new JsonFileAdapter({ path: `${folder}/data.json`, files });
  await adapter.open();
  await adapter.commit(OLD);
  const before = files.done.length;
  await adapter.commit(NEW);
  const done = files.done.slice(before);
  await adapter.close();
  await rm(folder, { recursive: true });
  return done;
})();

test('a commit with expiry syncs the data, then replaces the expiry, then the data', (t) => {
  const order = [
    'sync data.json.tmp',
    'sync data.json.expiry.tmp',
    'rename data.json.expiry.tmp',
    'syncFolder',
  ];
  t.deepEqual(
    operations.filter((operation) => /^(sync|rename)/.test(operation)),
    [...order, 'rename data.json.tmp', 'syncFolder'],
  );
});

for (const [number, operation] of operations.entries()) {
  for (const code of ['ENOSPC', 'EIO', 'EACCES', 'EMFILE']) {
    for (const when of ['before', 'after'] satisfies When[]) {
      test(`${code} ${when} ${number}: ${operation}`, async (t) => {
        const { folder, path } = await freshFolder(t);
        const files = new FaultyFiles();
        const adapter = await opened(t, { path, files });
        await adapter.commit(OLD);
        const start = files.done.length;
        files.faultOf = (_, at) => (at === start + number ? { code, when } : undefined);
        const outcome = await outcomeOf(() => adapter.commit(NEW));
        t.is(files.done[start + number]?.replace(/lock-.*/, ''), operation.replace(/lock-.*/, ''));

        const disk = onDisk(path);
        if (outcome === 'ok') t.deepEqual(disk, NEW_PAIRS);
        else if (UNCHANGED.includes(outcome)) t.deepEqual(disk, OLD_PAIRS);
        else t.is(outcome, 'STORAGE_OUTCOME_UNKNOWN');
        t.deepEqual(await pairsOf(adapter), disk, 'what is read is what is on disk');
        if (code === 'ENOSPC' && /^(create|write|sync data)/.test(operation)) t.is(outcome, 'STORAGE_FULL');

        files.faultOf = () => undefined;
        const next = await outcomeOf(() => adapter.commit(puts({ a: 'later' })));
        if (['ok', 'STORAGE_FULL'].includes(outcome)) t.is(next, 'ok', 'a full disk is tried again');
        if (outcome === 'STORAGE_OUTCOME_UNKNOWN') t.is(next, 'STORAGE_UNAVAILABLE');
        if (code === 'EIO' && outcome !== 'ok') t.is(next, 'STORAGE_UNAVAILABLE', 'a failing disk is not');
        if (next !== 'ok') t.deepEqual(onDisk(path), disk, 'refused is refused');

        const before = await entriesOf(adapter);
        await adapter.close();
        const left = (await readdir(folder)).filter((name) => !/^data\.json(\.expiry)?$/.test(name));
        if (next === 'ok') t.deepEqual(left, [], 'nothing is left behind');
        const again = await opened(t, { path });
        t.deepEqual(
          (await entriesOf(again)).map(({ key, value, expiresAt }) => [key, value, expiresAt]),
          before.map(({ key, value, expiresAt }) => [key, value, expiresAt]),
          'reopened: the same entries with the same expiry',
        );
      });
    }
  }

  test(`killed at ${number}: ${operation}`, async (t) => {
    const { path } = await freshFolder(t);
    const files = new FaultyFiles();
    const adapter = new JsonFileAdapter({ path, files });
    await adapter.open();
    await adapter.commit(OLD);
    const expiresAt = adapter.get('b')?.expiresAt;
    const start = files.done.length;
    // From this operation on nothing happens any more, not even cleaning up.
    files.faultOf = (_, at) => (at >= start + number ? { code: 'EKILLED', when: 'before' } : undefined);
    const outcome = await outcomeOf(() => adapter.commit(NEW));
    await adapter.close();

    const disk = onDisk(path);
    const isNew = disk[0]?.[1] === 'new';
    t.deepEqual(disk, isNew ? NEW_PAIRS : OLD_PAIRS);
    if (outcome === 'ok') t.true(isNew);
    const again = await opened(t, { path });
    t.deepEqual(await pairsOf(again), disk);
    t.is(typeof again.get('c')?.expiresAt, isNew ? 'number' : 'undefined');
    t.is(again.get('b')?.expiresAt, isNew ? undefined : expiresAt);
    t.is(await outcomeOf(() => again.commit(puts({ a: 'later' }))), 'ok');
  });
}

for (const room of [0, 1, 10, 30]) {
  test(`a disk with room for ${room} octets is STORAGE_FULL, and works again when there is room`, async (t) => {
    const { folder, path } = await freshFolder(t);
    const files = new FaultyFiles();
    const adapter = await opened(t, { path, files });
    await adapter.commit(puts({ a: 'old' }));
    files.room = room;
    const outcomes = await Promise.all([
      outcomeOf(() => adapter.commit(puts({ b: 'x'.repeat(100) }))),
      outcomeOf(() => adapter.commit(puts({ c: 'x' }))),
    ]);
    t.deepEqual(outcomes, ['STORAGE_FULL', 'STORAGE_FULL']);
    t.deepEqual(onDisk(path), [['a', 'old']]);
    t.deepEqual(await pairsOf(adapter), [['a', 'old']]);
    t.false((await readdir(folder)).includes('data.json.tmp'));
    files.room = Number.POSITIVE_INFINITY;
    t.is(
      await outcomeOf(() => adapter.commit({ checks: [{ key: 'b', revision: 0 }], ...puts({ b: 'x' }) })),
      'ok',
    );
    t.deepEqual(onDisk(path), [
      ['a', 'old'],
      ['b', 'x'],
    ]);
  });
}

test('a write that takes few octets at a time is written in full', async (t) => {
  const { path } = await freshFolder(t);
  const files = new FaultyFiles();
  const { create } = files;
  files.create = async (name) => {
    const file = await create(name);
    return { ...file, write: (octets) => file.write(octets.subarray(0, 3)) };
  };
  const adapter = await opened(t, { path, files });
  await adapter.commit(puts({ a: 'é'.repeat(50) }));
  t.deepEqual(onDisk(path), [['a', 'é'.repeat(50)]]);
});

test('a commit that waited behind a failed one is judged by what was really stored', async (t) => {
  const { path } = await freshFolder(t);
  const files = new FaultyFiles();
  const adapter = await opened(t, { path, files });
  await adapter.commit(puts({ a: '1' }));
  let behind: Promise<unknown> | undefined;
  files.faultOf = (operation) => {
    if (operation !== 'sync data.json.tmp' || behind !== undefined) return undefined;
    // While the first is in flight: creates what the first creates.
    behind = adapter.commit({ checks: [{ key: 'b', revision: 0 }], ...puts({ b: 'second' }) });
    return { code: 'ENOSPC', when: 'before' };
  };
  const failing = outcomeOf(() =>
    adapter.commit({ checks: [{ key: 'b', revision: 0 }], ...puts({ b: 'first' }) }),
  );
  t.is(await failing, 'STORAGE_FULL');
  t.like(await behind, { ok: true });
  t.is(onDisk(path)[1]?.[1], 'second');
});

test('a conflict with a commit in flight is answered when that one is durable', async (t) => {
  const { path } = await freshFolder(t);
  const files = new FaultyFiles();
  const adapter = await opened(t, { path, files });
  const answers: string[] = [];
  let behind: Promise<unknown> | undefined;
  files.faultOf = (operation) => {
    if (operation === 'write data.json.tmp') {
      behind ??= adapter
        .commit({ checks: [{ key: 'a', revision: 0 }], ...puts({ a: 'second' }) })
        .then((result) => answers.push(result.ok ? 'second stored' : `conflict over ${onDisk(path)}`));
    }
    return undefined;
  };
  await adapter.commit(puts({ a: 'first' })).then(() => answers.push('first stored'));
  await behind;
  t.deepEqual(answers, ['first stored', 'conflict over a,first']);
});
