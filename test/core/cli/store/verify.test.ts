import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { tempFolder } from '../../temp-folder.js';
import { committed, configOf, store, succeeded } from './stores.js';

/** An adapter whose options give its answers, with its own check and repair. */
const ODD = `
export default {
  name: 'odd',
  options: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } },
  create: ({ listed = [], given = listed }, { readOnly }) => ({
    name: 'odd',
    supports: { durable: false, shared: 'process', bounded: false, watch: false },
    open() { if (readOnly !== true) throw new Error('opened to be written'); },
    get: (key) => given.find((entry) => entry.key === key),
    list: () => ({ entries: listed }),
    commit() {},
    close() {},
  }),
  verify: ({ own = [] }) => ({ faults: own, notes: { looked: true } }),
  repair: { adopt: ({ path }) => 'Adopted ' + path + '.' },
};
`;
const odd = (options: unknown) => ({
  'odd.js': ODD,
  'jackfield.config.json': JSON.stringify({ storage: { adapter: './odd.js', options } }),
});
const entry = (key: string, created: number) => ({ key, value: 'x', created, revision: 1 });

test('verify reports the number of entries of a sound store of any adapter', async (t) => {
  for (const named of ['json-file:data.json', 'lmdb:store']) {
    const folder = await tempFolder(t, { 'jackfield.config.json': configOf(named) });
    await committed(folder, named, {
      puts: [
        { key: 'a', value: '1' },
        { key: 'b', value: '2', ttlMs: 3_600_000 },
      ],
    });
    const { stdout, ...run } = await store(folder, 'verify');
    succeeded(t, { stdout, ...run });
    t.regex(stdout, / is sound: 2 entries\n$/);
  }
});

test('a listing that is out of order, repeats a key or differs from `get` is not sound', async (t) => {
  const cases: [string, unknown, RegExp][] = [
    ['order', { listed: [entry('a', 2), entry('b', 1)] }, /FAULT "b" is not listed in creation order/],
    [
      'a repeated key',
      { listed: [entry('a', 1), entry('a', 2)] },
      /FAULT "a" is different in the listing than under its key/,
    ],
    [
      'a listed key that is absent',
      { listed: [entry('a', 1)], given: [] },
      /FAULT "a" is different in the listing/,
    ],
    [
      'another value',
      { listed: [entry('a', 1)], given: [{ ...entry('a', 1), value: 'y' }] },
      /FAULT "a" is different in the listing/,
    ],
  ];
  for (const [how, options, told] of cases) {
    const { code, stdout } = await store(await tempFolder(t, odd(options)), 'verify');
    t.is(code, 1, how);
    t.regex(stdout, told, how);
    t.regex(stdout, /odd is not sound: 1 fault\n$/, how);
  }
});

test("the adapter's own check runs, and its faults make the store not sound", async (t) => {
  const folder = await tempFolder(t, odd({ own: ['the third page is torn'] }));
  const { code, stdout } = await store(folder, 'verify', '--json');
  t.is(code, 1);
  t.deepEqual(JSON.parse(stdout), {
    store: 'odd',
    sound: false,
    entries: null,
    faults: ['the third page is torn'],
    notes: { looked: true },
  });
});

test("the adapter's own repairs run by name; missing ones are refused", async (t) => {
  const folder = await tempFolder(t, odd({ path: 'here' }));
  t.deepEqual(await store(folder, 'adopt'), { code: 0, stdout: 'Adopted here.\n', stderr: '' });
  const { code, stderr } = await store(folder, 'discard');
  t.is(code, 1);
  t.regex(stderr, /"odd" does not offer "discard"\. \[REPAIR_UNKNOWN\]\n$/);
});

test('damage inside an lmdb store is reported by key', async (t) => {
  const folder = await tempFolder(t, { 'jackfield.config.json': configOf('lmdb:store') });
  await committed(folder, 'lmdb:store', { puts: [{ key: 'a', value: 'needle in a haystack' }] });
  const file = join(folder, 'store/data.mdb');
  const octets = await readFile(file);
  const handle = await open(file, 'r+');
  for (let at = octets.indexOf('needle'); at !== -1; at = octets.indexOf('needle', at + 1))
    await handle.write('N', at);
  await handle.close();
  const { code, stdout } = await store(folder, 'verify');
  t.is(code, 1);
  t.regex(stdout, /FAULT .*checksum of the record "a" is wrong/);
});

test('stats counts entries, octets and expiry, and prints what the adapter supports', async (t) => {
  const folder = await tempFolder(t, { 'jackfield.config.json': configOf('lmdb:store') });
  await committed(folder, 'lmdb:store', {
    puts: [
      { key: 'ä', value: '€' },
      { key: 'b', value: '', ttlMs: 3_600_000 },
    ],
  });
  await committed(folder, 'lmdb:store', { puts: [{ key: 'c', value: 'xyz' }], deletes: ['none'] });
  await committed(folder, 'lmdb:store', { deletes: ['none'] });
  const { stdout, ...run } = await store(folder, 'stats', '--json');
  succeeded(t, { stdout, ...run });
  t.deepEqual(JSON.parse(stdout), {
    adapter: 'lmdb',
    entries: 3,
    keyOctets: 4,
    valueOctets: 6,
    expiring: 1,
    oldestRevision: 1,
    newestRevision: 2,
    revision: 3,
    supports: { durable: true, shared: 'machine', bounded: false, watch: true },
  });
  t.regex((await store(folder, 'stats')).stdout, /^octets of values +6$/m);
});

test('a wrong command line is refused with exit code 2, and the help lists the group', async (t) => {
  const folder = await tempFolder(t);
  for (const [argv, told] of [
    [[], /needs one of verify, stats, export, import, migrate, adopt, discard/],
    [['exprt', 'file'], /Unknown command "store exprt"; did you mean export\?/],
    [['export'], /"jackfield store export" needs FILE/],
    [['migrate', '--to', 'lmdb:x'], /needs --from STORE/],
    [['verify', '--resume'], /"jackfield store verify" has no flag --resume/],
    [['stats', '--jsn'], /did you mean --json\?/],
  ] as const) {
    const { code, stderr } = await store(folder, ...argv);
    t.is(code, 2);
    t.regex(stderr, told);
  }
  const { stdout } = await store(folder, '--help');
  for (const name of ['verify', 'export FILE', 'migrate', 'discard'])
    t.true(stdout.includes(`  store ${name} `));
});
