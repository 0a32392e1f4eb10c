/** The operations that a place must allow: without them a store is refused at the start, not at the first change. */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { StorageError } from '../../../core/storage/contract.js';
import { adopt } from '../../../storage-adapters/json-file/operator.js';
import { MAIN, runToEnd } from '../../repository.js';
import { FaultyFiles } from './faulty-files.js';
import { freshFolder, opened, outcomeOf, pairsOf, puts } from './helpers.js';

/** Fails every operation whose text matches. */
function refusing(operation: RegExp, code: string): FaultyFiles {
  const files = new FaultyFiles();
  files.faultOf = (text) => (operation.test(text) ? { code, when: 'before' } : undefined);
  return files;
}

for (const [what, operation, code] of [
  ['write a file', /^write data\.json\.base\.0\.tmp/, 'EPERM'],
  ['sync a file', /^sync data\.json\.base\.0\.tmp/, 'EINVAL'],
  ['rename', /^rename data\.json\.base\.0\.tmp/, 'EPERM'],
  ['sync the folder', /^syncFolder/, 'ERR_ACCESS_DENIED'],
] as const) {
  test(`if it cannot ${what}, a store is refused when it opens, and leaves nothing behind`, async (t) => {
    const { folder, path } = await freshFolder(t);
    await writeFile(path, '{ "a": "1" }\n');
    const open = () => opened(t, { path, files: refusing(operation, code) });
    t.is(await outcomeOf(open), 'STORAGE_NOT_DURABLE');
    t.deepEqual(await readdir(folder), ['data.json']);
    t.is(await readFile(path, 'utf8'), '{ "a": "1" }\n');
  });
}

test('the error names the failed step, and the permission model if Node refused it', async (t) => {
  const { path } = await freshFolder(t);
  const open = (code: string) => opened(t, { path, files: refusing(/^sync /, code) });
  const { message } = (await t.throwsAsync(open('ERR_ACCESS_DENIED'), { instanceOf: StorageError }))!;
  t.regex(message, /it cannot sync a file: .*Start Node without --permission/);
  t.regex((await t.throwsAsync(open('EINVAL')))!.message, /Choose a path on a local disk/);
});

test('a data file that cannot be hard-linked, such as one that is mounted by itself, is refused', async (t) => {
  const { folder, path } = await freshFolder(t);
  await writeFile(path, '{}\n');
  const error = await t.throwsAsync(opened(t, { path, files: refusing(/^link data\.json$/, 'EXDEV') }), {
    instanceOf: StorageError,
  });
  t.is(error?.code, 'STORAGE_NOT_DURABLE');
  t.regex(error?.message ?? '', /mounted as a single file.* Mount its folder instead/);
  t.deepEqual(await readdir(folder), ['data.json']);
});

test('a file system without hard links is accepted', async (t) => {
  const { path } = await freshFolder(t);
  await writeFile(path, '{ "a": "1" }\n');
  const adapter = await opened(t, { path, files: refusing(/^link data\.json$/, 'EPERM') });
  await adapter.commit(puts({ b: '2' }));
  t.deepEqual(await pairsOf(adapter), [
    ['a', '1'],
    ['b', '2'],
  ]);
});

test('a full disk is accepted: the store can be read', async (t) => {
  const { path } = await freshFolder(t);
  const before = await opened(t, { path });
  await before.commit(puts({ a: '1' }));
  await before.close();
  const adapter = await opened(t, { path, files: refusing(/^write /, 'ENOSPC') });
  t.deepEqual(await pairsOf(adapter), [['a', '1']]);
  t.is(await outcomeOf(() => adapter.commit(puts({ b: '2' }))), 'STORAGE_FULL');
});

test('leftovers of a process that was killed during the check are removed', async (t) => {
  const { folder, path } = await freshFolder(t);
  for (const name of ['data.json.tmp', 'data.json.base.0.tmp']) await writeFile(join(folder, name), '\n');
  const adapter = await opened(t, { path });
  t.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith('.tmp')),
    [],
  );
  await adapter.close();
});

test('a repair is refused too, before it moves anything', async (t) => {
  const { folder, path } = await freshFolder(t);
  await writeFile(path, '{}\n');
  const repair = () => adopt(path, { files: refusing(/^syncFolder/, 'EINVAL') });
  t.is(await outcomeOf(repair), 'STORAGE_NOT_DURABLE');
  t.deepEqual(await readdir(folder), ['data.json']);
});

function canMount(): boolean {
  try {
    execFileSync('unshare', ['-m', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

if (!canMount()) console.log('Skipped: a data file mounted by itself, because nothing can be mounted here.');
else {
  test('the command refuses a data file that is mounted by itself, and serves one in a mounted folder', async (t) => {
    const { folder } = await freshFolder(t);
    for (const name of ['host', 'app']) await mkdir(join(folder, name));
    await writeFile(join(folder, 'host/data.json'), '{}\n');
    await writeFile(join(folder, 'app/data.json'), '');
    const config = (path: string) => JSON.stringify({ storage: { adapter: 'json-file', options: { path } } });
    await writeFile(join(folder, 'app/jackfield.config.json'), config('data.json'));
    await writeFile(join(folder, 'app/folder.json'), config('data/data.json'));
    await mkdir(join(folder, 'app/data'));
    // In a mount namespace that ends with the shell.
    const check = (bind: string, file: string) =>
      runToEnd(
        'unshare',
        [
          '-m',
          'sh',
          '-c',
          `mount --bind ${bind} && exec "$0" "$@"`,
          process.execPath,
          MAIN,
          'check',
          '--config',
          file,
        ],
        {
          cwd: join(folder, 'app'),
        },
      );
    const single = await check('../host/data.json data.json', 'jackfield.config.json');
    t.is(single.code, 1);
    t.regex(single.stderr, /mounted as a single file.*\[STORAGE_NOT_DURABLE\]/);
    t.is(await readFile(join(folder, 'host/data.json'), 'utf8'), '{}\n');
    const whole = await check('../host data', 'folder.json');
    t.is(whole.code, 0, whole.stderr);
  });
}
