/** Several servers over one PostgreSQL, and what they do while it is killed. */
import test from 'ava';
import { freshNamespace, withPostgres } from '../../support/server-test.js';
import { killedUnderLoad, sharedStoreTests } from '../shared-store.js';

withPostgres(test, (server) => {
  const freshStorage = () => ({
    adapter: 'postgres',
    options: { url: server().url(), namespace: freshNamespace() },
  });
  sharedStoreTests(test, freshStorage);

  test.serial('killed under load: 503 meanwhile, nothing answered is lost, and it comes back', (t) =>
    killedUnderLoad(t, freshStorage(), server()),
  );
});
