/** The lock may be lost while a checkpoint writes: from then on the data may belong to another process. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { StorageError } from '../../../core/storage/contract.js';
import { EntryTable } from '../../../core/storage/entry-table.js';
import { checkpoint } from '../../../storage-adapters/json-file/checkpoint.js';
import { nodeFileSystem } from '../../../storage-adapters/json-file/file-system.js';
import { freshFolder } from './helpers.js';

for (const [moment, looks] of [
  ['before it begins', 0],
  ['while it writes', 1],
] as const) {
  test(`a lock that is lost ${moment} leaves the data file and the journals unchanged`, async (t) => {
    const { folder, path } = await freshFolder(t);
    await mkdir(folder, { recursive: true });
    await writeFile(path, '{\n  "a": "another process wrote this"\n}\n');
    await writeFile(`${path}.journal.1`, 'theirs');
    const table = new EntryTable();
    table.set({ key: 'a', value: 'ours', created: 1, revision: 1 });
    let left: number = looks;
    const error = await t.throwsAsync(
      checkpoint(
        path,
        { number: 2, salt: 1, entries: table.freeze(), created: 1, revision: 1 },
        {
          files: nodeFileSystem,
          async mustBeLocked() {
            if (left === 0) throw new StorageError('STORAGE_LOCKED', 'the lock was removed.');
            left -= 1;
          },
          keepEdit: async () => {},
          stands: () => t.fail('nothing of ours stands'),
        },
      ),
    );
    t.like(error, { code: 'STORAGE_LOCKED' });
    t.regex(await readFile(path, 'utf8'), /another process/);
    const names = await readdir(folder);
    t.true(names.includes('data.json.journal.1'));
    t.false(names.some((name) => name.endsWith('.tmp')));
  });
}
