/**
 * Every operation of two commits, a checkpoint and a third commit fails in every way. Checks the answers, the reads
 * afterwards, and what the next start finds.
 */
import { cp, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createLog } from '../../../core/log.js';
import type { Change } from '../../../core/storage/contract.js';
import type { JsonFileAdapter } from '../../../storage-adapters/json-file/json-file.js';
import { FaultyFiles, type When } from './faulty-files.js';
import {
  adapterWith,
  entriesOf,
  freshFolder,
  onDisk,
  opened,
  outcomeOf,
  pairsOf,
  puts,
  storedIn,
} from './helpers.js';
import { NaiveModel, stateOf } from './naive-model.js';

const HOUR_MS = 3_600_000;
const NEVER = { idleMs: 1_000_000_000, minOctets: 1_000_000_000 };
const OLD: Change = {
  puts: [
    { key: 'a', value: 'old' },
    { key: 'b', value: 'old', ttlMs: HOUR_MS },
  ],
};
const NEW: Change = { puts: [{ key: 'c', value: 'new', ttlMs: HOUR_MS }], deletes: ['b'] };
const LATER = puts({ a: 'later', d: 'later' });

/** The codes after which nothing may have changed. */
const UNCHANGED = ['STORAGE_FULL', 'STORAGE_UNAVAILABLE', 'STORAGE_LOCKED'];

/** The scenario, with the outcome of each commit. A checkpoint may fail without consequences. */
async function scenario(adapter: JsonFileAdapter, perform = (call: () => unknown) => outcomeOf(call)) {
  const outcomes = [await perform(() => adapter.commit(OLD)), await perform(() => adapter.commit(NEW))];
  await adapter.checkpoint().catch(() => {});
  outcomes.push(await perform(() => adapter.commit(LATER)));
  return outcomes;
}
const CHANGES = [OLD, NEW, LATER];

/** The operations of the scenario, recorded without a fault. */
const operations = await (async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jackfield-probe-'));
  const files = new FaultyFiles();
  const adapter = adapterWith({
    path: `${folder}/data.json`,
    files,
    checkpoints: NEVER,
    lookEveryMs: 0,
  });
  await adapter.open();
  const before = files.done.length;
  await scenario(adapter);
  const done = files.done.slice(before);
  await adapter.close();
  await rm(folder, { recursive: true });
  return done;
})();
/** After the first journal and base were created, and before the checkpoint. */
const isOfCommits = (number: number) =>
  number > operations.indexOf('rename data.json.base.1.tmp') &&
  number < operations.indexOf('create data.json.journal.2');
const plain = (operation: string) => operation.replace(/lock-.*/, 'lock');

test('a disk without space to reserve still takes the commits that fit, and reserved space is cut off at the end', async (t) => {
  const { folder, path } = await freshFolder(t);
  const files = new FaultyFiles();
  const journal = `${path}.journal.1`;
  const adapter = await opened(t, { path, files, checkpoints: NEVER, room: { from: 0, step: 1_000 } });
  await adapter.commit(OLD);
  t.true((await stat(journal)).size > 1_000);
  await adapter.commit(NEW);
  t.true((await stat(journal)).size < 1_500, 'the second commit took the room of the first');
  // The first write of a long commit reserves space after it.
  let refused = 0;
  files.faultOf = (operation) => {
    if (refused > 0 || operation !== 'write data.json.journal.1') return undefined;
    refused += 1;
    return { code: 'ENOSPC', when: 'before' };
  };
  const value = 'x'.repeat(1_500);
  for (const key of ['one', 'two', 'three']) t.true((await adapter.commit(puts({ [key]: value }))).ok);
  t.is(refused, 1);
  const { entries } = adapter.list({ limit: 10 });

  // As after a kill: the space after the frames is not a torn record.
  const { folder: copy, path: copied } = await freshFolder(t);
  await cp(folder, copy, { recursive: true, filter: (name) => !name.includes('.lock-') });
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line));
  const restarted = await opened(t, { path: copied, checkpoints: NEVER, log });
  t.deepEqual(restarted.list({ limit: 10 }).entries, entries);
  t.true((await restarted.commit(LATER)).ok);
  await restarted.close();
  t.is(lines.length, 1);
  t.regex(lines[0]!, /Commits were recovered from the journal/);
  await adapter.close();
  for (const where of [folder, copy]) {
    const last = (await readdir(where)).filter((name) => name.includes('.journal.'));
    t.is(last.length, 1);
    t.true((await stat(`${where}/${last[0]}`)).size < 200, 'an empty journal has a header and no room');
  }
});

