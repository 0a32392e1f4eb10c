/** The real file system: a synced write goes to the file that was opened, whatever its current name. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { nodeFileSystem } from '../../../storage-adapters/json-file/file-system.js';
import { freshFolder } from './helpers.js';

const octets = (text: string) => Buffer.from(text);

test('synced writes are at the right offset between other writes', async (t) => {
  const { folder } = await freshFolder(t);
  const path = join(folder, 'file');
  const file = await nodeFileSystem.create(path);
  t.is(await file.write(octets('one two'), 0), 7);
  t.is(await file.writeSynced(octets('TWO'), 4), 3);
  t.is(await file.write(octets('!'), 7), 1);
  t.is(await file.writeSynced(octets('?'), 8), 1);
  t.is(await readFile(path, 'utf8'), 'one TWO!?');
  await file.close();
});

test('a synced write goes to the opened file, even if another file has its name now', async (t) => {
  const { folder } = await freshFolder(t);
  const path = join(folder, 'file');
  const file = await nodeFileSystem.create(path);
  await rename(path, `${path}.away`);
  await writeFile(path, 'of somebody');
  await file.writeSynced(octets('ours'), 0);
  await file.writeSynced(octets(' too'), 4);
  t.is(await readFile(`${path}.away`, 'utf8'), 'ours too');
  t.is(await readFile(path, 'utf8'), 'of somebody');
  await file.close();
});

if (process.platform === 'linux') {
  test.serial(
    'on Linux one descriptor syncs by itself, the other does not, and both are closed',
    async (t) => {
      const { folder } = await freshFolder(t);
      const path = join(folder, 'file');
      const file = await nodeFileSystem.create(path);
      await file.writeSynced(octets('x'), 0);
      // Octal, as in /proc; O_DSYNC is 010000.
      const flags = descriptorsOf(path).map((descriptor) => {
        const [, shown = ''] =
          /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')) ?? [];
        return (Number.parseInt(shown, 8) & 0o10000) !== 0;
      });
      t.deepEqual(flags.sort(), [false, true]);
      await file.close();
      t.deepEqual(descriptorsOf(path), []);
    },
  );
}

function descriptorsOf(path: string): string[] {
  return readdirSync('/proc/self/fd').filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`) === path;
    } catch {
      return false; // The descriptor of the listing itself, which is closed now.
    }
  });
}
