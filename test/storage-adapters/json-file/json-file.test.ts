import { chmod, mkdir, readdir, readFile, readlink, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { createLog, silentLog } from '../../../core/log.js';
import { nodeFileSystem } from '../../../storage-adapters/json-file/file-system.js';
import jsonFile, { JsonFileAdapter } from '../../../storage-adapters/json-file/json-file.js';
import { freshFolder, onDisk, opened, outcomeOf, pairsOf, puts } from './helpers.js';

test('the file is the data, pretty-printed, in creation order, with nothing else in it', async (t) => {
  const { folder, path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  for (const key of ['10', '9', 'a']) await adapter.commit(puts({ [key]: `"${key}"` }));
  t.is(await readFile(path, 'utf8'), '{\n  "10": "\\"10\\"",\n  "9": "\\"9\\"",\n  "a": "\\"a\\""\n}\n');
  await adapter.commit({ deletes: ['10', '9', 'a'] });
  t.is(await readFile(path, 'utf8'), '{}\n');
  await adapter.close();
  t.deepEqual(await readdir(folder), ['data.json'], 'no lock, no temporary file');
});

test('a file written by hand is the data, in its order', async (t) => {
  const { path } = await freshFolder(t);
  await writeFile(path, '\ufeff{ "b": "1",\r\n "2": "x", "1": "y" }');
  const adapter = await opened(t, { path });
  t.deepEqual(await pairsOf(adapter), [
    ['b', '1'],
    ['2', 'x'],
    ['1', 'y'],
  ]);
});

test('a store without a file is empty, and reading makes no file', async (t) => {
  const { folder, path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  t.is(adapter.get('a'), undefined);
  await adapter.commit({ deletes: ['a'] });
  await adapter.close();
  t.deepEqual(await readdir(folder), []);
});

test('damaged data is refused with its place and stays as it is', async (t) => {
  const { folder, path } = await freshFolder(t);
  await writeFile(path, '{\n  "a": 1\n}');
  const error = await t.throwsAsync(() => new JsonFileAdapter({ path }).open(), { code: 'STORAGE_CORRUPT' });
  t.true(error?.message.includes(`${path}:2:8: `), error?.message);
  t.is(await readFile(path, 'utf8'), '{\n  "a": 1\n}');
  t.deepEqual(await readdir(folder), ['data.json'], 'the lock is released');
});

test('a folder in the place of the file is STORAGE_UNREADABLE', async (t) => {
  const { path } = await freshFolder(t);
  await mkdir(path);
  t.is(await outcomeOf(() => new JsonFileAdapter({ path }).open()), 'STORAGE_UNREADABLE');
});

test('a missing folder is STORAGE_UNREADABLE and is not made', async (t) => {
  const { folder } = await freshFolder(t);
  const path = join(folder, 'missing', 'data.json');
  const error = await t.throwsAsync(() => new JsonFileAdapter({ path }).open(), {
    code: 'STORAGE_UNREADABLE',
  });
  t.regex(error?.message ?? '', /missing.* does not exist\. Create it/);
  t.deepEqual(await readdir(folder), []);
});

test('a file in the place of the folder is STORAGE_UNREADABLE', async (t) => {
  const { path } = await freshFolder(t);
  await writeFile(path, '{}');
  t.is(
    await outcomeOf(() => new JsonFileAdapter({ path: join(path, 'data.json') }).open()),
    'STORAGE_UNREADABLE',
  );
});

test('a new file is for its owner alone; the mode of an existing one is kept', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await adapter.commit(puts({ a: '1' }));
  t.is((await stat(path)).mode & 0o777, 0o600);
  await chmod(path, 0o664);
  await adapter.commit(puts({ a: '2' }));
  t.is((await stat(path)).mode & 0o777, 0o664);
});

test('a symbolic link is written through, also one to a file that is still to be made', async (t) => {
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
  t.deepEqual(await readdir(join(folder, 'elsewhere')), ['more', 'real.json']);
});

test('a link in a circle is STORAGE_UNREADABLE', async (t) => {
  const { folder, path } = await freshFolder(t);
  await symlink('other', path);
  await symlink('data.json', join(folder, 'other'));
  t.is(await outcomeOf(() => new JsonFileAdapter({ path }).open()), 'STORAGE_UNREADABLE');
});

test('a leftover temporary file is ignored and replaced, also where it is a link', async (t) => {
  const { folder, path } = await freshFolder(t);
  await writeFile(path, '{"a": "1"}');
  await writeFile(join(folder, 'victim'), 'untouched');
  await symlink('victim', `${path}.tmp`);
  const adapter = await opened(t, { path });
  t.deepEqual(await pairsOf(adapter), [['a', '1']]);
  await adapter.commit(puts({ a: '2' }));
  t.deepEqual(onDisk(path), [['a', '2']]);
  t.is(await readFile(join(folder, 'victim'), 'utf8'), 'untouched');
});

test('an edit while the server runs is kept aside with a warning, and the server goes on', async (t) => {
  const { folder, path } = await freshFolder(t);
  const lines: string[] = [];
  const adapter = await opened(t, { path, log: createLog((line) => lines.push(line)) });
  await adapter.commit(puts({ a: '1' }));
  await adapter.commit(puts({ b: '1' }));
  t.deepEqual(lines, [], 'our own writes are no edits');
  await writeFile(path, '{"mine": "precious"}');
  await adapter.commit(puts({ b: '2' }));
  t.deepEqual(onDisk(path), [
    ['a', '1'],
    ['b', '2'],
  ]);
  const [kept] = (await readdir(folder)).filter((name) => name.startsWith('data.json.edited-'));
  t.is(await readFile(join(folder, kept ?? ''), 'utf8'), '{"mine": "precious"}');
  t.is(lines.length, 1);
  t.true(lines[0]?.includes('"level":"warn"') && lines[0].includes(kept ?? '?'), lines[0]);
  await adapter.commit(puts({ b: '3' }));
  t.is(lines.length, 1, 'said once');
});

test('a file that appears where there was none is kept aside too', async (t) => {
  const { folder, path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await writeFile(path, '{"mine": "precious"}');
  await adapter.commit(puts({ a: '1' }));
  t.deepEqual(onDisk(path), [['a', '1']]);
  t.is((await readdir(folder)).filter((name) => name.includes('.edited-')).length, 1);
});

test('commits of one moment share one write', async (t) => {
  const { path } = await freshFolder(t);
  let renames = 0;
  const files = {
    ...nodeFileSystem,
    rename: (from: string, to: string) => {
      if (to === path) renames += 1;
      return nodeFileSystem.rename(from, to);
    },
  };
  const adapter = await opened(t, { path, files });
  await Promise.all(Array.from({ length: 100 }, (_, n) => adapter.commit(puts({ [`key ${n}`]: 'x' }))));
  t.is(renames, 1);
  t.is(onDisk(path).length, 100);
});

test('closing makes and answers every commit that came before, and only then gives the lock back', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  const commits = [adapter.commit(puts({ a: '1' }))];
  await new Promise((resolve) => setImmediate(resolve));
  // The first is in flight, this one waits behind it.
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

test('a commit is read only once it is on disk', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await adapter.commit(puts({ a: '1' }));
  const commit = adapter.commit(puts({ a: '2' }));
  let reads = 0;
  let done = false;
  void commit.then(() => {
    done = true;
  });
  while (!done) {
    // Whatever is read stands in the file at that moment.
    const [[, value] = []] = onDisk(path);
    if (adapter.get('a')?.value === '2') t.is(value, '2');
    reads += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  t.true(reads > 0);
  t.is(adapter.get('a')?.value, '2');
});

test('the path of the options starts at the folder of the configuration', async (t) => {
  const { folder } = await freshFolder(t);
  const validated = await jsonFile.options?.['~standard'].validate({});
  t.deepEqual(validated, { value: { path: 'data.json' } });
  const adapter = jsonFile.create({ path: './mine.json' }, { folder, log: silentLog });
  await adapter.open();
  await adapter.commit(puts({ a: '1' }));
  await adapter.close();
  t.deepEqual(onDisk(join(folder, 'mine.json')), [['a', '1']]);
  for (const wrong of [{ path: '' }, { path: 5 }, { pth: 'x' }]) {
    t.truthy((await jsonFile.options?.['~standard'].validate(wrong))?.issues);
  }
});
