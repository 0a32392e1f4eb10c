/**
 * A replica replaces its primary: what recovers by itself, what is lost, and that readers of the feed notice a loss.
 * Replication of Redis is asynchronous, so a loss is not a fault; an unreported loss is.
 */
import test, { type ExecutionContext } from 'ava';
import { silentLog } from '../../../core/log.js';
import type { StorageAdapter, WatchedChange } from '../../../core/storage/contract.js';
import { RedisAdapter, type RedisOptions } from '../../../storage-adapters/redis/redis.js';
import { EventSourceClient } from '../../plugins/event-source.js';
import { watched } from '../../plugins/watched.js';
import { reportMissing } from '../../support/missing.js';
import {
  isInStep,
  isReplicaOf,
  type RedisServer,
  redisMissing,
  startRedis,
  startRedisCluster,
} from '../../support/redis-server.js';
import { DURABLE, freshNamespace } from '../../support/server-test.js';
import { codeOf, opened, put } from '../outage.js';
import { until } from '../shared-store.js';
import { writersOf } from '../writers.js';

const missing = redisMissing();
if (missing !== undefined) reportMissing(test, missing);
else failoverTests();

function failoverTests(): void {
  const start = async (t: ExecutionContext) => {
    const server = await startRedis([...DURABLE, '--repl-diskless-sync-delay', '0']);
    t.teardown(() => server.stop());
    return server;
  };

  /** A primary and its replica; the adapter knows both addresses, the replica's first. */
  async function pair(t: ExecutionContext, options: Partial<RedisOptions> = {}) {
    const [primary, replica] = await Promise.all([start(t), start(t)]);
    await isReplicaOf(replica, primary);
    const namespace = freshNamespace();
    const fresh = (url: RedisOptions['url']) =>
      new RedisAdapter({ url, cluster: false, namespace, ...options }, { log: silentLog });
    const make = (url: RedisOptions['url']) => opened(t, fresh(url));
    const urls = [replica.url, primary.url];
    return { primary, replica, fresh: () => fresh(urls), make, adapter: await make(urls) };
  }

  const promote = (server: RedisServer) => server.ask('REPLICAOF', 'NO', 'ONE');
  const worksAgain = (adapter: StorageAdapter) =>
    until(async () => (await codeOf(() => adapter.commit(put('again')))) === 'no error');

  test.serial('of several addresses the primary is used', async (t) => {
    const { primary, replica, adapter } = await pair(t);
    t.true((await adapter.commit(put('a'))).ok);
    await isInStep(replica, primary);
    t.regex(await primary.ask('INFO', 'commandstats'), /cmdstat_eval/);
    const alone = new RedisAdapter({ url: replica.url }, { log: silentLog });
    const error = await t.throwsAsync(alone.open(), { code: 'STORAGE_UNAVAILABLE' });
    t.regex(error.message, /is a replica; the address must lead to the primary/);
  });

  test.serial(
    'after a primary is killed under load, the replica replaces it and writers continue by themselves',
    async (t) => {
      const { primary, replica, adapter } = await pair(t);
      const writers = writersOf(adapter);
      await writers.acknowledge(300);
      await primary.kill();
      await promote(replica);
      await writers.acknowledge(300);
      await writers.stop();
      const faults = await writers.faults();
      const lost = faults.filter((fault) => fault.endsWith('was acknowledged and is not there'));
      t.deepEqual(
        faults.filter((fault) => !lost.includes(fault)),
        [],
      );
      t.log(`${lost.length} lost, ${writers.refused} refused, ${writers.unknown} unknown`);
      t.true(writers.refused + writers.unknown > 0);
    },
  );

  test.serial('writers and readers leave a primary that becomes a replica', async (t) => {
    const { primary, replica, make, adapter } = await pair(t, { sweepIntervalMs: 20 });
    const reader = await make([primary.url, replica.url]);
    await adapter.commit(put('a', 'old'));
    await isInStep(replica, primary);
    await promote(replica);
    // Of nobody, so that it keeps its data.
    await primary.ask('REPLICAOF', '127.0.0.1', '1');
    t.is(await codeOf(() => adapter.commit(put('b'))), 'STORAGE_UNAVAILABLE');
    await until(async () => (await codeOf(() => adapter.commit(put('a', 'new')))) === 'no error');
    await until(
      async () =>
        (await codeOf(() => reader.get('a'))) === 'no error' && (await reader.get('a'))?.value === 'new',
    );
    t.is(await reader.get('b'), undefined, 'it was refused');
  });

  /**
   * `1` is on both servers; `2` and `3` were reported and are lost; then another history reuses `2` to `4`. Readers are
   * connected all the time.
   * @param begin Runs before two servers accept writes. @param read Runs meanwhile.
   */
  async function loss<T>(
    t: ExecutionContext,
    begin: (make: () => RedisAdapter) => Promise<T>,
    read: (adapter: RedisAdapter, begun: T) => Promise<void>,
  ) {
    const { primary, replica, fresh, make, adapter } = await pair(t);
    await adapter.commit(put('a', 'kept'));
    const begun = await begin(fresh);
    await isInStep(replica, primary);
    await promote(replica);
    for (const value of ['lost', 'lost too']) await adapter.commit(put('a', value));
    await read(adapter, begun);
    const others = await make(replica.url);
    for (const value of ['x', 'y', 'z']) await others.commit(put('b', value));
    await primary.kill();
    return { adapter, begun };
  }

  test.serial('if revisions are used again, readers of the first changes get an error', async (t) => {
    const waiting: Promise<unknown>[] = [];
    let place: WatchedChange | undefined;
    const { adapter } = await loss(
      t,
      async () => {},
      async (adapter) => {
        const read = async (after: number) => {
          const reader = adapter.watch(after)[Symbol.asyncIterator]();
          for (let at = after; at < 3; at += 1) {
            const { value } = await reader.next();
            t.is(value?.revision, at + 1);
            if (at === 0) place = value;
          }
          waiting.push(codeOf(() => reader.next()));
        };
        await Promise.all([read(0), read(2)]);
        // This one has read nothing yet, and waits.
        waiting.push(codeOf(() => adapter.watch(3)[Symbol.asyncIterator]().next()));
      },
    );
    t.deepEqual(
      await Promise.all(waiting),
      waiting.map(() => 'STORAGE_REVISION_UNKNOWN'),
    );
    await worksAgain(adapter);
    // A reader at a change that was not lost gets all changes of the new history.
    const reader = adapter.watch(place!.revision, place!.mark)[Symbol.asyncIterator]();
    for (const value of ['x', 'y', 'z']) t.is((await reader.next()).value?.puts[0]?.value, value);
  });

  test.serial('a client of /watch gets an error after a loss, now and when it returns', async (t) => {
    const { begun } = await loss(
      t,
      async (make) => {
        const { url } = await watched(t, make());
        const client = await EventSourceClient.connect(`${url}?after=1`);
        t.teardown(() => client.close());
        return { url, client };
      },
      async (_, { client }) => {
        for (const value of ['lost', 'lost too']) {
          t.like(await client.until('change'), { data: { puts: [{ value }] } });
        }
      },
    );
    const { url, client } = begun;
    t.like(await client.until('failure'), { data: { code: 'STORAGE_REVISION_UNKNOWN' } });
    t.is(await client.next(), undefined);
    t.regex(client.lastEventId ?? '', /^3-[0-9a-f]+$/);
    const again = await fetch(url, { headers: { 'last-event-id': client.lastEventId ?? '' } });
    t.is(again.status, 400);
    t.regex(await again.text(), /has not reached that revision: the change with revision 3 is not in it/);
  });

  test.serial('in a cluster, a manual switch of the primary loses nothing', async (t) => {
    const cluster = await startRedisCluster(true);
    t.teardown(() => cluster.stop());
    const url = cluster.nodes.map((node) => node.url);
    const fresh = async () => {
      const namespace = await namespaceOf(cluster.nodes[2]!);
      return opened(t, new RedisAdapter({ url, namespace }, { log: silentLog }));
    };
    const [one, other] = [await fresh(), await fresh()];
    const writers = writersOf(one);
    await writers.acknowledge(200);
    t.regex(await cluster.replica!.ask('CLUSTER', 'FAILOVER'), /OK/);
    await until(async () => /role:master/.test(await cluster.replica!.ask('INFO', 'replication')));
    await writers.acknowledge(200);
    t.deepEqual((await faultsOf(writers)).lost, []);

    // Now in the other direction, without an operator.
    await until(async () => /role:slave/.test(await cluster.nodes[2]!.ask('INFO', 'replication')));
    await isInStep(cluster.nodes[2]!, cluster.replica!);
    const more = writersOf(other);
    await more.acknowledge(200);
    await cluster.replica!.kill();
    await more.acknowledge(200);
    const { lost } = await faultsOf(more);
    t.log(`killed: ${lost.length} lost, ${more.refused} refused, ${more.unknown} unknown`);

    async function faultsOf(some: typeof writers) {
      await some.stop();
      const faults = await some.faults();
      const lost = faults.filter((fault) => fault.endsWith('was acknowledged and is not there'));
      t.deepEqual(
        faults.filter((fault) => !lost.includes(fault)),
        [],
      );
      return { lost };
    }
  });
}

/** A namespace whose keys are on this node, the last of the three. */
async function namespaceOf(node: RedisServer): Promise<string> {
  for (;;) {
    const name = freshNamespace();
    const slot = Number((await node.ask('CLUSTER', 'KEYSLOT', name)).slice(1));
    if (slot > 11_000) return name;
  }
}
