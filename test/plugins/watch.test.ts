/** The events of the feed, its positions and its refusals. */
import test from 'ava';
import { createServer } from '../../core/server.js';
import type { StorageAdapter } from '../../core/storage/contract.js';
import { LruAdapter } from '../../storage-adapters/lru.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import { Counted, changeFrom, polled, watched } from './watched.js';

test('without a position the client gets the current one, then new changes', async (t) => {
  const { connect, put } = await watched(t);
  await put('before', 'x');
  const client = await connect();
  t.is(client.response.status, 200);
  t.is(client.response.headers.get('content-type'), 'text/event-stream');
  t.is(client.response.headers.get('cache-control'), 'no-store');
  t.is(client.response.headers.get('incremental'), '?1');
  t.is(client.response.headers.get('x-accel-buffering'), 'no');
  const { retry, ...first } = (await client.next()) ?? {};
  t.deepEqual(first, { id: '1', event: 'position', data: '{"revision":1}' });
  t.regex(retry ?? '', /^1[0-5]\d\d$/);
  await put('a', 'line\nbreak \u2028');
  const event = await client.next();
  t.is(event?.id, '2');
  t.is(event?.event, 'change');
  t.deepEqual(JSON.parse(event?.data ?? ''), {
    revision: 2,
    puts: [{ key: 'a', value: 'line\nbreak \u2028', created: 2, revision: 2 }],
    deletes: [],
  });
});

test('a commit is one event, however many entries it changes', async (t) => {
  const { connect, adapter, put } = await watched(t);
  await put('old', '1');
  const client = await connect();
  await adapter.commit({
    puts: [
      { key: 'a', value: '1' },
      { key: 'b', value: '2' },
    ],
    deletes: ['old'],
  });
  const { revision, puts, deletes } = await changeFrom(client);
  t.deepEqual([revision, puts.map(({ key }) => key), deletes], [2, ['a', 'b'], ['old']]);
});

test('changes after `after` come first', async (t) => {
  const { connect, put } = await watched(t);
  await put('a', '1');
  const before = await connect();
  await before.next();
  for (const value of ['2', '3']) await put('a', value);
  const client = await connect(`?after=${before.lastEventId}`);
  t.is((await changeFrom(client)).revision, 2);
  t.is((await changeFrom(client)).revision, 3);
});

test('Last-Event-ID takes precedence over `after`', async (t) => {
  const { connect, put } = await watched(t);
  for (const value of ['1', '2', '3']) await put('a', value);
  const before = await connect('?after=0');
  while (before.lastEventId?.startsWith('2-') !== true) await before.next();
  const client = await connect('?after=0', before.lastEventId);
  t.is((await changeFrom(client)).revision, 3);
  // Polyfills that cannot set the field.
  const asParameter = await connect(`?after=0&lastEventId=${before.lastEventId}`);
  t.is((await changeFrom(asParameter)).revision, 3);
  const both = await connect('?lastEventId=x', before.lastEventId);
  t.is((await changeFrom(both)).revision, 3, 'the field counts');
  const fresh = await connect('?after=0', '');
  t.is((await changeFrom(fresh)).revision, 1, 'an empty one is none');
});

test('only changes under the prefix are sent', async (t) => {
  const { connect, adapter, put } = await watched(t);
  const client = await connect('?prefix=in%3A&after=0');
  await put('out:1', 'x');
  await adapter.commit({
    puts: [
      { key: 'in:1', value: 'x' },
      { key: 'out:2', value: 'x' },
    ],
    deletes: ['out:1'],
  });
  const { revision, puts, deletes } = await changeFrom(client);
  t.deepEqual([revision, puts.map(({ key }) => key), deletes], [2, ['in:1'], []]);
});

test('expired and evicted entries are reported as deleted', async (t) => {
  const { connect, adapter, put } = await watched(t, new LruAdapter({ maxEntries: 2 }));
  const client = await connect('?after=0');
  await adapter.commit({ puts: [{ key: 'short', value: '1', ttlMs: 20 }] });
  t.is((await changeFrom(client)).revision, 1);
  t.like(await changeFrom(client), { revision: 2, puts: [], deletes: ['short'] });
  for (const key of ['a', 'b', 'c']) await put(key, '1');
  await changeFrom(client);
  await changeFrom(client);
  t.like(await changeFrom(client), { revision: 5, deletes: ['a'] });
});

class Short extends Counted {
  constructor() {
    super({ historyChanges: 2 });
  }
}

test('lost history is 410, a future revision is 400, and no reader stays open', async (t) => {
  const store = new Short();
  const { connect, put, url } = await watched(t, store);
  const client = await connect();
  await client.next();
  const [, era] = client.lastEventId?.split('-') ?? [];
  client.close();
  for (const value of ['1', '2', '3', '4']) await put('a', value);
  const gone = await fetch(`${url}?after=1-${era}`);
  t.is(gone.status, 410);
  t.regex(await gone.text(), /^The store no longer keeps changes that old/);
  const unknown = await fetch(`${url}?after=5-${era}`);
  t.is(unknown.status, 400);
  t.regex(await unknown.text(), /^This store has not reached that revision/);
  t.is((await fetch(url, { headers: { 'last-event-id': 'x' } })).status, 400);
  t.is((await fetch(`${url}?lastEventId=x`)).status, 400);
  for (const query of [
    '?after=x',
    '?after=-1',
    '?after=1-x',
    '?since=1',
    '?after=1&after=2',
    '?prefix=%ff',
  ]) {
    const refused = await fetch(url + query);
    t.is(refused.status, 400, query);
    t.regex(await refused.text(), /^The query of this request is not valid/);
  }
  await polled(() => store.readers === 0);
});

for (const adapter of [() => new MemoryAdapter(), () => new LruAdapter({ maxEntries: 9 })]) {
  const { name } = adapter();
  test(`${name}: a bare number counts as lost history, because it may be from an earlier start`, async (t) => {
    const { put, url } = await watched(t, adapter());
    for (const value of ['1', '2', '3']) await put('a', value);
    for (const ask of [{ query: '?after=2' }, { query: '?lastEventId=2' }, { query: '', id: '2' }]) {
      const headers: Record<string, string> = ask.id === undefined ? {} : { 'last-event-id': ask.id };
      const refused = await fetch(url + ask.query, { headers });
      t.is(refused.status, 410);
      t.regex(await refused.text(), /Send the ids of the feed unchanged\.$/);
    }
    // An ID of another start.
    t.is((await fetch(`${url}?after=2-abcdef`)).status, 410);
  });
}

test('a store without a feed is refused at the start', async (t) => {
  const memory = new MemoryAdapter();
  const adapter: StorageAdapter = {
    name: 'plain',
    supports: { durable: false, shared: 'process', bounded: false, watch: false },
    open: () => memory.open(),
    get: (key) => memory.get(key),
    list: (page) => memory.list(page),
    commit: (change) => memory.commit(change),
    close: () => memory.close(),
  };
  const server = createServer({ storage: { adapter }, plugins: ['watch'] });
  const error = await t.throwsAsync(server.ready());
  t.regex(error?.message ?? '', /This store has no feed of changes: "plain" keeps no changes/);
});
