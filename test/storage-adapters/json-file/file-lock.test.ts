import { mkdir, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { elsewhere } from '../../../storage-adapters/json-file/file-lock.js';
import { nodeFileSystem } from '../../../storage-adapters/json-file/file-system.js';
import { JsonFileAdapter } from '../../../storage-adapters/json-file/json-file.js';
import { adapterWith, freshFolder, opened, otherProcess, outcomeOf, puts, storedIn } from './helpers.js';

const open = (path: string) => new JsonFileAdapter({ path }).open();

test('a file that another process has open is refused with its id, and free as soon as that process is killed', async (t) => {
  const { folder, path } = await freshFolder(t);
  const other = otherProcess(t, path);
  t.is(await other.line(), 'opened');
  const error = await t.throwsAsync(() => open(path), { code: 'STORAGE_LOCKED' });
  t.true(error?.message.includes(`process ${other.pid}`), error?.message);
  other.kill('SIGKILL');
  await other.ended;
  t.is((await readdir(folder)).length, 1, 'the dead lock is still there');
  const adapter = await opened(t, { path });
  await adapter.commit(puts({ a: '1' }));
  await adapter.close();
  t.deepEqual(
    (await readdir(folder)).filter((name) => name.includes('lock')),
    [],
  );
});

test('a stopped process keeps its file', async (t) => {
  const { path } = await freshFolder(t);
  const other = otherProcess(t, path);
  await other.line();
  other.kill('SIGSTOP');
  await t.throwsAsync(() => open(path), { code: 'STORAGE_LOCKED' });
});

test('two adapters of one process exclude each other', async (t) => {
  const { path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  const error = await t.throwsAsync(() => open(path), { code: 'STORAGE_LOCKED' });
  t.regex(error?.message ?? '', /this process/);
  await adapter.commit(puts({ a: '1' }));
  await adapter.close();
  await opened(t, { path });
});

test('of many processes that open a file with a dead lock at once, exactly one gets it', async (t) => {
  const { path } = await freshFolder(t);
  for (let round = 0; round < 5; round += 1) {
    const dead = otherProcess(t, path);
    await dead.line();
    dead.kill('SIGKILL');
    await dead.ended;
    const here = Array.from({ length: 12 }, () => new JsonFileAdapter({ path }));
    const there = Array.from({ length: 3 }, () => otherProcess(t, path));
    const outcomes = await Promise.all([
      ...here.map((adapter) => outcomeOf(() => adapter.open())),
      ...there.map(async (other) => ((await other.line()) === 'opened' ? 'ok' : 'STORAGE_LOCKED')),
    ]);
    t.is(outcomes.filter((outcome) => outcome === 'ok').length, 1, outcomes.join(' '));
    t.is(outcomes.filter((outcome) => outcome === 'STORAGE_LOCKED').length, outcomes.length - 1);
    for (const [at, adapter] of here.entries()) if (outcomes[at] === 'ok') await adapter.close();
    for (const other of there) {
      other.kill('SIGKILL');
      await other.ended;
    }
  }
});

test('a store that lost its lock writes nothing more', async (t) => {
  const { folder, path } = await freshFolder(t);
  const adapter = await opened(t, { path });
  await adapter.commit(puts({ a: '1' }));
  const [lock] = (await readdir(folder)).filter((name) => name.includes('.lock-'));
  await unlink(join(folder, lock ?? ''));
  t.is(await outcomeOf(() => adapter.commit(puts({ a: '2' }))), 'STORAGE_LOCKED');
  const second = await opened(t, { path });
  await second.commit(puts({ a: '3' }));
  t.is(await outcomeOf(() => adapter.commit(puts({ a: '4' }))), 'STORAGE_LOCKED');
  await adapter.close();
  t.deepEqual(await storedIn(path), [['a', '3']]);
  t.is(
    await outcomeOf(() => open(path)),
    'STORAGE_LOCKED',
    'closing the first did not remove the lock of the second',
  );
});

test('a file that only has the name of a lock is ignored', async (t) => {
  const { path } = await freshFolder(t);
  for (const name of [`${path}.lock`, `${path}.lock-00000000`, `${path}.lock-x`])
    await writeFile(name, 'mine');
  await opened(t, { path });
  t.is(await readFile(`${path}.lock-00000000`, 'utf8'), 'mine');
});

test('if the path is too long for a socket, the lock is in the folder for temporary files', async (t) => {
  const { folder } = await freshFolder(t);
  const deep = join(folder, 'd'.repeat(120));
  await mkdir(deep);
  const path = join(deep, 'data.json');
  const adapter = await opened(t, { path });
  const locks = async () =>
    (await readdir(tmpdir())).filter((name) => name.startsWith(elsewhere(path).prefix));
  t.is((await locks()).length, 1);
  t.is(await outcomeOf(() => open(path)), 'STORAGE_LOCKED');
  await adapter.commit(puts({ a: '1' }));
  await adapter.close();
  t.deepEqual(await locks(), []);
  t.false((await readdir(deep)).some((name) => name.includes('lock')));
});

test('an adapter that was never closed does not keep the process alive', async (t) => {
  const { path } = await freshFolder(t);
  const other = otherProcess(t, path, 'leave');
  t.is(await other.line(), 'opened');
  t.is(await other.line(), undefined);
  await other.ended;
  await opened(t, { path });
});

test('in a read-only folder a reader may open the data, unless another process has it', async (t) => {
  const { path } = await freshFolder(t);
  await writeFile(path, '{"a": "1"}');
  const files = {
    ...nodeFileSystem,
    rename: () => Promise.reject(Object.assign(new Error('read-only file system'), { code: 'EROFS' })),
  };
  const reader = adapterWith({ path, files, readOnly: true });
  await reader.open();
  t.is(reader.get('a')?.value, '1');
  t.is(await outcomeOf(() => reader.commit(puts({ a: '2' }))), 'STORAGE_UNAVAILABLE');
  await reader.close();
  t.is(await outcomeOf(() => adapterWith({ path, files }).open()), 'STORAGE_UNREADABLE');
  await opened(t, { path });
  t.is(await outcomeOf(() => adapterWith({ path, files, readOnly: true }).open()), 'STORAGE_LOCKED');
});
