/** The commands on a json-file store in any state that a server may leave: they change only what they must. */
import { copyFile, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Change } from '../../../../core/storage/contract.js';
import { JsonFileAdapter } from '../../../../storage-adapters/json-file/json-file.js';
import { tempFolder } from '../../temp-folder.js';
import { configOf, pairsOf, store, succeeded, within } from './stores.js';

const NEVER = { idleMs: 1_000_000_000, minOctets: 1_000_000_000 };
const puts = (pairs: Readonly<Record<string, string>>): Change => ({
  puts: Object.entries(pairs).map(([key, value]) => ({ key, value })),
});

/** The files after kill -9: a and b in the data file; c, another b and an expired entry in the journal. */
async function killed(t: ExecutionContext): Promise<string> {
  const from = await tempFolder(t);
  const folder = await tempFolder(t, { 'jackfield.config.json': configOf('json-file:data.json') });
  const adapter = new JsonFileAdapter({ path: join(from, 'data.json') }, { checkpoints: NEVER });
  await adapter.open();
  await adapter.commit(puts({ a: '1', b: '1' }));
  await adapter.checkpoint();
  await adapter.commit(puts({ c: '1' }));
  await adapter.commit({ puts: [{ key: 'short', value: 'x', ttlMs: 1 }] });
  await adapter.commit(puts({ b: '2' }));
  for (const name of await readdir(from)) {
    if (/\.(base|journal)\.\d+$|json$/.test(name)) await copyFile(join(from, name), join(folder, name));
  }
  await adapter.close();
  return folder;
}

async function journalIn(folder: string): Promise<string> {
  const [name = ''] = (await readdir(folder)).filter((file) => /\.journal\.\d+$/.test(file));
  return join(folder, name);
}

/** Every file with its content, except those that a command was asked to write. */
async function contentOf(folder: string, ...except: string[]): Promise<Record<string, string>> {
  const content: Record<string, string> = {};
  for (const name of (await readdir(folder)).toSorted()) {
    if (!except.includes(name)) content[name] = await readFile(join(folder, name), 'base64');
  }
  return content;
}

async function readEverything(t: ExecutionContext, folder: string): Promise<void> {
  const before = await contentOf(folder);
  const to = await tempFolder(t);
  for (const argv of [
    ['verify'],
    ['stats'],
    ['export', '-'],
    ['export', join(to, 'all.ndjson')],
    ['migrate', '--from', 'json-file:data.json', '--to', `json-file:${join(to, 'copy.json')}`],
  ]) {
    succeeded(t, await store(folder, ...argv));
    t.deepEqual(await contentOf(folder), before, argv.join(' '));
  }
  t.deepEqual(await pairsOf(to, 'json-file:copy.json'), [
    ['a', '1'],
    ['b', '2'],
    ['c', '1'],
  ]);
}

test('commands that only read leave a journal with commits unchanged', async (t) => {
  const folder = await killed(t);
  await readEverything(t, folder);
  const { stdout } = await store(folder, 'verify');
  t.regex(stdout, /^commits in the journal that are not yet in the file: [34]$/m);
});

test('commands that only read leave a torn record, leftover files and expired entries unchanged', async (t) => {
  const folder = await killed(t);
  const journal = await journalIn(folder);
  await writeFile(journal, '0123abcd 6 5 {"puts":[["torn"', { flag: 'a' });
  await writeFile(join(folder, 'data.json.tmp'), 'half');
  await readEverything(t, folder);
  t.regex((await store(folder, 'verify')).stdout, /^octets of an incomplete record.*: 29$/m);
});

test('an edited file is read without being adopted', async (t) => {
  const folder = await tempFolder(t, { 'jackfield.config.json': configOf('json-file:data.json') });
  await within(folder, 'json-file:data.json', async (door) => door.commit(puts({ old: '1' })));
  await writeFile(join(folder, 'data.json'), '{"a": "1", "b": "2", "c": "1"}');
  await readEverything(t, folder);
});

