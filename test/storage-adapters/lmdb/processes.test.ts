import { execFileSync } from 'node:child_process';
import test from 'ava';
import { entriesOf, freshPath, opened, otherProcess, PROGRAM, put } from './helpers.js';

test('racing processes lose no step of a counter, and no two commits have the same revision', async (t) => {
  const path = await freshPath(t);
  const adapter = await opened(t, { path });
  const others = ['40', '40', '40'].map((times) => otherProcess(t, path, 'count', times));
  for (const other of others) while ((await other.line()) !== undefined);
  t.is(adapter.get('counter')?.value, '120');
  t.is(adapter.revision(), 120);
  t.is(entriesOf(adapter).length, 1);
});

test('processes that create the same new store at once share it', async (t) => {
  const path = await freshPath(t);
  const others = ['a', 'b', 'c', 'd'].map((key) => otherProcess(t, path, 'put', key, `of ${key}`));
  for (const other of others) {
    t.is(await other.line(), 'opened');
    t.is(await other.line(), 'done');
  }
  const entries = entriesOf(await opened(t, { path }));
  t.deepEqual(entries.map(({ key, value }) => `${key} ${value}`).toSorted(), [
    'a of a',
    'b of b',
    'c of c',
    'd of d',
  ]);
  t.deepEqual(
    entries.map(({ created }) => created),
    [1, 2, 3, 4],
  );
});

test('a commit acknowledged to another process is visible at once, even within one turn of the event loop', async (t) => {
  const path = await freshPath(t);
  const adapter = await opened(t, { path });
  await put(adapter, 'a', 'old');
  t.is(adapter.get('a')?.value, 'old');
  // This process stays in the same turn of the event loop: a snapshot of this turn would be too old.
  execFileSync(process.execPath, [PROGRAM, path, 'put', 'a', 'new']);
  t.is(adapter.get('a')?.value, 'new');
  execFileSync(process.execPath, [PROGRAM, path, 'put', 'b', 'new']);
  t.deepEqual(
    adapter.list({ limit: 10 }).entries.map(({ key }) => key),
    ['a', 'b'],
  );
  execFileSync(process.execPath, [PROGRAM, path, 'put', 'c', 'new']);
  t.is(adapter.revision(), 4);
});

test('a feed reports the commits of other processes', async (t) => {
  const path = await freshPath(t);
  const adapter = await opened(t, { path });
  const reader = adapter.watch(0)[Symbol.asyncIterator]();
  const waiting = reader.next();
  const other = otherProcess(t, path, 'put', 'a', '1');
  const { value } = await waiting;
  t.deepEqual(value, { revision: 1, puts: [adapter.get('a')], deletes: [] });
  await other.ended;
  await reader.return?.();
});

test('a process that dies with an open store neither locks it nor occupies its space', async (t) => {
  const path = await freshPath(t);
  const adapter = await opened(t, { path });
  for (let round = 0; round < 3; round += 1) {
    const other = otherProcess(t, path, 'write', `round ${round}`);
    t.is(await other.line(), 'opened');
    await other.line();
    other.kill('SIGKILL');
    await other.ended;
    t.true((await put(adapter, `after ${round}`, 'x')).ok);
  }
});
