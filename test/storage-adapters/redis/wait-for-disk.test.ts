/**
 * `waitForDisk`: an acknowledged commit is on the server's disk; if that is not known, the outcome is reported as
 * unknown.
 */
import test, { type ExecutionContext } from 'ava';
import { silentLog } from '../../../core/log.js';
import { StorageError } from '../../../core/storage/contract.js';
import { DiskWait, mustWaitForDisk } from '../../../storage-adapters/redis/disk-wait.js';
import { Refusal, Unreachable } from '../../../storage-adapters/redis/failures.js';
import type { Connection, SendOptions } from '../../../storage-adapters/redis/link.js';
import { keysOf } from '../../../storage-adapters/redis/packed.js';
import { RedisAdapter, type RedisOptions } from '../../../storage-adapters/redis/redis.js';
import { startRedis, startRedisCluster, waitAofMissing } from '../../support/redis-server.js';
import { freshNamespace, withWaitAof } from '../../support/server-test.js';
import { codeOf, opened, proxyFor, put } from '../outage.js';
import { until } from '../shared-store.js';
import { survivesKills, writersOf } from '../writers.js';

const aConnection = (): Connection => ({ send: () => Promise.resolve(), destroy: () => {} });

/** Answers WAITAOF as the test says. */
class StandIn {
  readonly commandTimeoutMs = 100;
  connection: Connection = aConnection();
  readonly sent: (readonly string[])[] = [];
  readonly #answer: (command: readonly string[]) => unknown;

  constructor(answer: (command: readonly string[]) => unknown) {
    this.#answer = answer;
  }

  async send(command: readonly string[], { only }: SendOptions = {}): Promise<unknown> {
    if (only !== this.connection) throw new Unreachable(false, new Error('another connection'));
    this.sent.push(command);
    return this.#answer(command);
  }
}

const unknown = { code: 'STORAGE_OUTCOME_UNKNOWN' };

test('if a server does not sync in time, refuses or is lost, the outcome is unknown', async (t) => {
  const answers = [
    () => [0, 0],
    () => [0, 3],
    () => Promise.reject(new Refusal('UNBLOCKED force unblock from blocking operation')),
    () => Promise.reject(new Unreachable(true, new Error('no answer'))),
    () => 'nonsense',
  ];
  for (const answer of answers) {
    const link = new StandIn(answer);
    await t.throwsAsync(new DiskWait(link).since(link.connection), unknown, String(answer));
  }
});

test('a wait is never sent over another connection than its commit', async (t) => {
  // On the other connection WAITAOF would succeed at once, because nothing was written over it.
  const link = new StandIn(() => [1, 0]);
  const before = link.connection;
  link.connection = aConnection();
  await t.throwsAsync(new DiskWait(link).since(before), unknown);
  t.deepEqual(link.sent, []);
});

test('commits during a wait share the next wait', async (t) => {
  const answers: ((answer: unknown) => void)[] = [];
  const link = new StandIn(() => new Promise((resolve) => answers.push(resolve)));
  const disk = new DiskWait(link);
  const done: string[] = [];
  const wait = (name: string) => disk.since(link.connection).then(() => done.push(name));
  const first = wait('first');
  const others = [wait('second'), wait('third')];
  t.is(link.sent.length, 1);
  answers[0]?.([1, 0]);
  await first;
  await until(() => link.sent.length === 2);
  t.deepEqual(done, ['first']);
  answers[1]?.([1, 0]);
  await Promise.all(others);
  t.is(link.sent.length, 2);
});

test('a failed wait does not fail the commits of the next wait', async (t) => {
  const answers = [
    [0, 0],
    [1, 0],
  ];
  const link = new StandIn(() => answers.shift());
  const disk = new DiskWait(link);
  const [first, second] = [disk.since(link.connection), disk.since(link.connection)];
  await t.throwsAsync(first, unknown);
  await t.notThrowsAsync(second);
});

test('a server that answers before it can have synced is refused, unless it always syncs', async (t) => {
  const early = () => new StandIn((command) => (command[0] === 'WAITAOF' ? [1, 0] : 0));
  const check = (sync: string | undefined, isAlways: boolean) => () =>
    mustWaitForDisk(early(), keysOf('x'), sync, isAlways);
  t.is(await codeOf(check('everysec', false)), 'STORAGE_UNREADABLE');
  t.is(await codeOf(check('everysec', true)), 'STORAGE_UNREADABLE');
  t.is(await codeOf(check('no', false)), 'STORAGE_UNREADABLE');
  t.is(await codeOf(check('always', false)), 'no error');
  t.is(await codeOf(check(undefined, false)), 'STORAGE_UNREADABLE');
  t.is(await codeOf(check(undefined, true)), 'no error');
});

