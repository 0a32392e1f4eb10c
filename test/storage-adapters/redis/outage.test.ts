/** Answers while the connection to Redis is broken or Redis refuses, and that the adapter recovers by itself. */
import test, { type ExecutionContext } from 'ava';
import { silentLog } from '../../../core/log.js';
import { RedisAdapter, type RedisOptions } from '../../../storage-adapters/redis/redis.js';
import { freshNamespace, withRedis } from '../../support/server-test.js';
import { codeOf, opened, proxyFor, put, readableLog, textsOf } from '../outage.js';
import { until } from '../shared-store.js';

withRedis(test, (server) => {
  const proxied = (port: number) => `redis://127.0.0.1:${port}`;

  /** One adapter through a proxy, and one directly to the server to see the real data. */
  async function both(t: ExecutionContext, options: Partial<RedisOptions> = {}) {
    const proxy = await proxyFor(t, server().port);
    const namespace = freshNamespace();
    const make = (given: RedisOptions) => opened(t, new RedisAdapter(given, { log: silentLog }));
    const direct = await make({ namespace, url: server().url });
    return { proxy, direct, adapter: await make({ namespace, ...options, url: proxied(proxy.port) }) };
  }

  for (const where of ['before', 'after'] as const) {
    test.serial(`a connection cut ${where} a commit is sent: STORAGE_OUTCOME_UNKNOWN`, async (t) => {
      const { proxy, adapter, direct } = await both(t);
      await adapter.commit(put('a', 'old'));
      proxy.cutWhen(where, (octets) => octets.includes('the-new-value'));
      t.is(await codeOf(() => adapter.commit(put('a', 'the-new-value'))), 'STORAGE_OUTCOME_UNKNOWN');
      proxy.cutWhen(where, undefined);
      t.is((await direct.get('a'))?.value, where === 'after' ? 'the-new-value' : 'old');
      await until(async () => (await codeOf(() => adapter.commit(put('b')))) === 'no error');
    });

    test.serial(`a connection cut ${where} an entry is requested: STORAGE_UNAVAILABLE`, async (t) => {
      const { proxy, adapter } = await both(t);
      await adapter.commit(put('a-key'));
      proxy.cutWhen(where, (octets) => octets.includes('a-key'));
      t.is(await codeOf(() => adapter.get('a-key')), 'STORAGE_UNAVAILABLE');
      proxy.cutWhen(where, undefined);
      await until(async () => (await codeOf(() => adapter.get('a-key'))) === 'no error');
    });
  }

  test.serial('during an outage every call fails, and nothing is queued to be sent later', async (t) => {
    const { proxy, adapter, direct } = await both(t);
    await adapter.commit(put('a'));
    proxy.refuse(true);
    await until(async () => (await codeOf(() => adapter.get('a'))) === 'STORAGE_UNAVAILABLE');
    for (const call of [
      () => adapter.get('a'),
      () => adapter.list({ limit: 1 }),
      () => adapter.commit(put('b')),
      () => adapter.revision(),
    ]) {
      t.is(await codeOf(call), 'STORAGE_UNAVAILABLE');
    }
    proxy.refuse(false);
    await until(async () => (await codeOf(() => adapter.commit(put('c')))) === 'no error');
    t.is(await direct.get('b'), undefined);
    t.is((await adapter.get('a'))?.value, 'x');
  });

  test.serial('a network that drops everything leads to the time-outs', async (t) => {
    const { proxy, adapter, direct } = await both(t, { commandTimeoutMs: 1_000, connectTimeoutMs: 2_000 });
    await adapter.commit(put('a'));
    proxy.freeze(true);
    t.is(await codeOf(() => adapter.commit(put('a', 'y'))), 'STORAGE_OUTCOME_UNKNOWN');
    t.is(await codeOf(() => adapter.get('a')), 'STORAGE_UNAVAILABLE');
    proxy.freeze(false);
    await until(async () => (await codeOf(() => adapter.commit(put('a', 'z')))) === 'no error');
    t.is((await direct.get('a'))?.value, 'z');
  });

  test.serial('a feed continues after an outage without a gap', async (t) => {
    const { proxy, adapter, direct } = await both(t);
    const first = await direct.commit(put('a'));
    const reader = adapter.watch(0)[Symbol.asyncIterator]();
    t.is((await reader.next()).value?.revision, first.ok && first.revision);
    const waiting = reader.next();
    proxy.refuse(true);
    const committed = await direct.commit(put('b'));
    const later = await direct.commit(put('c'));
    proxy.refuse(false);
    t.is((await waiting).value?.revision, committed.ok && committed.revision);
    t.is((await reader.next()).value?.revision, later.ok && later.revision);
  });

  test.serial('a server without memory is STORAGE_FULL; reads and deletes work', async (t) => {
    const { direct: adapter } = await both(t);
    await adapter.commit({
      puts: [
        { key: 'a', value: '1' },
        { key: 'b', value: '2', ttlMs: 3_600_000 },
      ],
    });
    const before = await adapter.list({ limit: 9 });
    await server().ask('CONFIG', 'SET', 'maxmemory', '1');
    t.is(
      await codeOf(() => adapter.commit({ puts: [{ key: 'new', value: 'x' }], deletes: ['a'] })),
      'STORAGE_FULL',
    );
    t.is(await codeOf(() => adapter.commit(put('a', 'changed'))), 'STORAGE_FULL');
    t.deepEqual(await adapter.list({ limit: 9 }), before);
    t.true((await adapter.commit({ deletes: ['a'] })).ok);
    await server().ask('CONFIG', 'SET', 'maxmemory', '0');
    t.true((await adapter.commit(put('new'))).ok);
    t.deepEqual(
      (await adapter.list({ limit: 9 })).entries.map(({ key }) => key),
      ['b', 'new'],
    );
  });

  test.serial('a server with an eviction policy for all keys is refused', async (t) => {
    await server().ask('CONFIG', 'SET', 'maxmemory', '1gb');
    await server().ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    const adapter = new RedisAdapter({ url: server().url }, { log: silentLog });
    const error = await t.throwsAsync(adapter.open(), { code: 'STORAGE_UNREADABLE' });
    t.regex(error.message, /allkeys-lru.*noeviction/);
    await server().ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await server().ask('CONFIG', 'SET', 'maxmemory', '0');
  });

  test.serial('a server that becomes a replica is unavailable, and recovers', async (t) => {
    const { direct: adapter } = await both(t);
    await adapter.commit(put('a'));
    await server().ask('CONFIG', 'SET', 'replica-serve-stale-data', 'yes');
    await server().ask('REPLICAOF', '127.0.0.1', '1');
    t.is(await codeOf(() => adapter.commit(put('b'))), 'STORAGE_UNAVAILABLE');
    await server().ask('REPLICAOF', 'NO', 'ONE');
    await until(async () => (await codeOf(() => adapter.commit(put('c')))) === 'no error');
    t.is(await adapter.get('b'), undefined);
  });

  test.serial('scripts are sent again to a server that forgot them', async (t) => {
    const { direct: adapter } = await both(t);
    await adapter.commit(put('a'));
    await server().ask('SCRIPT', 'FLUSH');
    t.true((await adapter.commit(put('b'))).ok);
    await server().ask('SCRIPT', 'FLUSH');
    t.is((await adapter.list({ limit: 9 })).entries.length, 2);
  });

  test.serial('without a server, opening fails with a sentence and without the password', async (t) => {
    const { log, lines } = readableLog();
    // Port 1 of loopback: nothing listens there.
    const adapter = new RedisAdapter({ url: 'redis://user:a-secret@127.0.0.1:1' }, { log });
    const error = await t.throwsAsync(adapter.open(), { code: 'STORAGE_UNAVAILABLE' });
    t.regex(error.message, /ECONNREFUSED/);
    t.false(textsOf(error).includes('a-secret'));
    t.false(lines.join('').includes('a-secret'));
  });

  test.serial('a wrong password is reported without showing it', async (t) => {
    await server().ask('CONFIG', 'SET', 'requirepass', 'another-secret');
    const url = `redis://default:a-secret@127.0.0.1:${server().port}`;
    const { log, lines } = readableLog();
    const error = await t.throwsAsync(new RedisAdapter({ url }, { log }).open(), {
      code: 'STORAGE_UNAVAILABLE',
    });
    t.regex(error.message, /WRONGPASS/);
    t.false((textsOf(error) + lines.join('')).includes('a-secret'));
    const right = `redis://default:another-secret@127.0.0.1:${server().port}`;
    const adapter = new RedisAdapter({ url: right, namespace: freshNamespace() }, { log });
    await adapter.open();
    t.true((await adapter.commit(put('a'))).ok);
    await adapter.close();
    await server().ask('AUTH', 'another-secret');
  });
});
