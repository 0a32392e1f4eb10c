import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { createLog, silentLog } from '../../../core/log.js';
import jsonFile, { JsonFileAdapter } from '../../../storage-adapters/json-file/json-file.js';
import { FaultyFiles } from './faulty-files.js';
import { entriesOf, freshFolder, onDisk, opened, outcomeOf, pairsOf, puts, storedIn } from './helpers.js';

test('the file contains only the data, pretty-printed, in creation order', async (t) => {
  const { folder, path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  for (const key of ['10', '9', 'a']) await adapter.commit(puts({ [key]: `"${key}"` }));
  await adapter.checkpoint();
  t.is(await readFile(path, 'utf8'), '{\n  "10": "\\"10\\"",\n  "9": "\\"9\\"",\n  "a": "\\"a\\""\n}\n');
  await adapter.commit({ deletes: ['10', '9', 'a'] });
  await adapter.close();
  t.is(await readFile(path, 'utf8'), '{}\n');
  t.deepEqual(
    (await readdir(folder)).map((name) => name.replace(/\d+$/, 'N')),
    ['data.json', 'data.json.base.N', 'data.json.journal.N'],
    'no lock, no temporary file',
  );
});

test('a file written by hand is read, in its order', async (t) => {
  const { path } = await freshFolder(t);
  await writeFile(path, '\ufeff{ "b": "1",\r\n "2": "x", "1": "y" }');
  const adapter = await opened(t, { path });
  t.deepEqual(await pairsOf(adapter), [
    ['b', '1'],
    ['2', 'x'],
    ['1', 'y'],
  ]);
});

test('a store without a file is empty, and reading creates no file', async (t) => {
  const { folder, path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  t.is(adapter.get('a'), undefined);
  t.like(await adapter.commit({ checks: [{ key: 'a', revision: 1 }], deletes: ['a'] }), { ok: false });
  await adapter.close();
  t.deepEqual(await readdir(folder), []);
});

test('damaged data is refused with its place and unchanged', async (t) => {
  const { folder, path } = await freshFolder(t);
  await writeFile(path, '{\n  "a": 1\n}');
  const error = await t.throwsAsync(() => new JsonFileAdapter({ path }).open(), { code: 'STORAGE_CORRUPT' });
  t.true(error?.message.includes(`${path}:2:8: `), error?.message);
  t.is(await readFile(path, 'utf8'), '{\n  "a": 1\n}');
  t.deepEqual(await readdir(folder), ['data.json'], 'the lock is released');
});

test('a folder in place of the file is STORAGE_UNREADABLE', async (t) => {
  const { path } = await freshFolder(t);
  await mkdir(path);
  t.is(await outcomeOf(() => new JsonFileAdapter({ path }).open()), 'STORAGE_UNREADABLE');
});

test('a missing folder is STORAGE_UNREADABLE and is not created', async (t) => {
  const { folder } = await freshFolder(t);
  const path = join(folder, 'missing', 'data.json');
  const error = await t.throwsAsync(() => new JsonFileAdapter({ path }).open(), {
    code: 'STORAGE_UNREADABLE',
  });
  t.regex(error?.message ?? '', /missing.* does not exist\. Create it/);
  t.deepEqual(await readdir(folder), []);
});

test('a file in place of the folder is STORAGE_UNREADABLE', async (t) => {
  const { path } = await freshFolder(t);
  await writeFile(path, '{}');
  t.is(
    await outcomeOf(() => new JsonFileAdapter({ path: join(path, 'data.json') }).open()),
    'STORAGE_UNREADABLE',
  );
});

test('only the owner can read a new file; the mode of an existing one is kept', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await adapter.commit(puts({ a: '1' }));
  await adapter.checkpoint();
  const files = await readdir(dirname(path));
  t.true(files.length >= 3);
  for (const name of files) {
    if (!name.includes('.lock-')) t.is((await stat(join(dirname(path), name))).mode & 0o777, 0o600, name);
  }
  await chmod(path, 0o664);
  await adapter.commit(puts({ a: '2' }));
  await adapter.checkpoint();
  t.is((await stat(path)).mode & 0o777, 0o664);
});

test('a symbolic link is followed, also one to a missing file', async (t) => {
  const { folder, path } = await freshFolder(t);
  await mkdir(join(folder, 'elsewhere'));
  await symlink('elsewhere/more', path);
  await symlink('real.json', join(folder, 'elsewhere', 'more'));
  const real = join(folder, 'elsewhere', 'real.json');
  for (const value of ['1', '2']) {
    const adapter = await opened(t, { path });
    await adapter.commit(puts({ a: value }));
    t.is(
      await outcomeOf(() => new JsonFileAdapter({ path: real }).open()),
      'STORAGE_LOCKED',
      'one lock for both',
    );
    await adapter.close();
    t.deepEqual(onDisk(real), [['a', value]]);
  }
  t.is(await readlink(path), 'elsewhere/more');
  t.deepEqual(
    (await readdir(join(folder, 'elsewhere'))).map((name) => name.replace(/\d+$/, 'N')),
    ['more', 'real.json', 'real.json.base.N', 'real.json.journal.N'],
  );
});

test('a link in a circle is STORAGE_UNREADABLE', async (t) => {
  const { folder, path } = await freshFolder(t);
  await symlink('other', path);
  await symlink('data.json', join(folder, 'other'));
  t.is(await outcomeOf(() => new JsonFileAdapter({ path }).open()), 'STORAGE_UNREADABLE');
});

test('a leftover temporary file is ignored and replaced, even if it is a link', async (t) => {
  const { folder, path } = await freshFolder(t);
  await writeFile(path, '{"a": "1"}');
  await writeFile(join(folder, 'victim'), 'untouched');
  await symlink('victim', `${path}.tmp`);
  const adapter = await opened(t, { path });
  t.deepEqual(await pairsOf(adapter), [['a', '1']]);
  await adapter.commit(puts({ a: '2' }));
  await adapter.checkpoint();
  t.deepEqual(onDisk(path), [['a', '2']]);
  t.is(await readFile(join(folder, 'victim'), 'utf8'), 'untouched');
});

test('an edit while the server runs is copied with a warning, and the server continues', async (t) => {
  const { folder, path } = await freshFolder(t);
  const lines: string[] = [];
  const adapter = await opened(t, { path, log: createLog((line) => lines.push(line)) });
  await adapter.commit(puts({ a: '1' }));
  await adapter.checkpoint();
  await adapter.commit(puts({ b: '1' }));
  await adapter.checkpoint();
  const now = new Date();
  await utimes(path, now, now);
  await adapter.commit(puts({ b: '1' }));
  await adapter.checkpoint();
  t.deepEqual(lines, [], 'our own writes are no edits, nor is a file that was only touched');
  await writeFile(path, '{"mine": "precious"}');
  await adapter.commit(puts({ b: '2' }));
  await adapter.checkpoint();
  t.deepEqual(onDisk(path), [
    ['a', '1'],
    ['b', '2'],
  ]);
  const [kept] = (await readdir(folder)).filter((name) => name.startsWith('data.json.edited-'));
  t.is(await readFile(join(folder, kept ?? ''), 'utf8'), '{"mine": "precious"}');
  t.is(lines.length, 1);
  t.true(lines[0]?.includes('"level":"warn"') && lines[0].includes(kept ?? '?'), lines[0]);
  await adapter.commit(puts({ b: '3' }));
  await adapter.checkpoint();
  t.is(lines.length, 1, 'said once');
});

test('a file that appears where there was none is copied too', async (t) => {
  const { folder, path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await writeFile(path, '{"mine": "precious"}');
  await adapter.commit(puts({ a: '1' }));
  await adapter.checkpoint();
  t.deepEqual(onDisk(path), [['a', '1']]);
  t.is((await readdir(folder)).filter((name) => name.includes('.edited-')).length, 1);
});

test('concurrent commits share one write and one sync', async (t) => {
  const { path } = await freshFolder(t);
  const files = new FaultyFiles();
  const adapter = await opened(t, { path, files });
  await adapter.commit(puts({ first: 'x' }));
  const before = files.done.length;
  await Promise.all(Array.from({ length: 100 }, (_, n) => adapter.commit(puts({ [`key ${n}`]: 'x' }))));
  t.deepEqual(
    files.done.slice(before).filter((operation) => !operation.startsWith('stat')),
    ['write data.json.journal.1', 'sync data.json.journal.1'],
  );
  t.is((await storedIn(path)).length, 101);
});

test('close completes and answers all earlier commits before it releases the lock', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  const commits = [adapter.commit(puts({ a: '1' }))];
  await new Promise((resolve) => setImmediate(resolve));
  // The first is in flight, this one waits.
  commits.push(adapter.commit(puts({ b: '1' })));
  const closing = adapter.close();
  t.is(await outcomeOf(() => adapter.commit(puts({ c: '1' }))), 'STORAGE_CLOSED');
  t.is(await outcomeOf(() => new JsonFileAdapter({ path }).open()), 'STORAGE_LOCKED');
  for (const result of await Promise.all(commits)) t.true(result.ok);
  await closing;
  t.deepEqual(onDisk(path), [
    ['a', '1'],
    ['b', '1'],
  ]);
});

test('a commit is visible only when it is on disk', async (t) => {
  const { path } = await freshFolder(t);
  const files = new FaultyFiles();
  const adapter = await opened(t, { path, files });
  await adapter.commit(puts({ a: '1' }));
  const seen: string[] = [];
  files.faultOf = (operation) => {
    // Checked right before the operation.
    if (/^(write|sync) .*journal/.test(operation)) seen.push(`${operation}: ${adapter.get('a')?.value}`);
    return undefined;
  };
  await adapter.commit(puts({ a: '2' }));
  t.deepEqual(seen, ['write data.json.journal.1: 1', 'sync data.json.journal.1: 1']);
  t.is(adapter.get('a')?.value, '2');
});

test('created and revision continue after a restart, clean or not', async (t) => {
  const { folder, path } = await freshFolder(t);
  const adapter = new JsonFileAdapter({ path });
  await adapter.open();
  for (const key of ['a', 'b', 'c', '10', '9']) await adapter.commit(puts({ [key]: 'x' }));
  await adapter.commit({ ...puts({ b: 'y', d: 'z' }), deletes: ['a'] });
  await adapter.checkpoint();
  await adapter.commit(puts({ c: 'y', a: 'again' }));
  await adapter.commit({ deletes: ['never there'] });
  const entries = await entriesOf(adapter);
  const revision = adapter.revision();
  t.is(revision, 8);
  // As after a kill.
  await mkdir(join(folder, 'killed'));
  for (const name of await readdir(folder)) {
    if (/\.json$|\.(base|journal)\.\d+$/.test(name))
      await copyFile(join(folder, name), join(folder, 'killed', name));
  }
  await adapter.close();
  for (const again of [path, join(folder, 'killed', 'data.json')]) {
    const reopened = await opened(t, { path: again });
    t.deepEqual(await entriesOf(reopened), entries);
    t.is(reopened.revision(), revision);
    t.like(await reopened.commit(puts({ new: '1' })), { revision: 9 });
    t.is(reopened.get('new')?.created, 8);
  }
});

test('entries of a file edited while the server was stopped get new revisions and places', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = new JsonFileAdapter({ path });
  await adapter.open();
  for (const key of ['a', 'b']) await adapter.commit(puts({ [key]: 'x' }));
  await adapter.commit({ deletes: ['b'] });
  await adapter.close();
  await writeFile(path, '{"b": "mine", "a": "x"}');
  const lines: string[] = [];
  const again = await opened(t, { path, log: createLog((line) => lines.push(line)) });
  t.deepEqual(await entriesOf(again), [
    { key: 'b', value: 'mine', created: 3, revision: 4 },
    { key: 'a', value: 'x', created: 4, revision: 4 },
  ]);
  t.true(lines.some((line) => line.includes('edited while the server was stopped')));
  await again.close();
  const third = await opened(t, { path });
  t.is(third.get('a')?.revision, 4, 'and keep them');
});