test('a server that does not sync within the time-out is refused', async (t) => {
  const link = new StandIn((command) => (command[0] === 'WAITAOF' ? [0, 0] : 0));
  t.is(await codeOf(() => mustWaitForDisk(link, keysOf('x'), undefined, true)), 'STORAGE_UNREADABLE');
});

withWaitAof(test, (server) => {
  const at = (t: ExecutionContext, options: Partial<RedisOptions> = {}) =>
    opened(
      t,
      new RedisAdapter(
        { url: server().url, namespace: freshNamespace(), waitForDisk: true, ...options },
        { log: silentLog },
      ),
    );

  test.serial('concurrent commits share a wait, and are durable', async (t) => {
    const adapter = await at(t);
    t.true(adapter.supports.durable);
    const results = await Promise.all(Array.from({ length: 200 }, (_, n) => adapter.commit(put(`key ${n}`))));
    t.true(results.every(({ ok }) => ok));
    const calls = /cmdstat_waitaof:calls=(\d+)/.exec(await server().ask('INFO', 'commandstats'))?.[1];
    t.true(Number(calls) < 200, calls);
  });

  for (const where of ['before', 'after'] as const) {
    test.serial(`a connection cut ${where} the wait: STORAGE_OUTCOME_UNKNOWN`, async (t) => {
      const proxy = await proxyFor(t, server().port);
      const adapter = await at(t, { url: `redis://127.0.0.1:${proxy.port}` });
      proxy.cutWhen(where, (octets) => octets.includes('WAITAOF'));
      t.is(await codeOf(() => adapter.commit(put('a', 'made'))), 'STORAGE_OUTCOME_UNKNOWN');
      proxy.cutWhen(where, undefined);
      await until(async () => (await codeOf(() => adapter.commit(put('b')))) === 'no error');
      t.is((await adapter.get('a'))?.value, 'made');
    });
  }

  test.serial('killed between the commit and the wait: STORAGE_OUTCOME_UNKNOWN', async (t) => {
    const proxy = await proxyFor(t, server().port);
    const adapter = await at(t, { url: `redis://127.0.0.1:${proxy.port}` });
    let killed: Promise<void> | undefined;
    proxy.cutWhen('before', (octets) => {
      const isWait = octets.includes('WAITAOF');
      if (isWait) killed ??= server().kill();
      return isWait;
    });
    t.is(await codeOf(() => adapter.commit(put('a'))), 'STORAGE_OUTCOME_UNKNOWN');
    proxy.cutWhen('before', undefined);
    await killed;
    t.is(await codeOf(() => adapter.commit(put('b'))), 'STORAGE_UNAVAILABLE');
    await server().start();
    await until(async () => (await codeOf(() => adapter.commit(put('c')))) === 'no error');
  });

  test.serial('if the disk no longer syncs, the outcome is unknown, and it recovers by itself', async (t) => {
    const adapter = await at(t, { commandTimeoutMs: 300 });
    await server().ask('CONFIG', 'SET', 'appendfsync', 'no');
    const error = await t.throwsAsync(adapter.commit(put('a')), { code: 'STORAGE_OUTCOME_UNKNOWN' });
    t.regex(error.message, /did not sync within 300 ms/);
    await server().ask('CONFIG', 'SET', 'appendfsync', 'always');
    await until(async () => (await codeOf(() => adapter.commit(put('b')))) === 'no error');
  });

  test.serial('if appendonly is turned off while a server runs, the outcome is unknown', async (t) => {
    const adapter = await at(t);
    await server().ask('CONFIG', 'SET', 'appendonly', 'no');
    t.is(await codeOf(() => adapter.commit(put('a'))), 'STORAGE_OUTCOME_UNKNOWN');
    await server().ask('CONFIG', 'SET', 'appendonly', 'yes');
    await until(async () => (await codeOf(() => adapter.commit(put('b')))) === 'no error');
  });

  test.serial('if a server hangs, the outcome is unknown, and it recovers by itself', async (t) => {
    const adapter = await at(t, { commandTimeoutMs: 300, connectTimeoutMs: 300 });
    process.kill(server().pid, 'SIGSTOP');
    t.is(await codeOf(() => adapter.commit(put('a'))), 'STORAGE_OUTCOME_UNKNOWN');
    process.kill(server().pid, 'SIGCONT');
    await until(async () => (await codeOf(() => adapter.commit(put('b')))) === 'no error');
  });

  test.serial('after kills and restarts under load, every acknowledged commit exists', async (t) => {
    const adapter = await at(t);
    await survivesKills(t, adapter, server(), 100);
  });

  test.serial(
    'a server that syncs once a second is waited for, or refused if it does not wait',
    async (t) => {
      await server().ask('CONFIG', 'SET', 'appendfsync', 'everysec');
      t.teardown(() => server().ask('CONFIG', 'SET', 'appendfsync', 'always'));
      const adapter = new RedisAdapter(
        { url: server().url, namespace: freshNamespace(), waitForDisk: true },
        { log: silentLog },
      );
      try {
        await adapter.open();
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        t.is(error.code, 'STORAGE_UNREADABLE');
        t.regex(error.message, /answers before it syncs/);
        return;
      }
      t.teardown(() => adapter.close());
      t.true(adapter.supports.durable);
      const writers = writersOf(adapter, 32);
      await writers.acknowledge(64);
      await server().kill();
      await server().start();
      await writers.acknowledge(32);
      await writers.stop();
      t.deepEqual(await writers.faults(), []);
      await server().ask('CONFIG', 'SET', 'appendfsync', 'everysec');
    },
  );

  for (const [settings, reason] of [
    [['--appendonly', 'no'], /needs a Redis with appendonly yes/],
    [['--appendonly', 'yes', '--appendfsync', 'no'], /this server has "no"/],
  ] as const) {
    test.serial(`it is refused if it can never work: ${settings.join(' ')}`, async (t) => {
      const never = await startRedis(settings);
      t.teardown(() => never.stop());
      const adapter = new RedisAdapter({ url: never.url, waitForDisk: true }, { log: silentLog });
      const error = await t.throwsAsync(adapter.open(), { code: 'STORAGE_UNREADABLE' });
      t.regex(error.message, reason);
    });
  }

  test.serial(
    'if the server does not report its configuration, the operator must say that it always syncs',
    async (t) => {
      await server().ask('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '+@all', '-config');
      const url = `redis://limited:secret@127.0.0.1:${server().port}`;
      const make = (durable: boolean) =>
        new RedisAdapter(
          { url, durable, waitForDisk: true, namespace: freshNamespace() },
          { log: silentLog },
        );
      const error = await t.throwsAsync(make(false).open(), { code: 'STORAGE_UNREADABLE' });
      t.regex(error.message, /durable: true/);
      t.true((await (await opened(t, make(true))).commit(put('a'))).ok);
    },
  );

  test.serial('in a cluster a node that hands over loses no commit that was waited for', async (t) => {
    const cluster = await startRedisCluster(true);
    t.teardown(() => cluster.stop());
    const url = cluster.nodes.map((node) => node.url);
    const [namespace = ''] = await Promise.all(
      Array.from({ length: 12 }, async (_, n) => {
        const slot = await cluster.nodes[2]!.ask('CLUSTER', 'KEYSLOT', `moved-${n}`);
        return Number(slot.slice(1)) > 11_000 ? `moved-${n}` : '';
      }),
    ).then((names) => names.filter(Boolean));
    const adapter = await opened(
      t,
      new RedisAdapter({ url, namespace, waitForDisk: true }, { log: silentLog }),
    );
    const writers = writersOf(adapter);
    await writers.acknowledge(100);
    t.regex(await cluster.replica!.ask('CLUSTER', 'FAILOVER'), /OK/);
    await until(async () => /role:master/.test(await cluster.replica!.ask('INFO', 'replication')));
    await writers.acknowledge(100);
    await writers.stop();
    t.log(`${writers.refused} refused, ${writers.unknown} unknown`);
    t.deepEqual(await writers.faults(), []);
  });

  test.serial('in a cluster the wait goes to the node of the namespace', async (t) => {
    t.is(waitAofMissing(), undefined);
    const cluster = await startRedisCluster();
    t.teardown(() => cluster.stop());
    const urls = cluster.nodes.map(({ url }) => url);
    for (let n = 0; n < 6; n += 1) {
      const options = { url: urls, namespace: `disk-${n}`, waitForDisk: true };
      const adapter = await opened(t, new RedisAdapter(options, { log: silentLog }));
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, at) => adapter.commit(put(`key ${at}`))),
      );
      t.true(results.every(({ ok }) => ok));
    }
    for (const node of cluster.nodes) {
      t.regex(await node.ask('INFO', 'commandstats'), /cmdstat_waitaof:calls=\d+/);
    }
  });
});
