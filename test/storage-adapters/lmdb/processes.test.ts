import { execFileSync } from 'node:child_process';
import test from 'ava';
import { entriesOf, freshPath, opened, otherProcess, PROGRAM, put } from './helpers.js';

test('processes that race lose no step of a counter, and no two commits have one revision', async (t) => {
  const path = await freshPath(t);
  const adapter = await opened(t, { path });
  const others = ['40', '40', '40'].map((times) => otherProcess(t, path, 'count', times));
  for (const other of others) while ((await other.line()) !== undefined);
  t.is(adapter.get('counter')?.value, '120');
  t.is(adapter.revision(), 120);
  t.is(entriesOf(adapter).length, 1);
});

test('processes that create the same fresh store at once share it', async (t) => {
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

test('what another process acknowledged is read at once, also within one turn of the event loop', async (t) => {
  const path = await freshPath(t);
  const adapter = await opened(t, { path });
  await put(adapter, 'a', 'old');
  t.is(adapter.get('a')?.value, 'old');
  // Nothing of this process runs in between: a snapshot of this turn would still be the one of before.
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

test('a feed tells what another process commits', async (t) => {
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

test('a process that dies with the store open neither locks it nor keeps its room', async (t) => {
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
