/**
 * A standby replaces its primary: what recovers by itself, what is lost, and that readers of the feed notice a loss.
 * Synchronously replicated commits are never lost; others may be, and then no client was told that they had failed.
 */
import test, { type ExecutionContext } from 'ava';
import pg from 'pg';
import { silentLog } from '../../../core/log.js';
import type { StorageAdapter, WatchedChange } from '../../../core/storage/contract.js';
import { PostgresAdapter, type PostgresOptions } from '../../../storage-adapters/postgres/postgres.js';
import { EventSourceClient } from '../../plugins/event-source.js';
import { watched } from '../../plugins/watched.js';
import { reportMissing } from '../../support/missing.js';
import { type PostgresServer, postgresMissing, startPostgres } from '../../support/postgres-server.js';
import { freshNamespace } from '../../support/server-test.js';
import { codeOf, opened, put } from '../outage.js';
import { until } from '../shared-store.js';
import { writersOf } from '../writers.js';

const missing = postgresMissing();
if (missing !== undefined) reportMissing(test, missing);
else failoverTests();

function failoverTests(): void {
  async function ask(server: PostgresServer, ...statements: readonly string[]): Promise<unknown[]> {
    const client = new pg.Client({ connectionString: server.url() });
    await client.connect();
    const answers: unknown[] = [];
    for (const statement of statements) answers.push(...(await client.query(statement)).rows);
    await client.end();
    return answers;
  }

  /** A primary and its standby; the adapter knows both addresses, the standby's first. */
  async function pair(t: ExecutionContext, options: Partial<PostgresOptions> = {}) {
    const primary = await startPostgres();
    t.teardown(() => primary.stop());
    const standby = await primary.standby();
    t.teardown(() => standby.stop());
    const namespace = freshNamespace();
    const fresh = (url: PostgresOptions['url'] = [standby.url(), primary.url()]) =>
      new PostgresAdapter({ url, namespace, ...options }, { log: silentLog });
    const make = (url?: PostgresOptions['url']) => opened(t, fresh(url));
    const adapter = await make();
    await inStep(primary);
    return { primary, standby, fresh, make, adapter };
  }

  const inStep = (primary: PostgresServer) =>
    until(async () => {
      const told = await ask(
        primary,
        'SELECT 1 FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()',
      );
      return told.length === 1;
    });
  const promote = (standby: PostgresServer) => ask(standby, 'SELECT pg_promote(true, 30)');
  const set = (server: PostgresServer, setting: string) =>
    ask(server, `ALTER SYSTEM SET ${setting}`, 'SELECT pg_reload_conf()');
  const isSynchronous = (primary: PostgresServer) =>
    until(
      async () =>
        (await ask(primary, `SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'`)).length === 1,
    );
  const worksAgain = (adapter: StorageAdapter) =>
    until(async () => (await codeOf(() => adapter.commit(put('again')))) === 'no error');

  test.serial('of several addresses the primary is used; a standby alone is refused', async (t) => {
    const { primary, standby, adapter, fresh } = await pair(t);
    t.true((await adapter.commit(put('a'))).ok);
    t.is((await (await opened(t, fresh(primary.url()))).get('a'))?.value, 'x');
    const error = await t.throwsAsync(fresh(standby.url()).open(), { code: 'STORAGE_UNAVAILABLE' });
    t.regex(error.message, /is a standby; the address must lead to the primary/);
  });

  for (const sync of [false, true]) {
    test.serial(
      `after a kill under load, a${sync ? ' synchronous' : 'n asynchronous'} standby takes over and writers continue`,
      async (t) => {
        const { primary, standby, adapter } = await pair(t);
        if (sync) {
          await set(primary, `synchronous_standby_names = '*'`);
          await isSynchronous(primary);
        }
        const writers = writersOf(adapter);
        await writers.acknowledge(300);
        await primary.kill();
        await promote(standby);
        await writers.acknowledge(300);
        await writers.stop();
        const faults = await writers.faults();
        const lost = faults.filter((fault) => fault.endsWith('was acknowledged and is not there'));
        t.log(`${lost.length} lost, ${writers.refused} refused, ${writers.unknown} unknown`);
        t.deepEqual(sync ? faults : faults.filter((fault) => !lost.includes(fault)), []);
        t.true(writers.refused + writers.unknown > 0);
      },
    );
  }

  test.serial('without the synchronous standby a commit is unknown, never acknowledged', async (t) => {
    const { primary, standby, adapter, make } = await pair(t);
    const impatient = await opened(
      t,
      new PostgresAdapter(
        { url: primary.url(), namespace: freshNamespace(), statementTimeoutMs: 500 },
        { log: silentLog },
      ),
    );
    await set(primary, `synchronous_standby_names = '*'`);
    await isSynchronous(primary);
    t.true((await adapter.commit(put('a'))).ok);
    await standby.kill();
    t.is(await codeOf(() => impatient.commit(put('a'))), 'STORAGE_OUTCOME_UNKNOWN', 'nobody confirms it');
    // If an operator ends the wait, COMMIT succeeds with a warning, but the commit is not replicated.
    const commit = t.throwsAsync(adapter.commit(put('a', 'y')), { code: 'STORAGE_OUTCOME_UNKNOWN' });
    const cancel = `SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`;
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    commit.then(over, over);
    while (!isOver) await ask(primary, cancel);
    t.regex((await commit).message, /no synchronous standby has confirmed/);
    await standby.start();
    await worksAgain(adapter);
    t.true((await (await make(primary.url())).commit(put('b'))).ok);
  });

  test.serial('a read-only server is reported, can be read, and works again by itself', async (t) => {
    const { primary, adapter } = await pair(t);
    await adapter.commit(put('a'));
    await set(primary, 'default_transaction_read_only = on');
    await until(async () => (await codeOf(() => adapter.commit(put('a', 'y')))) === 'STORAGE_UNAVAILABLE');
    const error = await t.throwsAsync(adapter.commit(put('b')), { code: 'STORAGE_UNAVAILABLE' });
    t.regex(error.message, /accepts no writes now \(default_transaction_read_only/);
    t.is(await codeOf(() => adapter.get('a')), 'no error');
    t.is(await adapter.get('b'), undefined);
    // The setting cannot be changed in a read-only transaction.
    await ask(
      primary,
      'SET default_transaction_read_only = off',
      'ALTER SYSTEM RESET default_transaction_read_only',
      'SELECT pg_reload_conf()',
    );
    await worksAgain(adapter);
  });

  test.serial('if revisions are used again, readers of the first changes get an error', async (t) => {
    const { primary, standby, fresh, make, adapter } = await pair(t);
    await adapter.commit(put('a', 'kept'));
    const { url } = await watched(t, fresh());
    const client = await EventSourceClient.connect(`${url}?after=1`);
    t.teardown(() => client.close());
    await inStep(primary);
    // From now on the standby receives nothing more.
    await set(standby, `primary_conninfo = ''`);
    await until(async () => (await ask(primary, 'SELECT 1 FROM pg_stat_replication')).length === 0);
    const reader = adapter.watch(0)[Symbol.asyncIterator]();
    const place: WatchedChange | undefined = (await reader.next()).value;
    for (const value of ['lost', 'lost too']) {
      await adapter.commit(put('a', value));
      t.is((await reader.next()).value?.puts[0]?.value, value);
      t.like(await client.until('change'), { data: { puts: [{ value }] } });
    }
    const waiting = codeOf(() => reader.next());
    const beginning = codeOf(() => adapter.watch(3)[Symbol.asyncIterator]().next());
    await promote(standby);
    const others = await make(standby.url());
    for (const value of ['x', 'y', 'z']) await others.commit(put('b', value));
    await primary.kill();
    t.like(await client.until('failure'), { data: { code: 'STORAGE_REVISION_UNKNOWN' } });
    t.is(await waiting, 'STORAGE_REVISION_UNKNOWN');
    t.is(await beginning, 'STORAGE_REVISION_UNKNOWN');
    const again = await fetch(url, { headers: { 'last-event-id': client.lastEventId ?? '' } });
    t.is(again.status, 400);
    t.regex(await again.text(), /has not reached that revision: the change with revision 3 is not in it/);
    await worksAgain(adapter);
    const kept = adapter.watch(place!.revision, place!.mark)[Symbol.asyncIterator]();
    for (const value of ['x', 'y', 'z']) t.is((await kept.next()).value?.puts[0]?.value, value);
  });
}
