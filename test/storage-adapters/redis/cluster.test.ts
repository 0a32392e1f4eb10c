/** The whole contract over a Redis Cluster of three masters; the namespaces are spread over all of them. */
import test from 'ava';
import { silentLog } from '../../../core/log.js';
import { storageContract } from '../../../core/testing/storage-contract.js';
import { RedisAdapter } from '../../../storage-adapters/redis/redis.js';
import { reportMissing } from '../../support/missing.js';
import { redisMissing, startRedisCluster } from '../../support/redis-server.js';
import { freshNamespace } from '../../support/server-test.js';
import { codeOf, opened, put } from '../outage.js';
import { until } from '../shared-store.js';

const missing = redisMissing();
if (missing !== undefined) {
  reportMissing(test, missing);
} else {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>> | undefined;
  test.before('a cluster starts', async () => {
    cluster = await startRedisCluster();
  });
  test.after.always('the cluster stops', () => cluster?.stop());
  const urls = () => cluster!.nodes.map(({ url }) => url);

  storageContract(
    (title, body) =>
      test.serial(title, async (t) => {
        await body();
        t.pass();
      }),
    () => {
      const namespace = freshNamespace();
      const make = () =>
        new RedisAdapter({ url: urls(), namespace, sweepIntervalMs: 20 }, { log: silentLog });
      return { adapter: make(), reopen: make };
    },
  );

  test.serial('namespaces are spread over all nodes', async (t) => {
    for (let n = 0; n < 20; n += 1) {
      const adapter = await opened(
        t,
        new RedisAdapter({ url: urls()[0]!, cluster: true, namespace: `ns-${n}` }, { log: silentLog }),
      );
      await adapter.commit(put('a'));
    }
    for (const node of cluster!.nodes) t.notRegex(await node.ask('DBSIZE'), /^:0\r/);
  });

  test.serial('a killed node is an outage of its own namespaces only, and they recover', async (t) => {
    const node = cluster!.nodes[2]!;
    const make = (namespace: string) =>
      opened(t, new RedisAdapter({ url: urls(), namespace }, { log: silentLog }));
    const adapters = await Promise.all(Array.from({ length: 12 }, (_, n) => make(`killed-${n}`)));
    for (const adapter of adapters) await adapter.commit(put('a'));
    await node.ask('CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
    for (const one of cluster!.nodes) await one.ask('CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
    await node.kill();
    const failing = async () => {
      const codes = await Promise.all(adapters.map((adapter) => codeOf(() => adapter.get('a'))));
      for (const code of codes) t.true(code === 'no error' || code === 'STORAGE_UNAVAILABLE', String(code));
      return codes.filter((code) => code !== 'no error').length;
    };
    await until(async () => (await failing()) > 0);
    // Adapters that used the lost node for other namespaces need a moment to reconnect.
    await until(async () => {
      const count = await failing();
      return count > 0 && count < 12;
    });
    await node.start();
    await until(async () => (await failing()) === 0);
    for (const adapter of adapters) t.is((await adapter.get('a'))?.value, 'x');
  });
}
