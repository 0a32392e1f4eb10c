import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { storageContract } from '../../core/testing/storage-contract.js';
import { LmdbAdapter } from '../../storage-adapters/lmdb/lmdb.js';

storageContract(
  (title, body) =>
    test(title, async (t) => {
      await body();
      t.pass();
    }),
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'jackfield-contract-'));
    const make = () => new LmdbAdapter({ path: join(folder, 'data.lmdb') });
    return { adapter: make(), reopen: make, cleanup: () => rm(folder, { recursive: true }) };
  },
);