test('the order of a commit and of a checkpoint is that of FORMAT.md', (t) => {
  const order = operations.map(plain).filter((operation) => /^(create|sync|rename|unlink)/.test(operation));
  t.deepEqual(order, [
    // The first commit creates the journal and its base.
    'create data.json.journal.1',
    'sync data.json.journal.1',
    'syncFolder',
    'unlink data.json.base.1.tmp',
    'create data.json.base.1.tmp',
    'sync data.json.base.1.tmp',
    'rename data.json.base.1.tmp',
    'syncFolder',
    'sync data.json.journal.1',
    'sync data.json.journal.1',
    // The checkpoint.
    'create data.json.journal.2',
    'sync data.json.journal.2',
    'syncFolder',
    'unlink data.json.tmp',
    'create data.json.tmp',
    'sync data.json.tmp',
    'unlink data.json.base.2.tmp',
    'create data.json.base.2.tmp',
    'sync data.json.base.2.tmp',
    'rename data.json.base.2.tmp',
    'syncFolder',
    'rename data.json.tmp',
    'syncFolder',
    'unlink data.json.journal.1',
    'unlink data.json.base.1',
    'sync data.json.journal.2',
  ]);
});

/** A start finds all acknowledged commits, and of the unknown ones the first n, for any n. */
async function holds(
  t: ExecutionContext,
  adapter: JsonFileAdapter,
  outcomes: readonly string[],
): Promise<void> {
  const possible: string[] = [];
  for (let made = 0; made <= outcomes.length; made += 1) {
    const model = new NaiveModel();
    let unknown = 0;
    for (const [at, outcome] of outcomes.entries()) {
      if (outcome === 'STORAGE_OUTCOME_UNKNOWN') unknown += 1;
      if (outcome === 'ok' || (outcome === 'STORAGE_OUTCOME_UNKNOWN' && unknown <= made))
        model.commit(CHANGES[at]!);
    }
    possible.push(model.state());
  }
  const found = stateOf(await entriesOf(adapter), adapter.revision());
  t.true(possible.includes(found), `${found}\nis none of\n${possible.join('\n')}`);
}

