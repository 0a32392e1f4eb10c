/** Edits and damage: what is refused, what is kept, and how an operator repairs it. */
import { copyFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { createLog } from '../../../core/log.js';
import { HEADER_OCTETS } from '../../../storage-adapters/json-file/frame.js';
import {
  adopt,
  discard,
  JsonFileAdapter,
  stats,
  verify,
} from '../../../storage-adapters/json-file/json-file.js';
import { entriesOf, freshFolder, onDisk, opened, outcomeOf, pairsOf, puts, storedIn } from './helpers.js';

const NEVER = { idleMs: 1_000_000_000, minOctets: 1_000_000_000 };

/** The files of a killed server: a, b in the data file; c and another b in the journal. */
async function killed(t: ExecutionContext) {
  const { folder, path } = await freshFolder(t);
  const adapter = new JsonFileAdapter({ path }, { checkpoints: NEVER });
  await adapter.open();
  await adapter.commit(puts({ a: '1', b: '1' }));
  await adapter.commit({ puts: [{ key: 'session', value: 'x', ttlMs: 3_600_000 }] });
  await adapter.checkpoint();
  for (const change of [puts({ c: '1' }), puts({ b: '2' }), { deletes: ['session'] }])
    await adapter.commit(change);
  const names = (await readdir(folder)).filter((name) => /\.(base|journal)\.\d+$|json$/.test(name));
  for (const name of names) await copyFile(`${folder}/${name}`, `${folder}/${name}.copy`);
  const revision = adapter.revision();
  await adapter.close();
  for (const name of await readdir(folder)) if (!name.endsWith('.copy')) await rm(`${folder}/${name}`);
  for (const name of names) await copyFile(`${folder}/${name}.copy`, `${folder}/${name}`);
  for (const name of names) await rm(`${folder}/${name}.copy`);
  const [journal = ''] = names.filter((name) => name.includes('.journal.'));
  return { folder, path, revision, journal: `${folder}/${journal}` };
}

test('an edit while the journal has commits is refused, and nothing is changed', async (t) => {
  const { folder, path } = await killed(t);
  await writeFile(path, '{"a": "edited", "mine": "x"}');
  const before = (await readdir(folder)).toSorted();
  const error = await t.throwsAsync(() => opened(t, { path }), { code: 'STORAGE_EDITED' });
  t.regex(error?.message ?? '', /data\.json was changed .*journal\.\d+.*adopt.*discard/);
  t.like(await verify(path), { sound: false, code: 'STORAGE_EDITED' });
  t.deepEqual((await readdir(folder)).toSorted(), before);
  await rm(path);
  t.is(await outcomeOf(() => opened(t, { path })), 'STORAGE_EDITED', 'removed is edited too');
});

test('adopt applies the commits of the journal to the edited file', async (t) => {
  const { path, revision } = await killed(t);
  await writeFile(path, '{"a": "edited", "mine": "x", "session": "x"}');
  const { commits, kept } = await adopt(path);
  t.is(commits, 3);
  t.deepEqual(onDisk(path), [
    ['a', 'edited'],
    ['mine', 'x'],
    ['c', '1'],
    ['b', '2'],
  ]);
  for (const file of kept) t.true((await readFile(file)).length > 0, file);
  const [edit = ''] = kept;
  t.is(await readFile(edit, 'utf8'), '{"a": "edited", "mine": "x", "session": "x"}');
  const adapter = await opened(t, { path });
  for (const entry of await entriesOf(adapter)) t.true(entry.revision > revision, 'no old ETag matches');
  t.is(await outcomeOf(() => adapter.commit(puts({ d: '1' }))), 'ok');
});

test('discard keeps only the edited file', async (t) => {
  const { path, revision } = await killed(t);
  await writeFile(path, '{"a": "edited", "mine": "x"}');
  t.is((await discard(path)).commits, 0);
  const adapter = await opened(t, { path });
  t.deepEqual(await pairsOf(adapter), [
    ['a', 'edited'],
    ['mine', 'x'],
  ]);
  for (const entry of await entriesOf(adapter)) t.true(entry.revision > revision);
});

test('a damaged journal is refused with file, offset and record, and copied once', async (t) => {
  const { folder, path, journal } = await killed(t);
  const octets = await readFile(journal);
  octets[HEADER_OCTETS + 12] = octets[HEADER_OCTETS + 12]! ^ 1;
  await writeFile(journal, octets);
  const lines: string[] = [];
  for (let starts = 0; starts < 3; starts += 1) {
    const log = createLog((line) => lines.push(line));
    const error = await t.throwsAsync(() => opened(t, { path, log }), { code: 'STORAGE_CORRUPT' });
    t.true(
      error?.message.includes(`${journal}: record 3 at offset ${HEADER_OCTETS} is damaged`),
      error?.message,
    );
  }
  const copies = (await readdir(folder)).filter((name) => name.includes('.damaged-'));
  t.is(copies.length, 1);
  t.deepEqual(await readFile(`${folder}/${copies[0]}`), octets);
  t.deepEqual(await readFile(journal), octets, 'left as it is');

  t.is((await adopt(path)).commits, 2, 'all that is whole');
  t.deepEqual(onDisk(path), [
    ['a', '1'],
    ['b', '2'],
  ]);
  t.like(await verify(path), { sound: true, report: { origin: 'known', entries: 2 } });
});

test('if a file of the store beside the data is damaged or missing, the store is refused', async (t) => {
  for (const harm of ['cut', 'flip', 'remove'] as const) {
    for (const kind of ['base', 'journal']) {
      const { folder, path } = await killed(t);
      const [name = ''] = (await readdir(folder)).filter((file) =>
        new RegExp(`\\.${kind}\\.\\d+$`).test(file),
      );
      const octets = await readFile(`${folder}/${name}`);
      if (harm === 'cut') await writeFile(`${folder}/${name}`, octets.subarray(0, 20));
      else if (harm === 'remove') await rm(`${folder}/${name}`);
      else {
        octets[10] = octets[10]! ^ 1;
        await writeFile(`${folder}/${name}`, octets);
      }
      const expected = kind === 'base' && harm === 'remove' ? 'STORAGE_EDITED' : 'STORAGE_CORRUPT';
      t.is(await outcomeOf(() => opened(t, { path })), expected, `${harm} ${kind}`);
      await discard(path);
      t.deepEqual(await storedIn(path), [
        ['a', '1'],
        ['b', '1'],
        ['session', 'x'],
      ]);
    }
  }
});

for (const [what, damage] of Object.entries({
  'one octet of the header': (octets: Buffer) => octets.fill('X', 5, 6),
  'the salt in the header': (octets: Buffer) => octets.fill('0', 25, 33),
  'an octet too few in the header': (octets: Buffer) =>
    Buffer.concat([octets.subarray(0, 3), octets.subarray(4)]),
  'a header that became NUL': (octets: Buffer) => octets.fill(0, 0, HEADER_OCTETS),
  'a beginning that is gone': (octets: Buffer) => octets.subarray(HEADER_OCTETS),
})) {
  test(`a damaged journal: adopt applies every commit in spite of ${what}`, async (t) => {
    const { path, revision, journal } = await killed(t);
    await writeFile(journal, damage(await readFile(journal)));
    t.is(await outcomeOf(() => opened(t, { path })), 'STORAGE_CORRUPT');
    t.is((await adopt(path)).commits, 3);
    const adapter = await opened(t, { path });
    t.deepEqual(await pairsOf(adapter), [
      ['a', '1'],
      ['b', '2'],
      ['c', '1'],
    ]);
    t.true(adapter.revision() > revision);
  });
}

test('a damaged base: entries still expire after adopt and discard', async (t) => {
  for (const decide of [adopt, discard]) {
    const { folder, path } = await freshFolder(t);
    const before = new JsonFileAdapter({ path }, { checkpoints: NEVER });
    await before.open();
    const ttlMs = 3_600_000;
    await before.commit({ puts: ['a', 'b'].map((key) => ({ key, value: key, ttlMs })) });
    await before.commit(puts({ stays: '1' }));
    await before.checkpoint();
    const expiresAt = before.get('a')?.expiresAt;
    await before.close();
    const [base = ''] = (await readdir(folder)).filter((name) => name.includes('.base.'));
    await writeFile(`${folder}/${base}`, (await readFile(`${folder}/${base}`)).fill('X', 3, 4));
    t.is(await outcomeOf(() => opened(t, { path })), 'STORAGE_CORRUPT');
    await decide(path);
    const adapter = await opened(t, { path });
    t.deepEqual(
      (await entriesOf(adapter)).map((entry) => [entry.key, entry.expiresAt]),
      [
        ['a', expiresAt],
        ['b', expiresAt],
        ['stays', undefined],
      ],
    );
  }
});

test('a torn last record is cut off with a warning, and copied', async (t) => {
  const { folder, path, journal } = await killed(t);
  const octets = await readFile(journal);
  await writeFile(journal, octets.subarray(0, -3));
  t.like(await verify(path), { sound: true, report: { journalCommits: 2 } });
  const lines: string[] = [];
  const adapter = await opened(t, { path, checkpoints: NEVER, log: createLog((line) => lines.push(line)) });
  t.true(
    lines.some((line) => line.includes('"level":"warn"') && line.includes('is incomplete')),
    lines.join(),
  );
  t.is(adapter.get('session')?.value, 'x', 'its deletion was never acknowledged');
  const [kept = ''] = (await readdir(folder)).filter((name) => name.includes('.torn-'));
  const tail = await readFile(`${folder}/${kept}`);
  t.true(octets.subarray(0, -3).equals(Buffer.concat([await readFile(journal), tail])));
});

test('stats reports the content, and neither stats nor verify works while a server has the data open', async (t) => {
  const { path, revision } = await killed(t);
  t.like(await stats(path), {
    path,
    origin: 'known',
    entries: 3,
    revision,
    journalCommits: 3,
    tornOctets: 0,
  });
  const adapter = await opened(t, { path });
  for (const ask of [stats, verify, adopt, discard]) t.is(await outcomeOf(() => ask(path)), 'STORAGE_LOCKED');
  await adapter.close();
  t.like(await stats(path), { journalCommits: 0, journalOctets: 0, entries: 3 });
});
