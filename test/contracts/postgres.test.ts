import test from 'ava';
import { silentLog } from '../../core/log.js';
import { storageContract } from '../../core/testing/storage-contract.js';
import { PostgresAdapter } from '../../storage-adapters/postgres/postgres.js';
import { freshNamespace, withPostgres } from '../support/server-test.js';

withPostgres(test, (server) => {
  storageContract(
    (title, body) =>
      test.serial(title, async (t) => {
        await body();
        t.pass();
      }),
    () => {
      const namespace = freshNamespace();
      const make = () =>
        new PostgresAdapter(
          { url: server().url(), namespace, poolSize: 4, sweepIntervalMs: 20 },
          { log: silentLog },
        );
      return { adapter: make(), reopen: make };
    },
  );
});
