/** Interchangeable, tried at random: the same calls get the same answers from the stores that are servers. */
import test from 'ava';
import fc from 'fast-check';
import { silentLog } from '../../core/log.js';
import type { Change, Page, StorageAdapter } from '../../core/storage/contract.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import { PostgresAdapter } from '../../storage-adapters/postgres/postgres.js';
import { RedisAdapter } from '../../storage-adapters/redis/redis.js';
import { freshNamespace, withPostgres, withRedis } from '../support/server-test.js';

type Call = { readonly change: Change } | { readonly key: string } | { readonly page: Page };

const key = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('a', 'b', 'ab', '10', '9', '__proto__', 'a\0', 'a%', 'é', '\u{10ffff}'),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', minLength: 1, maxLength: 5 }) },
);
const value = fc.string({ unit: 'binary', maxLength: 10 });
const change = fc
  .record({
    checks: fc.array(fc.record({ key, revision: fc.nat(8) }), { maxLength: 2 }),
    keys: fc.uniqueArray(key, { maxLength: 5 }),
    value,
    deletes: fc.nat(2),
  })
  .map(({ checks, keys, value, deletes }): Call => {
    const puts = keys.slice(deletes).map((put, at) => ({ key: put, value: `${value}${at}` }));
    return { change: { checks, puts, deletes: keys.slice(0, deletes) } };
  });
const page = fc
  .record({
    prefix: fc.constantFrom('', 'a', '1', 'a\0', 'a%', '%', 'é', '\u{10ffff}'),
    after: fc.nat(10),
    limit: fc.integer({ min: 1, max: 6 }),
  })
  .map((wanted): Call => ({ page: wanted }));
const calls = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: change },
    key.map((wanted): Call => ({ key: wanted })),
    page,
  ),
  { maxLength: 25 },
);

async function answersOf(adapter: StorageAdapter, all: readonly Call[]): Promise<unknown[]> {
  await adapter.open();
  const answers: unknown[] = [];
  for (const call of all) {
    if ('change' in call) answers.push(await adapter.commit(call.change));
    else if ('key' in call) answers.push(await adapter.get(call.key));
    else answers.push(await adapter.list(call.page));
  }
  answers.push(await adapter.list({ limit: 1_000 }), await adapter.revision?.());
  await adapter.close();
  return answers;
}

const make = {
  postgres: (url: string) => new PostgresAdapter({ url, namespace: freshNamespace() }, { log: silentLog }),
  redis: (url: string) => new RedisAdapter({ url, namespace: freshNamespace() }, { log: silentLog }),
};

withPostgres(test, (server) => {
  test.serial('postgres answers as memory does', async (t) => {
    await fc.assert(
      fc.asyncProperty(calls, async (all) => {
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
  test.serial('redis answers as memory does', async (t) => {
    await fc.assert(
      fc.asyncProperty(calls, async (all) => {
        t.deepEqual(
          await answersOf(make.redis(server().url), all),
          await answersOf(new MemoryAdapter(), all),
        );
      }),
      { numRuns: 40 },
    );
  });
});
