/** Unplanned use of the commands: pipes, links, the same store twice, kills, Ctrl-C. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as pause } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { StorageConfig } from '../../../../core/config/server-config.js';
import { silentLog } from '../../../../core/log.js';
import { openStorage } from '../../../../core/storage/open-storage.js';
import { MAIN } from '../../../repository.js';
import { freshNamespace, withPostgres, withRedis } from '../../../support/server-test.js';
import { tempFolder } from '../../temp-folder.js';
import { committed, configOf, pairsOf, store, succeeded } from './stores.js';

const SMALL = {
  puts: [
    { key: 'a', value: '1' },
    { key: 'b\n', value: '2' },
  ],
};
const SMALL_PAIRS = SMALL.puts.map(({ key, value }) => [key, value]);

function command(t: ExecutionContext, folder: string, ...argv: string[]) {
  const child = spawn(process.execPath, [MAIN, 'store', ...argv], { cwd: folder });
  t.teardown(() => child.kill('SIGKILL'));
  const [stdout, stderr] = [text(child.stdout), text(child.stderr)];
  const ended = once(child, 'close').then(async ([code]) => ({
    code,
    stdout: await stdout,
    stderr: await stderr,
  }));
  return { child, ended };
}

test('a store is not copied into itself, whatever path names it', async (t) => {
  const folder = await tempFolder(t, { 'from.json': configOf('json-file:data.json') });
  await committed(folder, 'json-file:data.json', SMALL);
  await committed(folder, 'lmdb:data.lmdb', SMALL);
  await symlink('data.json', join(folder, 'link.json'));
  for (const [from, to] of [
    ['json-file:data.json', 'json-file:data.json'],
    ['json-file:data.json', 'json-file:link.json'],
    ['from.json', 'json-file:./data.json'],
    ['lmdb:data.lmdb', 'lmdb:./data.lmdb/../data.lmdb'],
  ] as const) {
    for (const flag of [[], ['--merge'], ['--resume']]) {
      const { code, stderr, stdout } = await store(folder, 'migrate', '--from', from, '--to', to, ...flag);
      t.is(code, 2);
      t.is(stdout, '');
      t.regex(stderr, /--from and --to name the same store; nothing was copied\. \[USAGE\]\n$/);
    }
  }
  t.deepEqual(await pairsOf(folder, 'json-file:data.json'), SMALL_PAIRS);
});

if (process.platform !== 'win32') {
  test('a named pipe is written and read, and stays a pipe', async (t) => {
    const folder = await tempFolder(t, {
      'from.json': configOf('json-file:from.json.data'),
      'to.json': configOf('json-file:to.json.data'),
    });
    await committed(folder, 'json-file:from.json.data', SMALL);
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const target = command(t, folder, 'import', 'pipe', '--config', 'to.json');
    const source = command(t, folder, 'export', 'pipe', '--config', 'from.json');
    t.like(await source.ended, { code: 0, stderr: '' });
    t.like(await target.ended, { code: 0, stderr: '' });
    t.true((await lstat(pipe)).isFIFO());
    t.deepEqual(await pairsOf(folder, 'json-file:to.json.data'), SMALL_PAIRS);
  });
}

test('an export to a link replaces the target of the link', async (t) => {
  const folder = await tempFolder(t, {
    'jackfield.config.json': configOf('json-file:data.json'),
    real: 'old',
  });
  await committed(folder, 'json-file:data.json', SMALL);
  await symlink('real', join(folder, 'link'));
  succeeded(t, await store(folder, 'export', 'link'));
  t.true((await lstat(join(folder, 'link'))).isSymbolicLink());
  t.regex(await readFile(join(folder, 'real'), 'utf8'), /^\{"jackfield":"store-export"/);
});

test('an export to a dangling link creates its target', async (t) => {
  const folder = await tempFolder(t, { 'jackfield.config.json': configOf('json-file:data.json') });
  await committed(folder, 'json-file:data.json', SMALL);
  await symlink('not-yet', join(folder, 'link'));
  succeeded(t, await store(folder, 'export', 'link'));
  t.true((await lstat(join(folder, 'link'))).isSymbolicLink());
  t.regex(await readFile(join(folder, 'not-yet'), 'utf8'), /^\{"jackfield":"store-export"/);
});

test('SIGINT ends a migration with a code, and --resume continues it', async (t) => {
  const folder = await tempFolder(t);
  const puts = Array.from({ length: 40_000 }, (_, n) => ({ key: `key ${n}`, value: `value ${n}` }));
  await committed(folder, 'lmdb:from', { puts });
  const { child, ended } = command(t, folder, 'migrate', '--from', 'lmdb:from', '--to', 'json-file:to.json');
  // The journal exists as soon as something is copied.
  while ((await lstat(join(folder, 'to.json.journal.1')).catch(() => undefined)) === undefined)
    await pause(5);
  child.kill('SIGINT');
  const { code, stdout, stderr } = await ended;
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(
    stderr,
    /It was stopped by SIGINT\.( \d+ entries had been copied before; continue with --resume\.)? \[INTERRUPTED\]\n$/,
  );
  const half = await pairsOf(folder, 'json-file:to.json');
  t.true(half.length < puts.length);
  const again = await store(
    folder,
    'migrate',
    '--from',
    'lmdb:from',
    '--to',
    'json-file:to.json',
    '--resume',
    '--json',
  );
  succeeded(t, again);
  t.like(JSON.parse(again.stdout), { entries: 40_000, resumed: half.length });
});

const hasScript = (() => {
  try {
    execFileSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

if (!hasScript) console.log('Skipped: a terminal, because "script" of util-linux is missing.');
else {
  test('a terminal shows the progress of a copy and clears it', async (t) => {
    const folder = await tempFolder(t);
    const puts = Array.from({ length: 20_000 }, (_, n) => ({ key: `key ${n}`, value: `value ${n}` }));
    await committed(folder, 'lmdb:from', { puts });
    const line = `${process.execPath} ${MAIN} store migrate --from lmdb:from --to lmdb:to`;
    const child = spawn('script', ['-qec', line, '/dev/null'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const shown = await text(child.stdout);
    t.regex(shown, /\r\d+ entries copied/);
    t.regex(
      shown,
      /\r +\r20000 entries copied from lmdb:from to lmdb:to and read back, SHA-256 [0-9a-f]{64}\r\n$/,
    );
  });
}

/** Some of them are hostile. */
const ENTRIES = Array.from({ length: 6_000 }, (_, n) => ({
  key: n % 7 === 0 ? `\u2028${n}\0\n"\\` : n % 11 === 0 ? `__proto__${n}` : `${6_000 - n}`,
  value: '\u{1f600}é\r\n'.repeat(n % 30),
}));

