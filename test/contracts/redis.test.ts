import test from 'ava';
import { silentLog } from '../../core/log.js';
import { storageContract } from '../../core/testing/storage-contract.js';
import { RedisAdapter } from '../../storage-adapters/redis/redis.js';
import { startProxy } from '../support/proxy.js';
import { freshNamespace, withRedis } from '../support/server-test.js';

withRedis(test, (server) => {
  storageContract(
    (title, body) =>
      test.serial(title, async (t) => {
        await body();
        t.pass();
      }),
    async () => {
      const namespace = freshNamespace();
      const make = (url: string) =>
        new RedisAdapter({ url, namespace, sweepIntervalMs: 20 }, { log: silentLog });
      const proxy = await startProxy(server().port);
      return {
        adapter: make(`redis://127.0.0.1:${proxy.port}`),
        reopen: () => make(server().url),
        breakIt: () => proxy.refuse(true),
        mendIt: () => proxy.refuse(false),
        cleanup: () => proxy.close(),
      };
    },
  );
});
