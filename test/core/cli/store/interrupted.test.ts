import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { LmdbAdapter } from '../../../../storage-adapters/lmdb/lmdb.js';
import { MAIN } from '../../../repository.js';
import { tempFolder } from '../../temp-folder.js';
import { committed, configOf, entriesOf, pairsOf, store, succeeded, within } from './stores.js';

test('a migration that is killed midway leaves the beginning of its source and can be continued', async (t) => {
  const folder = await tempFolder(t);
  const puts = Array.from({ length: 30_000 }, (_, n) => ({ key: `key ${n}`, value: `value ${n}` }));
  await committed(folder, 'lmdb:from', { puts });
  const args = ['migrate', '--from', 'lmdb:from', '--to', 'lmdb:to'];
  const watched = new LmdbAdapter({ path: join(folder, 'to') });
  await watched.open();
  const child = spawn(process.execPath, [MAIN, 'store', ...args], { cwd: folder, stdio: 'ignore' });
  const ended = once(child, 'close');
  const reader = watched.watch(0)[Symbol.asyncIterator]();
  await reader.next();
  child.kill('SIGKILL');
  await ended;
  await reader.return?.();
  await watched.close();

  const half = await pairsOf(folder, 'lmdb:to');
  t.true(half.length > 0);
  t.deepEqual(
    half,
    puts.slice(0, half.length).map(({ key, value }) => [key, value]),
  );
  t.regex((await store(folder, ...args)).stderr, /\[STORE_NOT_EMPTY\]\n$/);
  const { stdout, ...run } = await store(folder, ...args, '--resume', '--json');
  succeeded(t, { stdout, ...run });
  t.like(JSON.parse(stdout), { entries: 30_000, resumed: half.length });
  const pairs = (await entriesOf(folder, 'lmdb:to')).map(({ key, value }) => ({ key, value }));
  t.deepEqual(pairs, puts);
});

test('an export goes through a pipe into an import, even if it is read slowly', async (t) => {
  const folder = await tempFolder(t, { 'from.json': configOf('lmdb:from'), 'to.json': configOf('lmdb:to') });
  const puts = Array.from({ length: 2_000 }, (_, n) => ({ key: `key ${n}`, value: 'x'.repeat(1_000) }));
  await committed(folder, 'lmdb:from', { puts });
  const piped = (argv: string[]) => spawn(process.execPath, [MAIN, 'store', ...argv], { cwd: folder });
  const source = piped(['export', '-', '--config', 'from.json']);
  const target = piped(['import', '-', '--config', 'to.json']);
  source.stdout.pipe(target.stdin);
  const [[from], [to]] = await Promise.all([once(source, 'close'), once(target, 'close')]);
  t.deepEqual([from, to], [0, 0]);
  const pairs = (await entriesOf(folder, 'lmdb:to')).map(({ key, value }) => ({ key, value }));
  t.true(JSON.stringify(pairs) === JSON.stringify(puts));
});

test('an export ends if its reader closes the pipe', async (t) => {
  const folder = await tempFolder(t, { 'jackfield.config.json': configOf('lmdb:from') });
  const puts = Array.from({ length: 5_000 }, (_, n) => ({ key: `key ${n}`, value: 'x'.repeat(1_000) }));
  await committed(folder, 'lmdb:from', { puts });
  const source = spawn(process.execPath, [MAIN, 'store', 'export', '-'], { cwd: folder });
  let stderr = '';
  source.stderr.on('data', (text) => {
    stderr += text;
  });
  await once(source.stdout, 'data');
  source.stdout.destroy();
  const [code] = await once(source, 'close');
  t.is(code, 1);
  t.is(
    stderr,
    'jackfield: Stopped before the end. The reader of stdout has closed the pipe. [INTERRUPTED]\n',
  );
});

const FULL = '/dev/full';

if (!existsSync(FULL)) console.log(`Skipped: a full stdout, because ${FULL} does not exist.`);
else {
  test('a full disk behind stdout is reported as an error', async (t) => {
    const folder = await tempFolder(t, { 'jackfield.config.json': configOf('lmdb:store') });
    await committed(folder, 'lmdb:store', { puts: [{ key: 'a', value: '1' }] });
    const full = await open(FULL, 'w');
    t.teardown(() => full.close());
    const sentences: Record<string, RegExp> = {
      export: /^jackfield: The export cannot be read or written: there is no space left for stdout\. \[/,
      stats: /^jackfield: the output could not be written completely to stdout: ENOSPC/,
    };
    for (const [name, expected] of Object.entries(sentences)) {
      const words = ['store', name, ...(name === 'export' ? ['-'] : [])];
      const child = spawn(process.execPath, [MAIN, ...words], {
        cwd: folder,
        stdio: ['ignore', full.fd, 'pipe'],
      });
      let stderr = '';
      child.stderr?.on('data', (text) => {
        stderr += text;
      });
      const [code] = await once(child, 'close');
      t.is(code, 1);
      t.regex(stderr, expected);
    }
  });
}

test('a store larger than the heap is exported, imported and migrated', async (t) => {
  const folder = await tempFolder(t, { 'from.json': configOf('lmdb:from'), 'to.json': configOf('lmdb:to') });
  const value = 'x'.repeat(1_000_000);
  await within(folder, 'lmdb:from', async (door) => {
    for (let n = 0; n < 80; n += 1) await door.commit({ puts: [{ key: `key ${n}`, value }] });
  });
  for (const argv of [
    ['export', 'all.ndjson', '--config', 'from.json'],
    ['import', 'all.ndjson', '--config', 'to.json'],
    ['migrate', '--from', 'lmdb:from', '--to', 'lmdb:copy'],
    ['verify', '--config', 'to.json'],
  ]) {
    const child = spawn(process.execPath, ['--max-old-space-size=40', MAIN, 'store', ...argv], {
      cwd: folder,
      stdio: 'ignore',
    });
    t.deepEqual(await once(child, 'close'), [0, null], argv[0]);
  }
});
