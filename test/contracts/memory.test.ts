import test from 'ava';
import { storageContract } from '../../core/testing/storage-contract.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';

storageContract(
  (title, body) =>
    test(title, async (t) => {
      await body();
      t.pass();
    }),
  () => new MemoryAdapter(),
);
