import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { storageContract } from '../../core/testing/storage-contract.js';
import { JsonFileAdapter } from '../../storage-adapters/json-file/json-file.js';

storageContract(
  (title, body) =>
    test(title, async (t) => {
      await body();
      t.pass();
    }),
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'jackfield-contract-'));
    const make = () => new JsonFileAdapter({ path: join(folder, 'data.json') });
    return { adapter: make(), reopen: make, cleanup: () => rm(folder, { recursive: true }) };
  },
);
