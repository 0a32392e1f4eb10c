/** For PostgreSQL only: driver, options, tables, history, and the content of the database. */
import test from 'ava';
import { silentLog } from '../../../core/log.js';
import { createServer } from '../../../core/server.js';
import definition, {
  PostgresAdapter,
  type PostgresOptions,
} from '../../../storage-adapters/postgres/postgres.js';
import { freshNamespace, withPostgres } from '../../support/server-test.js';
import { codeOf, opened, put, textsOf } from '../outage.js';
import { until } from '../shared-store.js';

const context = { log: silentLog };

test('without the driver the error says what to install', async (t) => {
  const missing = () =>
    Promise.reject(Object.assign(new Error("Cannot find package 'pg'"), { code: 'ERR_MODULE_NOT_FOUND' }));
  const adapter = new PostgresAdapter({ url: 'postgres://127.0.0.1/x' }, context, missing);
  const error = await t.throwsAsync(async () => adapter.open(), { code: 'STORAGE_DRIVER_MISSING' });
  t.regex(
    error.message,
    /not installed: pg\. Run "npm install pg" \(or the same with your package manager\) where jackfield is installed\.$/,
  );
});

test('an address of another protocol is refused without showing it', async (t) => {
  const storage = { adapter: 'postgres', options: { url: 'postgers://user:a-secret@host/x' } };
  const server = createServer({ listen: { port: 0 }, storage });
  const error = await t.throwsAsync(server.ready(), { code: 'ADAPTER_OPTIONS_INVALID' });
  t.regex(error.message, /must begin with postgres:\/\//);
  t.false(textsOf(error).includes('a-secret'));
});

test('an invalid address is reported without showing it', async (t) => {
  const adapter = new PostgresAdapter({ url: 'postgres://user:a-secret@[bad/x' }, context);
  const error = await t.throwsAsync(async () => adapter.open(), { code: 'STORAGE_UNAVAILABLE' });
  t.regex(error.message, /address/);
  t.false(textsOf(error).includes('a-secret'), textsOf(error));
});

test('an unknown option is refused', async (t) => {
  const storage = { adapter: 'postgres', options: { url: 'postgres://x/y', namspace: 'a' } };
  const error = await t.throwsAsync(createServer({ listen: { port: 0 }, storage }).ready());
  t.regex(error?.message ?? '', /unknown key "namspace".*did you mean "namespace"/);
});

test('a server does not start if the database cannot be reached', async (t) => {
  // Port 1 of loopback: nothing listens there.
  const storage = { adapter: 'postgres', options: { url: 'postgres://user:a-secret@127.0.0.1:1/x' } };
  const error = await t.throwsAsync(createServer({ listen: { port: 0 }, storage }).ready(), {
    code: 'STORAGE_UNAVAILABLE',
  });
  t.regex(error.message, /ECONNREFUSED/);
  t.false(textsOf(error).includes('a-secret'));
});

test('the adapter declares its properties', (t) => {
  const { supports } = definition.create({ url: 'postgres://x/y' } as never, { ...context, folder: '/' });
  t.deepEqual(supports, { durable: true, shared: 'cluster', bounded: false, watch: true });
});

withPostgres(test, (server) => {
  const make = (options: Partial<PostgresOptions> = {}) =>
    new PostgresAdapter({ namespace: freshNamespace(), ...options, url: server().url() }, context);

  const query = async (text: string) => {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: server().url() });
    await client.connect();
    try {
      // Several statements give several results, which the driver's types do not know.
      const answer: { rows: Record<string, unknown>[] } = await client.query(text);
      return answer.rows;
    } finally {
      await client.end();
    }
  };

  test.serial('twelve servers that start at once in an empty database all start', async (t) => {
    await query('DROP TABLE IF EXISTS jackfield, jackfield_namespaces, jackfield_changes, jackfield_schema');
    const namespace = freshNamespace();
    const adapters = Array.from({ length: 12 }, () => make({ namespace, poolSize: 1 }));
    await Promise.all(adapters.map((adapter) => adapter.open()));
    await Promise.all(adapters.map((adapter, n) => adapter.commit(put(`key ${n}`))));
    t.is((await adapters[0]!.list({ limit: 100 })).entries.length, 12);
    await Promise.all(adapters.map((adapter) => adapter.close()));
  });

  test.serial('tables of a later version are refused and unchanged', async (t) => {
    const before = make();
    await before.open();
    await before.close();
    await query('UPDATE jackfield_schema SET version = 2');
    t.is(await codeOf(() => make().open()), 'STORAGE_UNREADABLE');
    await query('UPDATE jackfield_schema SET version = 1');
    await opened(t, make());
  });

  test.serial('namespaces in one database do not see each other', async (t) => {
    const [one, other] = [await opened(t, make()), await opened(t, make())];
    await one.commit(put('a', '1'));
    t.is(await other.get('a'), undefined);
    t.is(await other.revision(), 0);
    const result = await other.commit({
      checks: [{ key: 'a', revision: 0 }],
      puts: [{ key: 'a', value: '2' }],
    });
    t.true(result.ok);
    t.is((await one.get('a'))?.value, '1');
    t.deepEqual(
      (await other.list({ limit: 9 })).entries.map(({ value }) => value),
      ['2'],
    );
  });

  test.serial('changes before the bound are trimmed, and readers that need them get an error', async (t) => {
    const adapter = await opened(t, make({ historyChanges: 20 }));
    for (let n = 0; n < 60; n += 1) await adapter.commit(put('a', String(n)));
    const code = () => codeOf(() => adapter.watch(0)[Symbol.asyncIterator]().next());
    await until(async () => (await code()) === 'STORAGE_HISTORY_GONE');
    const last = await adapter.revision();
    const { value } = await adapter
      .watch(last - 15)
      [Symbol.asyncIterator]()
      .next();
    t.is(value?.revision, last - 14);
    const [row] = await query(
      'SELECT count(*)::int AS kept FROM jackfield_changes c JOIN jackfield_namespaces n ON n.id = c.namespace ' +
        'WHERE n.history > 0',
    );
    t.true(Number(row?.kept) <= 22);
  });

  test.serial('a row that was inserted by hand is a conflict, not an error', async (t) => {
    const namespace = freshNamespace();
    const adapter = await opened(t, make({ namespace }));
    await query(
      `INSERT INTO jackfield SELECT id, 'hand', 'x', 1000, 1000, NULL FROM jackfield_namespaces WHERE name = '${namespace}'`,
    );
    t.deepEqual(await adapter.commit({ checks: [{ key: 'hand', revision: 0 }], ...put('hand') }), {
      ok: false,
      conflict: 'hand',
    });
  });

  /** While `body` runs, puts of the value `trap` fail in the server with the error of `raise`. */
  async function trapped(when: 'at once' | 'at COMMIT', raise: string, body: () => Promise<void>) {
    await query(`CREATE SEQUENCE tries;
      CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF new.v = 'trap' THEN ${raise} END IF; RETURN new; END $$;
      CREATE CONSTRAINT TRIGGER trap AFTER INSERT OR UPDATE ON jackfield
        ${when === 'at COMMIT' ? 'DEFERRABLE INITIALLY DEFERRED' : ''} FOR EACH ROW EXECUTE FUNCTION trap()`);
    try {
      await body();
    } finally {
      await query('DROP TRIGGER trap ON jackfield; DROP FUNCTION trap; DROP SEQUENCE tries');
    }
  }
  const fails = (state: string) => `RAISE EXCEPTION USING errcode = '${state}', message = 'trapped';`;

  for (const when of ['at once', 'at COMMIT'] as const) {
    for (const state of ['40001', '40P01', '23505']) {
      test.serial(`${state} ${when} is retried, but not forever`, async (t) => {
        const adapter = await opened(t, make());
        await trapped(when, `IF nextval('tries') <= 3 THEN ${fails(state)} END IF;`, async () => {
          t.true((await adapter.commit(put('a', 'trap'))).ok);
        });
        await trapped(when, `PERFORM nextval('tries'); ${fails(state)}`, async () => {
          t.is(await codeOf(() => adapter.commit(put('b', 'trap'))), 'STORAGE_UNAVAILABLE');
          t.is((await query('SELECT last_value::int AS tries FROM tries'))[0]?.tries, 5);
        });
        t.is(await adapter.get('b'), undefined);
      });
    }

    test.serial(`a full disk ${when} is STORAGE_FULL, and nothing is changed`, async (t) => {
      const adapter = await opened(t, make());
      await trapped(when, fails('53100'), async () => {
        t.is(await codeOf(() => adapter.commit(put('a', 'trap'))), 'STORAGE_FULL');
      });
      t.is(await adapter.get('a'), undefined);
    });
  }

  test.serial('a fault of one commit does not fail the others in its transaction', async (t) => {
    const adapter = await opened(t, make());
    await trapped('at once', fails('22023'), async () => {
      const codes = await Promise.all(
        ['1', '2', 'trap', '3'].map((value, n) => codeOf(() => adapter.commit(put(`key ${n}`, value)))),
      );
      t.deepEqual(codes, ['no error', 'no error', 'STORAGE_UNAVAILABLE', 'no error']);
    });
    const { entries } = await adapter.list({ limit: 9 });
    t.deepEqual(
      entries.map(({ value }) => value),
      ['1', '2', '3'],
    );
  });

  test.serial('commits of a user without synchronous commits are synced', async (t) => {
    await query('ALTER ROLE jackfield SET synchronous_commit = off');
    const namespace = freshNamespace();
    const adapter = await opened(t, make({ namespace }));
    await query(`CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      CREATE TABLE IF NOT EXISTS noted (sync text);
      INSERT INTO noted VALUES (current_setting('synchronous_commit')); RETURN new; END $$;
      CREATE TRIGGER note AFTER INSERT ON jackfield FOR EACH ROW EXECUTE FUNCTION note()`);
    await adapter.commit(put('a'));
    const [noted] = await query('SELECT sync FROM noted');
    t.is(noted?.sync, 'on');
    await query(
      'DROP TRIGGER note ON jackfield; DROP FUNCTION note; DROP TABLE noted; ALTER ROLE jackfield RESET synchronous_commit',
    );
  });

  test.serial('a database that does not sync is declared as not durable', async (t) => {
    await query('ALTER SYSTEM SET fsync = off');
    await query('SELECT pg_reload_conf()');
    await until(async () => (await query('SHOW fsync'))[0]?.fsync === 'off');
    const adapter = await opened(t, make());
    t.false(adapter.supports.durable);
    await query('ALTER SYSTEM RESET fsync');
    await query('SELECT pg_reload_conf()');
  });

  test.serial(
    'many concurrent reads each get their own entry, also those that arrive meanwhile',
    async (t) => {
      const adapter = await opened(t, make());
      const keys = Array.from({ length: 200 }, (_, n) => `key ${n}`);
      await adapter.commit({ puts: keys.map((key) => ({ key, value: `value of ${key}` })) });
      const read = async (key: string) => (await adapter.get(key))?.value;
      const twice = async (key: string) => [await read(key), await read(`${key} absent`), await read(key)];
      const answers = await Promise.all(keys.flatMap((key) => [twice(key), twice(key)]));
      t.deepEqual(
        answers,
        keys.flatMap((key) => {
          const value = `value of ${key}`;
          return [
            [value, undefined, value],
            [value, undefined, value],
          ];
        }),
      );
    },
  );

  test.serial('a server that stops closes every connection', async (t) => {
    const adapter = make();
    await adapter.open();
    const reader = adapter.watch(0)[Symbol.asyncIterator]();
    const waiting = reader.next();
    await adapter.commit(put('a'));
    await waiting;
    await adapter.close();
    await until(
      async () =>
        (
          await query(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'jackfield' AND backend_type = 'client backend'",
          )
        ).length === 0,
    );
    t.pass();
  });
});
