import test from 'ava';
import { silentLog } from '../../core/log.js';
import { storageContract } from '../../core/testing/storage-contract.js';
import { RedisAdapter } from '../../storage-adapters/redis/redis.js';
import { freshNamespace, withRedis } from '../support/server-test.js';

withRedis(test, (server) => {
  storageContract(
    (title, body) =>
      test.serial(title, async (t) => {
        await body();
        t.pass();
      }),
    () => {
      const namespace = freshNamespace();
      const make = () =>
        new RedisAdapter({ url: server().url, namespace, sweepIntervalMs: 20 }, { log: silentLog });
      return { adapter: make(), reopen: make };
    },
  );
});