test('after a kill, readers of the feed get the changes in the journal, and an error for older ones', async (t) => {
  const { folder, path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await adapter.commit(puts({ a: '1' }));
  await adapter.checkpoint();
  await adapter.commit(puts({ b: '1' }));
  await adapter.commit({ deletes: ['a'] });
  const copy = join(folder, 'copy');
  await mkdir(copy);
  for (const name of await readdir(folder)) {
    if (/\.json$|\.(base|journal)\.\d+$/.test(name)) await copyFile(join(folder, name), join(copy, name));
  }
  const again = await opened(t, { path: join(copy, 'data.json') });
  const changes = again.watch(1)[Symbol.asyncIterator]();
  t.deepEqual((await changes.next()).value, {
    revision: 2,
    puts: [{ key: 'b', value: '1', created: 2, revision: 2 }],
    deletes: [],
  });
  t.deepEqual((await changes.next()).value, { revision: 3, puts: [], deletes: ['a'] });
  await t.throwsAsync(async () => again.watch(0)[Symbol.asyncIterator]().next(), {
    code: 'STORAGE_HISTORY_GONE',
  });
});

test('an option bounds the history of the feed', async (t) => {
  const { path } = await freshFolder(t);
  for (let starts = 0; starts < 2; starts += 1) {
    const adapter = await opened(t, { path, historyChanges: 2 });
    const before = adapter.revision();
    for (const value of ['1', '2', '3']) await adapter.commit(puts({ a: value }));
    const first = (after: number) => adapter.watch(after)[Symbol.asyncIterator]().next();
    await t.throwsAsync(first(before), { code: 'STORAGE_HISTORY_GONE' });
    t.like((await first(before + 1)).value, { revision: before + 2 });
    await adapter.close();
  }
});

test('the journal is merged into the file when it is larger than the file, and after a pause without writes', async (t) => {
  const { path } = await freshFolder(t);
  for (const checkpoints of [
    { minOctets: 1_000, idleMs: 1_000_000_000 },
    { minOctets: 1_000_000_000, idleMs: 1 },
  ]) {
    let merged: () => void = () => {};
    const done = new Promise<void>((resolve) => {
      merged = resolve;
    });
    const files = new FaultyFiles();
    files.faultOf = (operation) => {
      if (operation === 'rename data.json.tmp') merged();
      return undefined;
    };
    const adapter = await opened(t, { path, files, checkpoints });
    await Promise.all([
      done,
      ...Array.from({ length: 100 }, (_, n) => adapter.commit(puts({ [`key ${n}`]: 'x' }))),
    ]);
    await adapter.close();
    t.is(onDisk(path).length, 100);
  }
});

test('the path in the options is relative to the folder of the configuration', async (t) => {
  const { folder } = await freshFolder(t);
  const validated = await jsonFile.options?.['~standard'].validate({});
  t.like(validated, { value: { path: 'data.json' } });
  const adapter = jsonFile.create({ path: './mine.json' }, { folder, log: silentLog });
  await adapter.open();
  await adapter.commit(puts({ a: '1' }));
  await adapter.close();
  t.deepEqual(onDisk(join(folder, 'mine.json')), [['a', '1']]);
  for (const wrong of [{ path: '' }, { path: 5 }, { pth: 'x' }]) {
    t.truthy((await jsonFile.options?.['~standard'].validate(wrong))?.issues);
  }
});
