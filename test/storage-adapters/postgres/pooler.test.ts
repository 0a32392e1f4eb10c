/** With a PgBouncer in between: sessions of our own, and sessions shared with other clients. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { PostgresAdapter } from '../../../storage-adapters/postgres/postgres.js';
import { reportMissing } from '../../support/missing.js';
import { freePort } from '../../support/redis-server.js';
import { freshNamespace, withPostgres } from '../../support/server-test.js';
import { codeOf, opened, put, readableLog } from '../outage.js';
import { writersOf } from '../writers.js';

const isThere = (() => {
  try {
    execFileSync('pgbouncer', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

const IGNORED = 'ignore_startup_parameters = statement_timeout,idle_in_transaction_session_timeout';

/** PgBouncer refuses to run as root: then it runs as "nobody", like the server. */
const owner = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** @param socketFolder The folder of the server's socket. @returns The port of the pooler. */
async function pooler(t: ExecutionContext, socketFolder: string, ...settings: string[]): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), 'jackfield-pooler-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755);
  const port = await freePort();
  await writeFile(path.join(folder, 'users'), '"jackfield" ""\n');
  const lines = [
    '[databases]',
    `postgres = host=${socketFolder} port=5432 dbname=postgres user=jackfield`,
    '[pgbouncer]',
    `listen_port=${port}`,
    'listen_addr=127.0.0.1',
    'unix_socket_dir=',
    'auth_type=any',
    `auth_file=${folder}/users`,
    'default_pool_size=5',
    ...settings,
  ];
  await writeFile(path.join(folder, 'pooler.ini'), `${lines.join('\n')}\n`);
  const child: ChildProcess = spawn('pgbouncer', [path.join(folder, 'pooler.ini')], {
    ...owner,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (log.includes('process up')) resolve();
    });
    child.once('close', () => reject(new Error(log)));
  });
  return port;
}

if (!isThere) reportMissing(test, 'PgBouncer is not installed');
else {
  withPostgres(test, (server) => {
    const socketFolder = () => path.dirname(server().socket);
    const at = (port: number) => `postgres://jackfield@127.0.0.1:${port}/postgres`;

    test.serial('a pooler that does not know our settings refuses them, and names them', async (t) => {
      const port = await pooler(t, socketFolder());
      const { log } = readableLog();
      const adapter = new PostgresAdapter({ url: at(port) }, { log });
      const error = await t.throwsAsync(adapter.open(), { code: 'STORAGE_UNAVAILABLE' });
      t.regex(error.message, /unsupported startup parameter: statement_timeout/);
    });

    for (const mode of ['session', 'transaction']) {
      test.serial(
        `pool_mode ${mode}: every call is answered, and two servers at once lose nothing`,
        async (t) => {
          const port = await pooler(t, socketFolder(), IGNORED, `pool_mode=${mode}`);
          const { log, lines } = readableLog();
          const namespace = freshNamespace();
          const make = () =>
            opened(t, new PostgresAdapter({ url: at(port), namespace, poolSize: 3 }, { log }));
          const [one, other] = [await make(), await make()];
          const writers = [writersOf(one, 4), writersOf(other, 4)];
          const codes = new Set<unknown>();
          const read = async (adapter: PostgresAdapter) => {
            for (let n = 0; n < 100; n += 1) {
              codes.add(await codeOf(() => adapter.get('0-0')));
              codes.add(await codeOf(() => adapter.list({ limit: 3 })));
            }
          };
          await Promise.all([read(one), read(other), ...writers.map((some) => some.acknowledge(40))]);
          for (const some of writers) await some.stop();
          t.deepEqual([...codes], ['no error']);
          t.deepEqual([writers[0]?.refused, writers[1]?.refused], [0, 0]);
          const reader = one.watch((await one.revision()) - 1)[Symbol.asyncIterator]();
          await reader.next();
          const change = reader.next();
          await other.commit(put('told'));
          t.is((await change).value?.puts[0]?.key, 'told');
          await reader.return?.();
          if (mode === 'session') t.false(lines.some((line) => line.includes('no longer prepared')));
        },
      );
    }
  });
}
