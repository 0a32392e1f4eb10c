/** Answers when the connection to PostgreSQL breaks, stage by stage, and that the adapter recovers by itself. */
import test, { type ExecutionContext } from 'ava';
import { silentLog } from '../../../core/log.js';
import { PostgresAdapter, type PostgresOptions } from '../../../storage-adapters/postgres/postgres.js';
import { freshNamespace, withPostgres } from '../../support/server-test.js';
import { codeOf, opened, proxyFor, put, readableLog, textsOf } from '../outage.js';
import { until } from '../shared-store.js';

withPostgres(test, (server) => {
  /** One adapter through a proxy, and one directly to the server to see the real data. */
  async function both(t: ExecutionContext, options: Partial<PostgresOptions> = {}) {
    const proxy = await proxyFor(t, server().socket);
    const namespace = freshNamespace();
    const make = (given: PostgresOptions) => opened(t, new PostgresAdapter(given, { log: silentLog }));
    const direct = await make({ namespace, url: server().url() });
    return { proxy, direct, adapter: await make({ namespace, ...options, url: server().url(proxy.port) }) };
  }

  for (const [stage, match, code] of [
    ['the lock is asked for', 'FOR UPDATE', 'STORAGE_UNAVAILABLE'],
    ['the changes are written', 'jackfield_write', 'STORAGE_UNAVAILABLE'],
    ['COMMIT is sent', 'COMMIT\0', 'STORAGE_OUTCOME_UNKNOWN'],
  ] as const) {
    for (const where of ['before', 'after'] as const) {
      test.serial(`a connection cut ${where} ${stage}: ${code}`, async (t) => {
        const { proxy, adapter, direct } = await both(t);
        await adapter.commit(put('a', 'old'));
        proxy.cutWhen(where, (octets) => octets.includes(match));
        t.is(await codeOf(() => adapter.commit(put('a', 'new'))), code);
        proxy.cutWhen(where, undefined);
        const isStored = code === 'STORAGE_OUTCOME_UNKNOWN' && where === 'after';
        t.is((await direct.get('a'))?.value, isStored ? 'new' : 'old');
        // Neither the lock nor the broken connection blocks the next commit.
        t.true((await adapter.commit(put('b'))).ok);
      });
    }
  }

  test.serial('during an outage every call fails, and afterwards every call works', async (t) => {
    const { proxy, adapter } = await both(t);
    await adapter.commit(put('a'));
    proxy.refuse(true);
    for (const call of [
      () => adapter.get('a'),
      () => adapter.list({ limit: 1 }),
      () => adapter.commit(put('a')),
      () => adapter.revision(),
    ]) {
      t.is(await codeOf(call), 'STORAGE_UNAVAILABLE');
    }
    proxy.refuse(false);
    await until(async () => (await codeOf(() => adapter.get('a'))) === 'no error');
    t.is((await adapter.get('a'))?.value, 'x');
    t.true((await adapter.commit(put('a'))).ok);
  });

  test.serial('a network that drops everything leads to the time-outs', async (t) => {
    const { proxy, adapter } = await both(t, { statementTimeoutMs: 500, connectTimeoutMs: 500 });
    // A busy machine may be slower than these time-outs.
    await until(async () => (await codeOf(() => adapter.commit(put('a')))) === 'no error');
    proxy.freeze(true);
    t.is(await codeOf(() => adapter.get('a')), 'STORAGE_UNAVAILABLE');
    t.is(await codeOf(() => adapter.commit(put('a'))), 'STORAGE_UNAVAILABLE');
    proxy.freeze(false);
    await until(async () => (await codeOf(() => adapter.commit(put('a', 'y')))) === 'no error');
    t.is((await adapter.get('a'))?.value, 'y');
  });

  for (const [stage, match, code] of [
    ['the changes are written', 'jackfield_write', 'STORAGE_UNAVAILABLE'],
    ['COMMIT is sent', 'COMMIT\0', 'STORAGE_OUTCOME_UNKNOWN'],
  ] as const) {
    test.serial(`silence from the moment when ${stage}: ${code}, and others get the lock`, async (t) => {
      const { proxy, adapter, direct } = await both(t, { statementTimeoutMs: 500 });
      // A busy machine may be slower than these time-outs.
      await until(async () => (await codeOf(() => adapter.commit(put('a', 'old')))) === 'no error');
      proxy.cutWhen('before', (octets) => {
        if (octets.includes(match)) proxy.freeze(true);
        return false;
      });
      t.is(await codeOf(() => adapter.commit(put('a', 'new'))), code);
      // The server still waits for the rest of that transaction, and does not know that nobody will send it.
      await until(async () => (await codeOf(() => direct.commit(put('b')))) === 'no error');
      t.is((await direct.get('a'))?.value, 'old');
      proxy.freeze(false);
    });
  }

  test.serial('a lock that another client holds leads to the time-out, and nothing is changed', async (t) => {
    const { adapter, direct } = await both(t, { statementTimeoutMs: 500 });
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: server().url() });
    await client.connect();
    await client.query('BEGIN; LOCK TABLE jackfield_namespaces');
    t.is(await codeOf(() => adapter.commit(put('a'))), 'STORAGE_UNAVAILABLE');
    await client.query('ROLLBACK');
    await client.end();
    t.is(await direct.get('a'), undefined);
    t.true((await adapter.commit(put('a'))).ok);
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

  test.serial('a feed that starts during an outage fails', async (t) => {
    const { proxy, adapter } = await both(t);
    proxy.refuse(true);
    t.is(await codeOf(() => adapter.watch(0)[Symbol.asyncIterator]().next()), 'STORAGE_UNAVAILABLE');
  });

  test.serial('a session that the server ends is replaced', async (t) => {
    const { adapter, direct } = await both(t);
    await adapter.commit(put('a'));
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: server().url() });
    await client.connect();
    await client.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
    );
    await client.end();
    await until(async () => (await codeOf(() => adapter.commit(put('b')))) === 'no error');
    await until(async () => (await codeOf(() => direct.get('b'))) === 'no error');
    t.is((await direct.get('b'))?.value, 'x');
  });

  test.serial('without a server, opening fails with a sentence and without the password', async (t) => {
    const proxy = await proxyFor(t, server().socket);
    proxy.refuse(true);
    const { log, lines } = readableLog();
    const url = server().url(proxy.port);
    const adapter = new PostgresAdapter({ url }, { log });
    const error = await t.throwsAsync(async () => adapter.open(), { code: 'STORAGE_UNAVAILABLE' });
    t.regex(error.message, /^The store cannot be reached; nothing was changed\. \S/);
    t.false(textsOf(error).includes('a-secret'));
    t.false(lines.join('').includes('a-secret'));
    proxy.refuse(false);
    // It may be opened again.
    await adapter.open();
    await adapter.close();
  });
});
