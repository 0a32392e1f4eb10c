/** The example in FORMAT.md is correct. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { verify } from '../../../storage-adapters/json-file/operator.js';
import { readText } from '../../repository.js';
import { entriesOf, freshFolder, opened } from './helpers.js';

test('the files of the example are read as the page says', async (t) => {
  const page = await readText('storage-adapters/json-file/FORMAT.md');
  const { folder, path } = await freshFolder(t);
  const files = [...page.matchAll(/^```\w+ (data\.json\S*)\n([\s\S]*?)^```$/gm)];
  t.is(files.length, 3);
  for (const [, name = '', content = ''] of files) await writeFile(join(folder, name), content);
  t.like(await verify(path), {
    sound: true,
    report: { origin: 'known', revision: 8, journalCommits: 3, tornOctets: 0 },
  });
  const adapter = await opened(t, { path });
  // The test does not depend on whether the tokens of the example have expired.
  const stays = (await entriesOf(adapter)).filter(({ expiresAt }) => expiresAt === undefined);
  t.deepEqual(stays, [
    { key: '10', value: 'ten, changed', created: 1, revision: 6 },
    { key: 'name', value: 'Ada "Countess" Lovelace\nLondon', created: 3, revision: 3 },
    { key: '11', value: 'eleven', created: 5, revision: 6 },
  ]);
});
