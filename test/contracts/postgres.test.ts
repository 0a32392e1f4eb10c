import test from 'ava';
import { silentLog } from '../../core/log.js';
import { storageContract } from '../../core/testing/storage-contract.js';
import { PostgresAdapter } from '../../storage-adapters/postgres/postgres.js';
import { startProxy } from '../support/proxy.js';
import { freshNamespace, withPostgres } from '../support/server-test.js';

withPostgres(test, (server) => {
  storageContract(
    (title, body) =>
      test.serial(title, async (t) => {
        await body();
        t.pass();
      }),
    async () => {
      const namespace = freshNamespace();
      const make = (url: string) =>
        new PostgresAdapter({ url, namespace, poolSize: 4, sweepIntervalMs: 20 }, { log: silentLog });
      const proxy = await startProxy(server().socket);
      return {
        adapter: make(server().url(proxy.port)),
        reopen: () => make(server().url()),
        breakIt: () => proxy.refuse(true),
        mendIt: () => proxy.refuse(false),
        cleanup: () => proxy.close(),
      };
    },
  );
});
