import test from 'ava';
import { storageContract } from '../../core/testing/storage-contract.js';
import { LruAdapter } from '../../storage-adapters/lru.js';

storageContract(
  (title, body) =>
    test(title, async (t) => {
      await body();
      t.pass();
    }),
  () => new LruAdapter({ maxEntries: 1_000, maxOctets: 8 * 1_048_576 }),
);
