import test from 'ava';
import { StorageError } from '../../core/storage/contract.js';
import lru, { LruAdapter } from '../../storage-adapters/lru.js';

function opened(options?: ConstructorParameters<typeof LruAdapter>[0]): LruAdapter {
  const adapter = new LruAdapter(options);
  adapter.open();
  return adapter;
}

function put(adapter: LruAdapter, ...keys: string[]): void {
  adapter.commit({ puts: keys.map((key) => ({ key, value: 'x' })) });
}

const keysIn = (adapter: LruAdapter) => adapter.list({ limit: 100 }).entries.map(({ key }) => key);

test('if there are too many entries, the least recently used is evicted', (t) => {
  const adapter = opened({ maxEntries: 3 });
  for (const key of ['a', 'b', 'c', 'd']) put(adapter, key);
  t.deepEqual(keysIn(adapter), ['b', 'c', 'd']);
  t.is(adapter.get('a'), undefined);
});

test('reading an entry counts as use, listing does not', (t) => {
  const adapter = opened({ maxEntries: 3 });
  put(adapter, 'a', 'b', 'c');
  adapter.get('a');
  adapter.list({ limit: 3 });
  put(adapter, 'd');
  t.deepEqual(keysIn(adapter), ['a', 'c', 'd']);
});

test('an update counts as use and keeps the place in the listing', (t) => {
  const adapter = opened({ maxEntries: 3 });
  put(adapter, 'a', 'b', 'c');
  put(adapter, 'a');
  put(adapter, 'd');
  t.deepEqual(keysIn(adapter), ['a', 'c', 'd']);
});

test('maxOctets counts the UTF-8 of keys and values, also of updates and empty values', (t) => {
  const adapter = opened({ maxOctets: 10 });
  adapter.commit({
    puts: [
      { key: 'a', value: '' },
      { key: 'b', value: 'é' },
      { key: 'c', value: '12345' },
    ],
  });
  t.deepEqual(keysIn(adapter), ['a', 'b', 'c'], '1 + 3 + 6 octets fit');
  adapter.commit({ puts: [{ key: 'c', value: '123456' }] });
  t.deepEqual(keysIn(adapter), ['b', 'c']);
  adapter.commit({ deletes: ['c'] });
  adapter.commit({ puts: [{ key: 'd', value: '123456' }] });
  t.deepEqual(keysIn(adapter), ['b', 'd'], 'what was deleted takes no room');
});

test('expired entries take no space', async (t) => {
  const adapter = opened({ maxEntries: 2, ttlMs: 10 });
  put(adapter, 'a');
  while (adapter.get('a') !== undefined) await new Promise((resolve) => setTimeout(resolve, 2));
  adapter.commit({ puts: [{ key: 'b', value: 'x', ttlMs: 60_000 }] });
  adapter.commit({ puts: [{ key: 'c', value: 'x', ttlMs: 60_000 }] });
  t.deepEqual(keysIn(adapter), ['b', 'c']);
});

for (const [what, options, puts] of [
  ['entries', { maxEntries: 2 }, ['b', 'c', 'd']],
  ['octets', { maxOctets: 5 }, ['b', 'c', 'd']],
] as const) {
  test(`a commit of more ${what} than the store may hold is STORAGE_FULL and changes nothing`, (t) => {
    const adapter = opened(options);
    put(adapter, 'a');
    const before = adapter.list({ limit: 10 });
    t.throws(() => adapter.commit({ puts: puts.map((key) => ({ key, value: 'x' })), deletes: ['a'] }), {
      instanceOf: StorageError,
      code: 'STORAGE_FULL',
    });
    t.deepEqual(adapter.list({ limit: 10 }), before);
  });
}

test('a commit that exactly fills the store is kept completely', (t) => {
  const adapter = opened({ maxEntries: 3 });
  put(adapter, 'a', 'b');
  put(adapter, 'c', 'a', 'd');
  t.deepEqual(keysIn(adapter), ['a', 'c', 'd']);
});

test('`previous` never contains an entry that was already evicted', (t) => {
  const adapter = opened({ maxEntries: 1 });
  put(adapter, 'a');
  put(adapter, 'b');
  const result = adapter.commit({ checks: [{ key: 'a', revision: 0 }], puts: [{ key: 'a', value: 'y' }] });
  t.true(result.ok);
  t.is(result.ok && result.previous.size, 0);
});

test('without options the bound is 10,000 entries', (t) => {
  const adapter = opened();
  for (let n = 0; n <= 10_000; n += 1) put(adapter, `key ${n}`);
  t.is(adapter.get('key 0'), undefined);
  t.truthy(adapter.get('key 1'));
});

test('unknown and invalid options are refused', async (t) => {
  const check = (options: unknown) => lru.options?.['~standard'].validate(options);
  t.deepEqual(await check({ maxOctets: 5 }), { value: { maxOctets: 5 } });
  for (const options of [{ maxEntries: 0 }, { maxOctets: 1.5 }, { ttlMs: -1 }, { maxEntires: 5 }]) {
    t.truthy((await check(options))?.issues, JSON.stringify(options));
  }
});

async function changesBehind(adapter: LruAdapter, after: number): Promise<unknown[]> {
  const changes: unknown[] = [];
  for await (const { revision, puts, deletes } of adapter.watch(after)) {
    changes.push([revision, puts.map(({ key }) => key), deletes]);
    if (revision === adapter.revision()) break;
  }
  return changes;
}

test('evicted entries are reported as deletes of the commit that evicted them', async (t) => {
  const adapter = opened({ maxEntries: 2 });
  for (const key of ['a', 'b', 'c']) put(adapter, key);
  adapter.commit({
    puts: [
      { key: 'd', value: 'x' },
      { key: 'e', value: 'x' },
    ],
  });
  t.deepEqual(await changesBehind(adapter, 2), [
    [3, ['c'], ['a']],
    [4, ['d', 'e'], ['b', 'c']],
  ]);
});

test('an entry that is put again into a full store is not evicted by earlier puts of the same commit', async (t) => {
  const adapter = opened({ maxEntries: 2 });
  put(adapter, 'old');
  put(adapter, 'other');
  adapter.commit({
    puts: [
      { key: 'new', value: '1' },
      { key: 'old', value: '2' },
    ],
  });
  t.is(adapter.get('old')?.value, '2');
  t.is(adapter.get('new')?.value, '1');
  t.is(adapter.get('other'), undefined);
  t.deepEqual(await changesBehind(adapter, 2), [[3, ['new', 'old'], ['other']]]);
});

test('the options bound the history', async (t) => {
  const adapter = opened({ maxEntries: 10, historyChanges: 2 });
  for (const key of ['a', 'b', 'c']) put(adapter, key);
  t.deepEqual(await changesBehind(adapter, 1), [
    [2, ['b'], []],
    [3, ['c'], []],
  ]);
  await t.throwsAsync(changesBehind(adapter, 0), { code: 'STORAGE_HISTORY_GONE' });
});
