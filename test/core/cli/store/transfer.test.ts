import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import fc from 'fast-check';
import { ROOT } from '../../../repository.js';
import { tempFolder } from '../../temp-folder.js';
import { start } from '../around.js';
import { committed, configOf, entriesOf, pairsOf, store, succeeded, within } from './stores.js';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const pairs = fc.uniqueArray(fc.tuple(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), text), {
  selector: ([key]) => key,
  maxLength: 12,
});
/** Keys that break objects, file formats or terminals. */
const HOSTILE: [string, string][] = [
  '__proto__',
  '10',
  '9',
  '\u2028',
  'a\nb',
  '\0',
  '\u{10ffff}',
  '"',
  '{"key":1}',
].map((key) => [key, `value of ${key}`]);

test('any keys and values go from json-file through an export into lmdb and back, in order', async (t) => {
  const property = fc.asyncProperty(pairs, async (given) => {
    const folder = await tempFolder(t, {
      'from.json': configOf('json-file:data.json'),
      'to.json': configOf('lmdb:store'),
    });
    const puts = given.map(([key, value]) => ({ key, value }));
    await committed(folder, 'json-file:data.json', { puts });
    succeeded(t, await store(folder, 'export', 'all.ndjson', '--config', 'from.json'));
    succeeded(t, await store(folder, 'import', 'all.ndjson', '--config', 'to.json'));
    t.deepEqual(await pairsOf(folder, 'lmdb:store'), given);
    succeeded(t, await store(folder, 'migrate', '--from', 'to.json', '--to', 'json-file:back.json'));
    t.deepEqual(await pairsOf(folder, 'json-file:back.json'), given);
  });
  await fc.assert(property, { numRuns: 8, examples: [[HOSTILE], [[]]], endOnFailure: true });
});

test('creation order is kept even if later changes had another order, and so is expiry', async (t) => {
  const folder = await tempFolder(t);
  await within(folder, 'lmdb:from', async (door) => {
    for (const key of ['c', 'a', 'b']) await door.commit({ puts: [{ key, value: '1', ttlMs: 3_600_000 }] });
    await door.commit({ puts: [{ key: 'c', value: '2' }], deletes: ['a'] });
    await door.commit({ puts: [{ key: 'a', value: '3' }] });
  });
  succeeded(t, await store(folder, 'migrate', '--from', 'lmdb:from', '--to', 'json-file:to.json'));
  t.deepEqual(await pairsOf(folder, 'json-file:to.json'), [
    ['c', '2'],
    ['b', '1'],
    ['a', '3'],
  ]);
  const expiry = async (named: string) => (await entriesOf(folder, named)).map(({ expiresAt }) => expiresAt);
  const [before, after] = [await expiry('lmdb:from'), await expiry('json-file:to.json')];
  t.deepEqual(
    after.map((moment) => moment === undefined),
    [true, false, true],
  );
  t.true(Math.abs((after[1] ?? 0) - (before[1] ?? 0)) < 1_800_000, 'about the same moment');
});

test('a migration copies 100,000 entries and leaves its source unchanged', async (t) => {
  const folder = await tempFolder(t);
  const given = Array.from({ length: 100_000 }, (_, n): [string, string] => [
    `key ${n * 7_919}`,
    `value ${n}`,
  ]);
  await writeFile(join(folder, 'data.json'), JSON.stringify(Object.fromEntries(given)));
  const before = await readFile(join(folder, 'data.json'));
  const run = await store(folder, 'migrate', '--from', 'json-file:data.json', '--to', 'lmdb:store', '--json');
  succeeded(t, run);
  t.like(JSON.parse(run.stdout), { entries: 100_000, expiring: 0, resumed: 0 });
  t.true(before.equals(await readFile(join(folder, 'data.json'))));
  // Compared as text, so that a failure does not print 100,000 pairs.
  t.true(JSON.stringify(await pairsOf(folder, 'lmdb:store')) === JSON.stringify(given));
  const files = await readFile(join(folder, 'store/data.mdb'));
  const out = await store(folder, 'migrate', '--from', 'lmdb:store', '--to', 'lmdb:other', '--json');
  succeeded(t, out);
  t.is(JSON.parse(out.stdout).sha256, JSON.parse(run.stdout).sha256);
  t.true(files.equals(await readFile(join(folder, 'store/data.mdb'))), 'not an octet of the source');
});

