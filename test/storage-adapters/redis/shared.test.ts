/** Several servers over one Redis that always syncs, while it is killed. */
import test from 'ava';
import { freshNamespace, withRedis } from '../../support/server-test.js';
import { killedUnderLoad, sharedStoreTests } from '../shared-store.js';

withRedis(test, (server) => {
  const freshStorage = () => ({
    adapter: 'redis',
    options: { url: server().url, namespace: freshNamespace() },
  });
  sharedStoreTests(test, freshStorage);

  test.serial('killed under load: 503 meanwhile, no acknowledged write is lost, and it recovers', (t) =>
    killedUnderLoad(t, freshStorage(), server()),
  );
});
