/** Faults of a real PostgreSQL: it dies, hangs, refuses, runs out of connections. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type pg from 'pg';
import { silentLog } from '../../../core/log.js';
import { PostgresAdapter, type PostgresOptions } from '../../../storage-adapters/postgres/postgres.js';
import { ONE, TWO } from '../../support/certificates.js';
import { startPostgres } from '../../support/postgres-server.js';
import { freePort } from '../../support/redis-server.js';
import { freshNamespace, withPostgres } from '../../support/server-test.js';
import { codeOf, opened, proxyFor, put, readableLog, textsOf } from '../outage.js';
import { until } from '../shared-store.js';
import { survivesKills, writersOf } from '../writers.js';

withPostgres(test, (server) => {
  const at = (t: ExecutionContext, options: Partial<PostgresOptions> = {}) =>
    opened(
      t,
      new PostgresAdapter(
        { url: server().url(), namespace: freshNamespace(), ...options },
        { log: silentLog },
      ),
    );
  const worksAgain = (adapter: PostgresAdapter) =>
    until(async () => (await codeOf(() => adapter.commit(put('again')))) === 'no error');
  async function superuser(t: ExecutionContext): Promise<pg.Client> {
    const { default: driver } = await import('pg');
    const client = new driver.Client({ connectionString: server().url() });
    client.on('error', () => {});
    await client.connect();
    t.teardown(() => client.end().catch(() => {}));
    return client;
  }

  test.serial(
    'after kills and restarts under load, acknowledged commits exist and refused ones do not',
    async (t) => {
      const adapter = await at(t);
      await survivesKills(t, adapter, server(), 100);
    },
  );

  test.serial(
    'if the server ends sessions under load repeatedly, no commit is lost or left in part',
    async (t) => {
      const adapter = await at(t);
      const client = await superuser(t);
      const writers = writersOf(adapter);
      for (let round = 0; round < 15; round += 1) {
        await writers.acknowledge(20);
        await client.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jackfield'`,
        );
      }
      await writers.acknowledge(20);
      await writers.stop();
      t.deepEqual(await writers.faults(), []);
    },
  );

  test.serial(
    'sessions that hang for longer than the time-out are an outage, and are replaced',
    async (t) => {
      const adapter = await at(t, { statementTimeoutMs: 300 });
      await worksAgain(adapter);
      await adapter.commit(put('a', 'old'));
      const client = await superuser(t);
      const { rows } = await client.query(
        `SELECT pid FROM pg_stat_activity WHERE application_name = 'jackfield'`,
      );
      const pids = rows.map(({ pid }) => Number(pid));
      t.true(pids.length > 0);
      for (const pid of pids) process.kill(pid, 'SIGSTOP');
      try {
        // No statement of the commit is answered, so COMMIT was never sent.
        t.is(await codeOf(() => adapter.commit(put('a', 'while they stood'))), 'STORAGE_UNAVAILABLE');
        await worksAgain(adapter);
        t.is((await adapter.get('a'))?.value, 'old');
      } finally {
        for (const pid of pids) process.kill(pid, 'SIGCONT');
      }
      await worksAgain(adapter);
      t.is((await adapter.get('a'))?.value, 'old', 'what was given up is not made later');
    },
  );

  test.serial('a missing database is reported at the start', async (t) => {
    const url = server().url().replace('/postgres?', '/nowhere?');
    const error = await t.throwsAsync(new PostgresAdapter({ url }, { log: silentLog }).open(), {
      code: 'STORAGE_UNAVAILABLE',
    });
    t.regex(error.message, /database "nowhere" does not exist/);
  });

  test.serial(
    'a read-only server refuses commits, answers reads, and accepts commits when it can write again',
    async (t) => {
      const adapter = await at(t);
      await adapter.commit(put('a', 'old'));
      const client = await superuser(t);
      // Like a standby: every transaction is read-only.
      await client.query('ALTER DATABASE postgres SET default_transaction_read_only = on');
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'jackfield'`,
      );
      await until(async () => (await codeOf(() => adapter.get('a'))) === 'no error');
      t.is(await codeOf(() => adapter.commit(put('a', 'new'))), 'STORAGE_UNAVAILABLE');
      t.is((await adapter.get('a'))?.value, 'old');
      await client.query('SET default_transaction_read_only = off');
      await client.query('ALTER DATABASE postgres RESET default_transaction_read_only');
      await worksAgain(adapter);
    },
  );

  test.serial('if the server has no connection left, callers share the existing ones', async (t) => {
    const adapter = await at(t, { poolSize: 50, connectTimeoutMs: 10_000 });
    await adapter.commit(put('a'));
    const client = await superuser(t);
    const { rows } = await client.query(`SELECT current_setting('max_connections')::int AS most`);
    const others: pg.Client[] = [];
    // Another client takes all but one or two.
    for (let n = 0; n < Number(rows[0]?.most); n += 1) {
      const other = await superuser(t).catch(() => undefined);
      if (other === undefined) break;
      others.push(other);
    }
    const outcomes = await Promise.all(
      Array.from({ length: 40 }, (_, n) => codeOf(() => adapter.list({ prefix: `${n}`, limit: 5 }))),
    );
    t.deepEqual(
      [...new Set(outcomes)].filter((code) => code !== 'no error' && code !== 'STORAGE_UNAVAILABLE'),
      [],
    );
    t.true(outcomes.includes('no error'), 'those that stand are used');
    for (const other of others) await other.end();
    await worksAgain(adapter);
    t.deepEqual(
      await Promise.all(Array.from({ length: 40 }, () => codeOf(() => adapter.list({ limit: 5 })))),
      Array(40).fill('no error'),
    );
  });

  test.serial('a value of 16 MiB is stored and reported by the feed', async (t) => {
    const adapter = await at(t);
    const large = '\u{1f600}'.repeat(4_194_304);
    t.true((await adapter.commit(put('large', large))).ok);
    t.is((await adapter.get('large'))?.value, large);
    const reader = adapter.watch(0)[Symbol.asyncIterator]();
    t.is((await reader.next()).value?.puts[0]?.value, large);
    await reader.return?.();
  });

  test.serial('passwords and TLS: only the right ones are accepted, and none is shown', async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'jackfield-tls-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const file = async (name: string, content: string) => {
      await writeFile(path.join(folder, name), content);
      return path.join(folder, name);
    };
    const ca = await file('ca.pem', ONE.cert);
    const wrong = await file('wrong.pem', TWO.cert);
    const port = await freePort();
    const secured = await startPostgres([`listen_addresses=127.0.0.1`, `port=${port}`], {
      'server.crt': ONE.cert,
      'server.key': ONE.key,
      'pg_hba.conf': 'local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n',
      'postgresql.auto.conf': `ssl = on\n`,
    });
    t.teardown(() => secured.stop());
    const { default: driver } = await import('pg');
    const data = decodeURIComponent(secured.url().replace(/.*host=/, ''));
    t.true((await readdir(data)).includes('server.key'));
    const client = new driver.Client({ host: data, port, user: 'jackfield', database: 'postgres' });
    await client.connect();
    await client.query(`ALTER USER jackfield PASSWORD 'right-secret'`);
    await client.end();
    const attempt = async (password: string, query: string) => {
      const { log, lines } = readableLog();
      const url = `postgres://jackfield:${password}@localhost:${port}/postgres${query}`;
      const adapter = new PostgresAdapter({ url, connectTimeoutMs: 10_000 }, { log });
      try {
        await adapter.open();
        t.true((await adapter.commit(put('a'))).ok);
        await adapter.close();
        return 'stored';
      } catch (error) {
        t.false((textsOf(error) + lines.join('')).includes(password), 'no error shows the password');
        return `${await codeOf(() => Promise.reject(error))} ${error instanceof Error ? error.message : ''}`;
      }
    };
    const verified = `?sslmode=verify-full&sslrootcert=${encodeURIComponent(ca)}`;
    t.is(await attempt('right-secret', verified), 'stored');
    t.regex(await attempt('wrong-secret', verified), /^STORAGE_UNAVAILABLE .*password authentication failed/);
    t.regex(await attempt('right-secret', ''), /^STORAGE_UNAVAILABLE .*no encryption/);
    t.regex(
      await attempt('right-secret', `?sslmode=verify-full&sslrootcert=${encodeURIComponent(wrong)}`),
      /^STORAGE_UNAVAILABLE .*self-signed certificate/,
    );
  });

  test.serial(
    'a proxy that cuts at every commit under load leaves outcomes unknown, and no commit in part',
    async (t) => {
      const proxy = await proxyFor(t, server().socket);
      const adapter = await at(t, { url: server().url(proxy.port) });
      let commits = 0;
      for (const where of ['before', 'after'] as const) {
        const writers = writersOf(adapter, 4);
        proxy.cutWhen(where, (octets) => {
          if (!octets.includes('COMMIT\0')) return false;
          commits += 1;
          return commits % 5 === 0;
        });
        await writers.acknowledge(40);
        await writers.stop();
        proxy.cutWhen(where, undefined);
        await worksAgain(adapter);
        t.true(writers.unknown > 0);
        t.deepEqual(await writers.faults(), []);
      }
    },
  );
});