test('an export that was tampered with is refused before anything is stored', async (t) => {
  const folder = await tempFolder(t, { 'jackfield.config.json': configOf('lmdb:store') });
  await committed(folder, 'lmdb:store', { puts: [{ key: 'price', value: '100' }] });
  succeeded(t, await store(folder, 'export', 'all.ndjson'));
  const whole = await readFile(join(folder, 'all.ndjson'), 'utf8');
  await writeFile(join(folder, 'tampered.ndjson'), whole.replace('"100"', '"999"'));
  await writeFile(join(folder, 'to.json'), configOf('lmdb:other'));
  const { code, stderr } = await store(folder, 'import', 'tampered.ndjson', '--config', 'to.json');
  t.is(code, 1);
  t.regex(stderr, /SHA-256 is wrong.* \[EXPORT_INVALID\]\n$/);
  t.false(existsSync(join(folder, 'other')));
});

test('a target with entries is refused; --merge adds to it, --resume continues only its own copy', async (t) => {
  const folder = await tempFolder(t);
  await committed(folder, 'lmdb:from', {
    puts: ['a', 'b', 'c'].map((key) => ({ key, value: `new ${key}` })),
  });
  await committed(folder, 'lmdb:to', { puts: ['x', 'b'].map((key) => ({ key, value: `old ${key}` })) });
  const migrate = (...flags: string[]) =>
    store(folder, 'migrate', '--from', 'lmdb:from', '--to', 'lmdb:to', ...flags);
  const before = await entriesOf(folder, 'lmdb:to');
  t.regex((await migrate()).stderr, /\[STORE_NOT_EMPTY\]\n$/);
  t.regex(
    (await migrate('--resume')).stderr,
    /"x" is at the place where the source has "a"\. \[STORE_DIFFERS\]\n$/,
  );
  t.deepEqual(await entriesOf(folder, 'lmdb:to'), before);
  await committed(folder, 'lmdb:changed', { puts: [{ key: 'a', value: 'changed since' }] });
  t.regex(
    (await store(folder, 'migrate', '--from', 'lmdb:from', '--to', 'lmdb:changed', '--resume')).stderr,
    /"a" has another value than the source\. \[STORE_DIFFERS\]\n$/,
  );
  succeeded(t, await migrate('--merge'));
  t.deepEqual(await pairsOf(folder, 'lmdb:to'), [
    ['x', 'old x'],
    ['b', 'new b'],
    ['a', 'new a'],
    ['c', 'new c'],
  ]);
});

test('a signal ends an export without a partial file, and keeps the previous one', async (t) => {
  const folder = await tempFolder(t, {
    'jackfield.config.json': configOf('lmdb:store'),
    'all.ndjson': 'the one before',
  });
  const puts = Array.from({ length: 20_000 }, (_, n) => ({ key: `key ${n}`, value: 'x'.repeat(50) }));
  await committed(folder, 'lmdb:store', { puts });
  const { finished, signals, exits } = start(['store', 'export', 'all.ndjson'], folder);
  while (signals.listenerCount('SIGINT') === 0) await new Promise((resolve) => setImmediate(resolve));
  signals.emit('SIGINT');
  const { code, stderr } = await finished;
  t.is(code, 1);
  t.is(stderr, 'jackfield: Stopped before the end. It was stopped by SIGINT. [INTERRUPTED]\n');
  t.deepEqual(exits, []);
  t.deepEqual((await readdir(folder)).toSorted(), ['all.ndjson', 'jackfield.config.json', 'store']);
  t.is(await readFile(join(folder, 'all.ndjson'), 'utf8'), 'the one before');
  t.is(signals.listenerCount('SIGINT'), 0);
});