for (const [number, operation] of operations.entries()) {
  for (const code of ['ENOSPC', 'EIO', 'EACCES', 'EMFILE']) {
    for (const when of ['before', 'after'] satisfies When[]) {
      test(`${code} ${when} ${number}: ${plain(operation)}`, async (t) => {
        const { folder, path } = await freshFolder(t);
        const files = new FaultyFiles();
        const adapter = adapterWith({ path, files, checkpoints: NEVER, lookEveryMs: 0 });
        await adapter.open();
        const start = files.done.length;
        files.faultOf = (_, at) => (at === start + number ? { code, when } : undefined);
        const outcomes = await scenario(adapter);
        t.is(plain(files.done[start + number] ?? ''), plain(operation));

        const model = new NaiveModel();
        for (const [at, outcome] of outcomes.entries()) if (outcome === 'ok') model.commit(CHANGES[at]!);
        t.is(
          stateOf(await entriesOf(adapter), adapter.revision()),
          model.state(),
          'reads return the acknowledged state',
        );
        const unknownAt = outcomes.indexOf('STORAGE_OUTCOME_UNKNOWN');
        if (unknownAt !== -1) {
          t.regex(operation, /^(write|sync) data\.json\.journal/);
          for (const later of outcomes.slice(unknownAt + 1))
            t.is(later, 'STORAGE_UNAVAILABLE', 'nothing more is written');
          t.is(adapter.fault?.code, 'STORAGE_OUTCOME_UNKNOWN');
          const done = files.done.length;
          t.is(await outcomeOf(() => adapter.commit(LATER)), 'STORAGE_UNAVAILABLE');
          await adapter.checkpoint().catch(() => {});
          t.is(files.done.length, done, 'the disk is not touched again');
        } else {
          t.true(
            outcomes.every((outcome) => outcome === 'ok' || UNCHANGED.includes(outcome)),
            outcomes.join(),
          );
          // A disk that fails is not used again until the store is reopened.
          const failed = outcomes.filter((outcome) => outcome !== 'ok').length;
          t.true(code === 'EIO' || failed <= 1, 'the next commit is made');
        }
        if (/^(write|sync) data\.json\.journal/.test(operation) && code !== 'ENOSPC' && isOfCommits(number)) {
          t.true(outcomes.includes('STORAGE_OUTCOME_UNKNOWN'), outcomes.join());
        }

        await adapter.close();
        const again = await opened(t, { path });
        await holds(t, again, outcomes);
        t.is(await outcomeOf(() => again.commit(puts({ last: 'one' }))), 'ok');
        await again.close();
        const left = (await readdir(folder))
          .filter((name) => !/\.torn-/.test(name))
          .map((name) => name.replace(/\d+$/, 'N'));
        t.deepEqual(left, ['data.json', 'data.json.base.N', 'data.json.journal.N'], 'nothing is left behind');
      });
    }
  }

  test(`killed at ${number}: ${plain(operation)}`, async (t) => {
    const { path } = await freshFolder(t);
    const files = new FaultyFiles();
    const adapter = adapterWith({ path, files, checkpoints: NEVER, lookEveryMs: 0 });
    await adapter.open();
    const start = files.done.length;
    // From this operation on everything fails, also cleaning up.
    files.faultOf = (_, at) => (at >= start + number ? { code: 'EKILLED', when: 'before' } : undefined);
    // If nothing can be cleaned up, only success says what is on disk.
    const outcomes = (await scenario(adapter)).map((outcome) =>
      outcome === 'ok' ? 'ok' : 'STORAGE_OUTCOME_UNKNOWN',
    );
    await adapter.close();
    files.faultOf = () => undefined;
    const again = await opened(t, { path });
    await holds(t, again, outcomes);
    t.is(await outcomeOf(() => again.commit(puts({ last: 'one' }))), 'ok');
  });
}

for (const room of [0, 1, 10, 30]) {
  test(`a disk with space for ${room} octets is STORAGE_FULL, and works again when there is space`, async (t) => {
    const { path } = await freshFolder(t);
    const files = new FaultyFiles();
    const adapter = await opened(t, { path, files });
    await adapter.commit(puts({ a: 'old' }));
    files.room = room;
    for (let tries = 0; tries < 2; tries += 1) {
      const outcomes = await Promise.all([
        outcomeOf(() => adapter.commit(puts({ b: 'x'.repeat(100) }))),
        outcomeOf(() => adapter.commit(puts({ c: 'x' }))),
      ]);
      t.deepEqual(outcomes, ['STORAGE_FULL', 'STORAGE_FULL']);
      t.deepEqual(await storedIn(path), [['a', 'old']]);
      t.deepEqual(await pairsOf(adapter), [['a', 'old']]);
      files.room = room;
    }
    files.room = Number.POSITIVE_INFINITY;
    t.is(
      await outcomeOf(() => adapter.commit({ checks: [{ key: 'b', revision: 0 }], ...puts({ b: 'x' }) })),
      'ok',
    );
    t.deepEqual(await storedIn(path), [
      ['a', 'old'],
      ['b', 'x'],
    ]);
  });
}