interface Place {
  readonly name: string;
  fresh(): StorageConfig;
}

/** Loaded before the command: kills it during its second commit. */
const KILLER = `data:text/javascript,${encodeURIComponent(`
  import { StorageDoor } from ${JSON.stringify(new URL('../../../../core/storage/storage-door.js', import.meta.url).href)};
  const { commit } = StorageDoor.prototype;
  let commits = 0;
  StorageDoor.prototype.commit = function (change) {
    commits += 1;
    if (commits === 2) setTimeout(() => process.kill(process.pid, 'SIGKILL'), Math.random() * 10);
    return commit.call(this, change);
  };`)}`;

/** Copies each store into each other; the copy is killed midway several times and continued. */
async function everyPair(
  t: ExecutionContext,
  places: readonly Place[],
  isNew: (name: string) => boolean,
): Promise<void> {
  const folder = await tempFolder(t);
  const within = async <T>(
    config: StorageConfig,
    work: (door: Awaited<ReturnType<typeof openStorage>>) => Promise<T>,
  ) => {
    const door = await openStorage(config, { folder, locate: () => '' }, silentLog);
    try {
      return await work(door);
    } finally {
      await door.close();
    }
  };
  for (const from of places) {
    const source = from.fresh();
    await writeFile(join(folder, `from ${from.name}.json`), JSON.stringify({ storage: source }));
    await within(source, async (door) => {
      for (let at = 0; at < ENTRIES.length; at += 1_000)
        await door.commit({ puts: ENTRIES.slice(at, at + 1_000) });
    });
    for (const to of places) {
      if (to.name === from.name || !(isNew(from.name) || isNew(to.name))) continue;
      const target = to.fresh();
      await writeFile(join(folder, 'to.json'), JSON.stringify({ storage: target }));
      const args = ['migrate', '--from', `from ${from.name}.json`, '--to', 'to.json', '--resume', '--json'];
      for (let kills = 0; kills < (places.length === 2 ? 3 : 1); kills += 1) {
        const child = spawn(process.execPath, ['--import', KILLER, MAIN, 'store', ...args], {
          cwd: folder,
          stdio: 'ignore',
        });
        t.deepEqual(await once(child, 'close'), [null, 'SIGKILL']);
      }
      const { code, stdout, stderr } = await command(t, folder, ...args).ended;
      t.is(code, 0, `${from.name} to ${to.name}: ${stderr}`);
      const { entries, resumed } = JSON.parse(stdout);
      t.is(entries, ENTRIES.length);
      t.true(resumed > 0, 'something was there');
      const copied = await within(target, async (door) => (await door.list({ limit: 10_000 })).entries);
      t.true(
        JSON.stringify(copied.map(({ key, value }) => ({ key, value }))) === JSON.stringify(ENTRIES),
        `${from.name} to ${to.name}`,
      );
    }
  }
}

let files = 0;
const FILES: readonly Place[] = [
  { name: 'json-file', fresh: () => ({ adapter: 'json-file', options: { path: `data ${++files}.json` } }) },
  { name: 'lmdb', fresh: () => ({ adapter: 'lmdb', options: { path: `data ${++files}.lmdb` } }) },
];

test('migrations between json-file and lmdb continue after being killed midway', async (t) => {
  await everyPair(t, FILES, () => true);
});

withPostgres(test, (server) => {
  const postgres: Place = {
    name: 'postgres',
    fresh: () => ({ adapter: 'postgres', options: { url: server().url(), namespace: freshNamespace() } }),
  };
  test.serial('migrations from and to postgres continue after being killed midway', async (t) => {
    await everyPair(t, [...FILES, postgres], (name) => name === 'postgres');
  });

  withRedis(test, (other) => {
    const redis: Place = {
      name: 'redis',
      fresh: () => ({ adapter: 'redis', options: { url: other().url, namespace: freshNamespace() } }),
    };
    test.serial('migrations from and to redis continue after being killed midway', async (t) => {
      await everyPair(t, [...FILES, postgres, redis], (name) => name === 'redis');
    });
  });
});