test('an export to stdout prints nothing else there, also for an empty store in memory', async (t) => {
  const folder = await tempFolder(t, { 'jackfield.config.json': '{"storage":"memory"}' });
  const { code, stdout, stderr } = await store(folder, 'export', '-');
  t.is(code, 0);
  // The store would be empty even if a server had entries.
  t.is(
    stderr,
    'jackfield: "memory" is not durable: this command cannot see the entries of a running server\n',
  );
  const lines = stdout.trimEnd().split('\n');
  t.like(JSON.parse(lines[0] ?? ''), { jackfield: 'store-export', version: 1, adapter: 'memory' });
  t.is(JSON.parse(lines[1] ?? '').entries, 0);
  t.is(lines.length, 2);
});

test('a copy into a store in memory of the process fails', async (t) => {
  const folder = await tempFolder(t, {
    'from.json': configOf('json-file:data.json'),
    'jackfield.config.json': '{"storage":"memory"}',
  });
  await committed(folder, 'json-file:data.json', { puts: [{ key: 'a', value: '1' }] });
  succeeded(t, await store(folder, 'export', 'all.ndjson', '--config', 'from.json'));
  for (const words of [
    ['import', 'all.ndjson'],
    ['migrate', '--from', 'from.json', '--to', 'jackfield.config.json'],
  ]) {
    const { code, stdout, stderr } = await store(folder, ...words);
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr, /"memory" lost all entries when it was closed\. \[STORE_DIFFERS\]\n$/);
  }
});

test('only the owner can read an export, unless the previous file allowed more', async (t) => {
  const folder = await tempFolder(t, { 'jackfield.config.json': configOf('json-file:data.json') });
  await committed(folder, 'json-file:data.json', { puts: [{ key: 'a', value: '1' }] });
  const file = join(folder, 'all.ndjson');
  const modeBehind = async () => {
    succeeded(t, await store(folder, 'export', 'all.ndjson'));
    return (await stat(file)).mode & 0o777;
  };
  t.is(await modeBehind(), 0o600);
  await chmod(file, 0o664);
  t.is(await modeBehind(), 0o664);
});

test('a copy that runs out of space reports the copied entries and how to continue', async (t) => {
  const folder = await tempFolder(t, {
    // It has space for two pages, but not for the third.
    'small.mjs': `
      import { StorageError } from ${JSON.stringify(pathToFileURL(join(ROOT, 'dist/core/index.js')).href)};
      let commits = 0;
      export default {
        name: 'small',
        create: () => ({
          name: 'small',
          supports: { durable: true, shared: 'process', bounded: false, watch: false },
          open() {},
          get() {},
          list: () => ({ entries: [] }),
          commit() {
            commits += 1;
            if (commits > 2) throw new StorageError('STORAGE_FULL', 'The disk is full.');
            return { ok: true, revision: commits, previous: new Map() };
          },
          close() {},
        }),
      };`,
    'to.json': '{"storage":"./small.mjs"}',
  });
  const puts = Array.from({ length: 2_500 }, (_, n) => ({ key: `key ${n}`, value: 'x' }));
  await committed(folder, 'lmdb:from', { puts });
  const { code, stderr } = await store(folder, 'migrate', '--from', 'lmdb:from', '--to', 'to.json');
  t.is(code, 1);
  t.is(
    stderr,
    'jackfield: The store is full; nothing was changed. The disk is full. 2000 entries had been copied before; continue with --resume. [STORAGE_FULL]\n',
  );
});

/** What the store below does with puts in each mode. */
const KEPT = {
  drops: "(puts) => puts.filter(({ key }) => key !== 'b')",
  cuts: '(puts) => puts.map((put) => ({ ...put, value: put.value.slice(0, 1) }))',
  turns: '(puts) => [...puts].reverse()',
  keeps: '(puts) => puts',
};