test('a long commit that has space only for its first pieces leaves nothing behind', async (t) => {
  const { path } = await freshFolder(t);
  const files = new FaultyFiles();
  const adapter = await opened(t, { path, files });
  await adapter.commit(puts({ a: 'old' }));
  const size = (await stat(`${path}.journal.1`)).size;
  files.room = 150_000;
  t.is(await outcomeOf(() => adapter.commit(puts({ b: 'x'.repeat(300_000), c: 'x' }))), 'STORAGE_FULL');
  t.is((await stat(`${path}.journal.1`)).size, size);
  files.room = Number.POSITIVE_INFINITY;
  t.is(await outcomeOf(() => adapter.commit(puts({ b: 'y'.repeat(300_000), c: 'y' }))), 'ok');
  t.deepEqual(await storedIn(path), [
    ['a', 'old'],
    ['b', 'y'.repeat(300_000)],
    ['c', 'y'],
  ]);
});

test('short writes are continued until all octets are written', async (t) => {
  const { path } = await freshFolder(t);
  const files = new FaultyFiles();
  files.mostAtOnce = 3;
  const adapter = await opened(t, { path, files });
  await adapter.commit(puts({ a: 'é'.repeat(50) }));
  t.deepEqual(await storedIn(path), [['a', 'é'.repeat(50)]]);
  await adapter.checkpoint();
  t.deepEqual(onDisk(path), [['a', 'é'.repeat(50)]]);
});

test('a commit that waited for a failed one is judged by the real state', async (t) => {
  const { path } = await freshFolder(t);
  const files = new FaultyFiles();
  const adapter = await opened(t, { path, files });
  await adapter.commit(puts({ a: '1' }));
  let behind: Promise<unknown> | undefined;
  files.faultOf = (operation) => {
    if (operation !== 'write data.json.journal.1' || behind !== undefined) return undefined;
    // While the first is in flight: creates the same key.
    behind = adapter.commit({ checks: [{ key: 'b', revision: 0 }], ...puts({ b: 'second' }) });
    return { code: 'ENOSPC', when: 'after' };
  };
  const failing = outcomeOf(() =>
    adapter.commit({ checks: [{ key: 'b', revision: 0 }], ...puts({ b: 'first' }) }),
  );
  t.is(await failing, 'STORAGE_FULL');
  t.like(await behind, { ok: true });
  t.is((await storedIn(path))[1]?.[1], 'second');
});

test('a conflict with a commit in flight is answered when that commit is durable', async (t) => {
  const { path } = await freshFolder(t);
  const files = new FaultyFiles();
  const adapter = await opened(t, { path, files });
  await adapter.commit(puts({ z: '1' }));
  const answers: string[] = [];
  let behind: Promise<unknown> | undefined;
  files.faultOf = (operation) => {
    if (operation === 'write data.json.journal.1') {
      behind ??= adapter
        .commit({ checks: [{ key: 'a', revision: 0 }], ...puts({ a: 'second' }) })
        .then((result) => answers.push(result.ok ? 'second stored' : 'conflict'));
    }
    if (operation === 'sync data.json.journal.1') answers.push('synced');
    return undefined;
  };
  await adapter.commit(puts({ a: 'first' })).then(() => answers.push('first stored'));
  await behind;
  t.deepEqual(answers, ['synced', 'first stored', 'conflict']);
});

test('commits succeed while a checkpoint is written', async (t) => {
  const { path } = await freshFolder(t);
  const files = new FaultyFiles();
  const adapter = await opened(t, { path, files, checkpoints: NEVER, lookEveryMs: 0 });
  await adapter.commit(puts({ a: '1' }));
  const order: string[] = [];
  let made: Promise<unknown> | undefined;
  const { create } = files;
  files.create = async (name) => {
    // The snapshot continues only when a commit was answered.
    if (name.endsWith('data.json.tmp')) {
      made = adapter.commit(puts({ b: '1' })).then(() => order.push('committed'));
      await made;
    }
    return create(name);
  };
  await adapter.checkpoint().then(() => order.push('merged'));
  t.deepEqual(order, ['committed', 'merged']);
  t.deepEqual(onDisk(path), [['a', '1']]);
  t.deepEqual(await storedIn(path), [
    ['a', '1'],
    ['b', '1'],
  ]);
});
