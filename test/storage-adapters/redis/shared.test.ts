/** Several servers over one Redis that syncs always, and what they do while it is killed. */
import test from 'ava';
import { freshNamespace, withRedis } from '../../support/server-test.js';
import { killedUnderLoad, sharedStoreTests } from '../shared-store.js';

withRedis(test, (server) => {
  const freshStorage = () => ({
    adapter: 'redis',
    options: { url: server().url, namespace: freshNamespace() },
  });
  sharedStoreTests(test, freshStorage);

  test.serial('killed under load: 503 meanwhile, nothing answered is lost, and it comes back', (t) =>
    killedUnderLoad(t, freshStorage(), server()),
  );
});
