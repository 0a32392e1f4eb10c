/** Adapters are interchangeable: with random calls, stores on servers answer like memory. */
import test from 'ava';
import fc from 'fast-check';
import { silentLog } from '../../core/log.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import { PostgresAdapter } from '../../storage-adapters/postgres/postgres.js';
import { RedisAdapter } from '../../storage-adapters/redis/redis.js';
import { freshNamespace, withPostgres, withRedis } from '../support/server-test.js';
import { answersOf, steps } from './steps.js';

const make = {
  postgres: (url: string) => new PostgresAdapter({ url, namespace: freshNamespace() }, { log: silentLog }),
  redis: (url: string) => new RedisAdapter({ url, namespace: freshNamespace() }, { log: silentLog }),
};

withPostgres(test, (server) => {
  test.serial('postgres answers like memory', async (t) => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        t.deepEqual(
          await answersOf(make.postgres(server().url()), all),
          await answersOf(new MemoryAdapter(), all),
        );
      }),
      { numRuns: 40 },
    );
  });
});

withRedis(test, (server) => {
  test.serial('redis answers like memory', async (t) => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        t.deepEqual(
          await answersOf(make.redis(server().url), all),
          await answersOf(new MemoryAdapter(), all),
        );
      }),
      { numRuns: 40 },
    );
  });
});
