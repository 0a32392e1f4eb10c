/** Several servers over one PostgreSQL, while it is killed. */
import test from 'ava';
import { freshNamespace, withPostgres } from '../../support/server-test.js';
import { killedUnderLoad, sharedStoreTests } from '../shared-store.js';

withPostgres(test, (server) => {
  const freshStorage = () => ({
    adapter: 'postgres',
    options: { url: server().url(), namespace: freshNamespace() },
  });
  sharedStoreTests(test, freshStorage);

  test.serial('killed under load: 503 meanwhile, no acknowledged write is lost, and it recovers', (t) =>
    killedUnderLoad(t, freshStorage(), server()),
  );
});