test('commands that only read refuse a missing store and do not create it', async (t) => {
  const folder = await tempFolder(t, { 'jackfield.config.json': configOf('json-file:data.json') });
  for (const argv of [
    ['stats'],
    ['export', '-'],
    ['migrate', '--from', 'json-file:dta.json', '--to', 'lmdb:to'],
  ]) {
    const { code, stderr } = await store(folder, ...argv);
    t.is(code, 1);
    t.regex(stderr, /(data|dta)\.json does not exist\. \[STORAGE_UNREADABLE\]\n$/);
  }
  t.deepEqual(await readdir(folder), ['jackfield.config.json']);
});

test('an edit while the journal has commits: verify reports it, adopt applies both, discard keeps the edit', async (t) => {
  const edit = '{"a": "edited", "mine": "x"}';
  const expected = {
    adopt: [
      ['a', 'edited'],
      ['mine', 'x'],
      ['c', '1'],
      ['b', '2'],
    ],
    discard: [
      ['a', 'edited'],
      ['mine', 'x'],
    ],
  };
  for (const how of ['adopt', 'discard'] as const) {
    const folder = await killed(t);
    await writeFile(join(folder, 'data.json'), edit);
    const before = await contentOf(folder);
    const verified = await store(folder, 'verify');
    t.is(verified.code, 1);
    t.regex(
      verified.stdout,
      /^FAULT .*data\.json was changed .*"jackfield store adopt".*"jackfield store discard"/,
    );
    t.regex((await store(folder, 'stats')).stderr, /\[STORAGE_EDITED\]\n$/);
    t.deepEqual(await contentOf(folder), before);

    const { stdout, ...run } = await store(folder, how);
    succeeded(t, { stdout, ...run });
    const kept = Object.entries(await contentOf(folder)).filter(([name]) => name.includes(`.before-${how}-`));
    for (const [name, content] of kept) {
      t.is(content, before[name.replace(/\.before-.*/, '')] ?? 'nothing', name);
      t.true(stdout.includes(name), stdout);
    }
    t.is(kept.length, 3);
    t.deepEqual(await pairsOf(folder, 'json-file:data.json'), expected[how] as [string, string][]);
    t.is((await store(folder, 'verify')).code, 0);
  }
});

test('a damaged journal: verify reports the place, adopt applies the intact commits', async (t) => {
  const folder = await killed(t);
  const journal = await journalIn(folder);
  const octets = await readFile(journal);
  const at = octets.indexOf('"c"');
  octets[at + 1] = 'd'.charCodeAt(0);
  await writeFile(journal, octets);
  const before = await contentOf(folder);
  t.regex(
    (await store(folder, 'verify')).stdout,
    /^FAULT .*journal\.\d+: record \d+ at offset \d+ is damaged/,
  );
  t.deepEqual(await contentOf(folder), before);
  succeeded(t, await store(folder, 'adopt', '--json'));
  t.deepEqual(await pairsOf(folder, 'json-file:data.json'), [
    ['a', '1'],
    ['b', '2'],
  ]);
});

test('adopt and discard change nothing if the store can be opened', async (t) => {
  const folder = await killed(t);
  const before = await contentOf(folder);
  for (const how of ['adopt', 'discard']) {
    const { stdout, ...run } = await store(folder, how);
    succeeded(t, { stdout, ...run });
    t.regex(stdout, /can be opened; .* nothing was changed\.\n$/);
    t.deepEqual(await contentOf(folder), before);
  }
});

test('a store that a server has open is refused, with the process and what to do', async (t) => {
  const folder = await killed(t);
  const other = await tempFolder(t);
  await within(folder, 'json-file:data.json', async () => {
    for (const argv of [
      ['verify'],
      ['stats'],
      ['export', '-'],
      ['adopt'],
      ['discard'],
      ['migrate', '--from', 'json-file:data.json', '--to', `lmdb:${join(other, 'to')}`],
    ]) {
      const { code, stderr } = await store(folder, ...argv);
      t.is(code, 1, argv.join(' '));
      t.regex(
        stderr,
        new RegExp(`process \\(${process.pid}\\).* Stop the server first, .*\\[STORAGE_LOCKED\\]\\n$`),
      );
    }
  });
});