test('a target that returns other data than was stored is detected', async (t) => {
  const memory = pathToFileURL(join(ROOT, 'dist/storage-adapters/memory.js')).href;
  const folder = await tempFolder(t, {
    ...Object.fromEntries(
      Object.entries(KEPT).flatMap(([mode, kept]) => [
        [
          `${mode}.mjs`,
          `import { MemoryAdapter } from ${JSON.stringify(memory)};
          export default {
            name: 'faulty',
            create: () => {
              const store = new MemoryAdapter();
              const commit = store.commit.bind(store);
              store.commit = ({ puts = [], ...rest }) => commit({ ...rest, puts: (${kept})(puts) });
              Object.defineProperty(store, 'supports', { value: { ...store.supports, durable: true } });
              return store;
            },
          };`,
        ],
        [`${mode}.json`, JSON.stringify({ storage: `./${mode}.mjs` })],
      ]),
    ),
  });
  const puts = ['a', 'b', 'c'].map((key) => ({ key, value: `value of ${key}` }));
  await committed(folder, 'lmdb:from', { puts });
  for (const mode of Object.keys(KEPT)) {
    for (const merge of [[], ['--merge']]) {
      const { code, stderr } = await store(
        folder,
        'migrate',
        '--from',
        'lmdb:from',
        '--to',
        `${mode}.json`,
        ...merge,
      );
      // With --merge, the order of entries is not compared.
      const isFine = mode === 'keeps' || (mode === 'turns' && merge.length > 0);
      t.is(code, isFine ? 0 : 1, `${mode} ${merge}: ${stderr}`);
      if (!isFine) t.regex(stderr, /\[STORE_DIFFERS\]\n$/);
    }
  }
});

test('an empty export is reported as empty, and one entry is not plural', async (t) => {
  const folder = await tempFolder(t, {
    'jackfield.config.json': configOf('lmdb:store'),
    'empty.ndjson': '',
  });
  t.is(
    (await store(folder, 'import', 'empty.ndjson')).stderr,
    'jackfield: The export is incomplete or was changed: it is empty. [EXPORT_INVALID]\n',
  );
  await committed(folder, 'lmdb:store', { puts: [{ key: 'a', value: '1' }] });
  t.regex((await store(folder, 'export', 'all.ndjson')).stdout, /^1 entry exported to all\.ndjson, /);
});

test('files that cannot be read or written are EXPORT_UNREADABLE', async (t) => {
  const folder = await tempFolder(t, { 'jackfield.config.json': '{"storage":"memory"}' });
  const faultOf = async (...words: string[]) =>
    (await store(folder, ...words)).stderr.replaceAll(folder, 'HERE');
  const beginning = 'jackfield: The export cannot be read or written: ';
  t.is(
    await faultOf('export', 'no/such/file'),
    `${beginning}there is no folder HERE/no/such. [EXPORT_UNREADABLE]\n`,
  );
  t.is(await faultOf('export', '.'), `${beginning}HERE is a folder, not a file. [EXPORT_UNREADABLE]\n`);
  t.is(
    await faultOf('import', 'nothing.ndjson'),
    `${beginning}there is no file HERE/nothing.ndjson. [EXPORT_UNREADABLE]\n`,
  );
  t.is(await faultOf('import', '.'), `${beginning}HERE is a folder, not a file. [EXPORT_UNREADABLE]\n`);
});

/** A store whose revision changes on every call, as if others wrote to it. */
const BUSY = `
let revision = 0;
export default {
  name: 'busy',
  create: () => ({
    name: 'busy',
    supports: { durable: false, shared: 'machine', bounded: false, watch: true },
    open() {},
    get: () => undefined,
    list: () => ({ entries: [{ key: 'a', value: '1', created: 1, revision: 1 }] }),
    commit() {},
    watch() {},
    revision: () => ++revision,
    close() {},
  }),
};
`;

test('a source that changes meanwhile fails a migration, and is reported after an export', async (t) => {
  const folder = await tempFolder(t, {
    'busy.js': BUSY,
    'package.json': '{"type":"module"}',
    'jackfield.config.json': '{"storage":"./busy.js"}',
  });
  const migrated = await store(folder, 'migrate', '--from', 'jackfield.config.json', '--to', 'lmdb:to');
  t.is(migrated.code, 1);
  t.regex(migrated.stderr, /\[STORE_CHANGED\]\n$/);
  const exported = await store(folder, 'export', 'all.ndjson');
  t.is(exported.code, 0);
  t.regex(exported.stderr, /^jackfield: the store was changed during the export; [^\n]*\n$/);
});
