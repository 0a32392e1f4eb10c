import test from 'ava';
import type { ResponseParts } from '../../../core/api/answer.js';
import type { Listing, Page } from '../../../core/plugin-api.js';
import get from '../../../plugins/get.js';
import { FakeStorage, LateStorage, settled, setUp } from '../fakes.js';

const JSON_CLIENT = { accept: 'application/json' };

function numbered(count: number): [string, string][] {
  return Array.from({ length: count }, (_, at) => [`key${at}`, `value${at}`]);
}

const textOf = (pairs: readonly (readonly [string, string])[]) =>
  `The data in DB is as follows. \n\n${pairs.map(([key, value]) => `${key}:${value}`).join('\n\n')}`;

test('it registers only GET, and only at the root', (t) => {
  t.deepEqual(
    setUp(get).handlers.map(({ method, pattern }) => [method, pattern]),
    [['GET', '/']],
  );
});

test('with a synchronous store the answer is a plain string, without a promise', (t) => {
  const pairs = numbered(256);
  const answer = setUp(get, { storage: new FakeStorage(pairs) }).call() as ResponseParts;
  t.is(answer.body, textOf(pairs));
  t.is((setUp(get).call() as ResponseParts).body, 'No data in DB');
});

test('with an asynchronous store the answer is the same', async (t) => {
  const pairs = numbered(3);
  const { text } = await settled(setUp(get, { storage: new LateStorage(pairs) }).call());
  t.is(text, textOf(pairs));
});

for (const count of [0, 1, 255, 256, 257, 512, 513, 1000]) {
  test(`a listing of ${count} entries is whole, in both forms`, async (t) => {
    const pairs = numbered(count);
    const { call } = setUp(get, { storage: new FakeStorage(pairs) });
    t.is((await settled(call())).text, count === 0 ? 'No data in DB' : textOf(pairs));
    const { text } = await settled(call({ headers: JSON_CLIENT }));
    t.deepEqual(Object.entries(JSON.parse(text)), pairs);
  });
}

test('a long listing is read page by page, and only as fast as the client reads it', async (t) => {
  const storage = new FakeStorage(numbered(1000));
  const { body } = setUp(get, { storage }).call() as { body: AsyncIterable<string> };
  const limits = () => storage.pages.map(({ limit }) => limit);
  // Few entries at first, because their size is not yet known and a page of large values would be too large.
  t.deepEqual(limits(), [16, 240]);
  const reader = body[Symbol.asyncIterator]();
  await reader.next();
  t.deepEqual(limits(), [16, 240]);
  await reader.next();
  t.deepEqual(limits(), [16, 240, 256]);
  await reader.return?.();
  t.deepEqual(limits(), [16, 240, 256]);
});

test('large values are read in small pages', async (t) => {
  const pairs = Array.from({ length: 300 }, (_, n): [string, string] => [`${n}`, 'x'.repeat(100_000)]);
  const storage = new FakeStorage(pairs);
  t.true((await settled(setUp(get, { storage }).call())).text === textOf(pairs));
  t.true(storage.pages.every(({ limit }) => limit <= 42));
  t.true(storage.pages.length < 20, String(storage.pages.length));
});

test('pages whose entries were deleted meanwhile leave no gap in the text', async (t) => {
  const entry = (at: number) => ({ key: `k${at}`, value: 'v', created: at, revision: at });
  const pages: Listing[] = [
    { entries: [], next: 1 },
    { entries: [entry(2)], next: 2 },
    { entries: [], next: 3 },
    { entries: [entry(4)], next: 4 },
    { entries: [] },
  ];
  class Moving extends FakeStorage {
    override list({ after = 0 }: Page): Listing {
      return pages[after]!;
    }
  }
  const { call } = setUp(get, { storage: new Moving() });
  t.is((await settled(call())).text, 'The data in DB is as follows. \n\nk2:v\n\nk4:v');
  t.is((await settled(call({ headers: JSON_CLIENT }))).text, '{"k2":"v","k4":"v"}');
  pages.splice(0, 5, { entries: [], next: 1 }, { entries: [] });
  t.is((await settled(call())).text, 'No data in DB');
  t.is((await settled(call({ headers: JSON_CLIENT }))).text, '{}');
});

test('JSON keeps creation order and keys that an object would move or lose', async (t) => {
  const storage = new FakeStorage([
    ['b', '1'],
    ['10', '2'],
    ['2', '3'],
    ['__proto__', '4'],
    ['q"\n', '\u2028\\'],
  ]);
  const { text, headers } = await settled(setUp(get, { storage }).call({ headers: JSON_CLIENT }));
  t.is(text, '{"b":"1","10":"2","2":"3","__proto__":"4","q\\"\\n":"\u2028\\\\"}');
  t.is(headers['Content-Type'], 'application/json');
});

test('every form has Vary: Accept', async (t) => {
  const { call } = setUp(get, { storage: new FakeStorage(numbered(300)) });
  for (const target of ['/', '/?limit=10', '/?prefix=x']) {
    for (const headers of [{}, JSON_CLIENT]) {
      t.is((await settled(call({ target, headers }))).headers.Vary, 'Accept');
    }
  }
});

test('a prefix selects keys; without a match the listing is empty', async (t) => {
  const storage = new FakeStorage([
    ['a1', 'x'],
    ['b1', 'y'],
    ['a2', 'z'],
  ]);
  const { call } = setUp(get, { storage });
  t.is(
    (await settled(call({ target: '/?prefix=a' }))).text,
    'The data in DB is as follows. \n\na1:x\n\na2:z',
  );
  t.is(
    (await settled(call({ target: '/?prefix=' }))).text,
    textOf([
      ['a1', 'x'],
      ['b1', 'y'],
      ['a2', 'z'],
    ]),
  );
  t.is((await settled(call({ target: '/?prefix=c' }))).text, 'No data in DB');
  t.is((await settled(call({ target: '/?prefix=c', headers: JSON_CLIENT }))).text, '{}');
});

test('Link leads from page to page; the last page has none', async (t) => {
  const prefix = 'a&b="%>\u00e9 ';
  const pairs = numbered(7).map(([key, value]): [string, string] => [prefix + key, value]);
  const { call } = setUp(get, { storage: new FakeStorage([...pairs, ['other', 'x']]) });
  let target: string | undefined = `/?limit=3&prefix=${encodeURIComponent(prefix)}`;
  const pages: unknown[] = [];
  while (target !== undefined) {
    const { text, headers } = await settled(call({ target, headers: JSON_CLIENT }));
    pages.push(...Object.entries(JSON.parse(text)));
    const link: string = String(headers.Link ?? '');
    t.regex(link, /^(?:<\/\?prefix=a%26b%3D%22%25%3E%C3%A9%20&after=\d+&limit=3>; rel="next")?$/);
    target = /<(.*)>/.exec(link)?.[1];
  }
  t.deepEqual(pages, pairs);
});

test('Link has no prefix if the request has none', async (t) => {
  const { call } = setUp(get, { storage: new FakeStorage(numbered(2)) });
  t.is((await settled(call({ target: '/?limit=1' }))).headers.Link, '</?after=1&limit=1>; rel="next"');
});

test('after without limit lists the whole rest', async (t) => {
  const pairs = numbered(600);
  const { call } = setUp(get, { storage: new FakeStorage(pairs) });
  t.is((await settled(call({ target: '/?after=10' }))).text, textOf(pairs.slice(10)));
  t.is((await settled(call({ target: '/?after=0' }))).text, textOf(pairs));
  t.is((await settled(call({ target: '/?after=600' }))).text, 'No data in DB');
});

test('an invalid query is refused, and the store is not asked', async (t) => {
  const storage = new FakeStorage(numbered(3));
  const { call } = setUp(get, { storage });
  const after = 'The query parameter after is not a whole number of at least 0.';
  const limit = 'The query parameter limit is not a whole number from 1 to 1000.';
  const sentences = {
    'limt=3': 'There is no query parameter "limt" here, only prefix, after and limit.',
    'Prefix=a': 'There is no query parameter "Prefix" here, only prefix, after and limit.',
    ['__proto__']: 'There is no query parameter "__proto__" here, only prefix, after and limit.',
    'prefix=a&prefix=a': 'The query parameter prefix occurs twice.',
    'limit=1&after=1&limit=1': 'The query parameter limit occurs twice.',
    after,
    'after=-1': after,
    'after=1.5': after,
    'after=1e3': after,
    'after=%201': after,
    'after=9007199254740993': after,
    'limit=': limit,
    'limit=0': limit,
    'limit=1001': limit,
    'limit=ten': limit,
    'limit=+5': limit,
  };
  for (const [query, sentence] of Object.entries(sentences)) {
    const { status, text } = await settled(call({ target: `/?${query}` }));
    t.is(status, 400, query);
    t.is(text, sentence, query);
  }
  t.is(storage.pages.length, 0);
});

test('limits of 1 and 1000 are accepted, and an empty query counts as none', async (t) => {
  const { call } = setUp(get, { storage: new FakeStorage(numbered(3)) });
  t.is((await settled(call({ target: '/?limit=1' }))).text, textOf(numbered(1)));
  t.is((await settled(call({ target: '/?limit=1000' }))).text, textOf(numbered(3)));
  t.is((await settled(call({ target: '/?' }))).text, textOf(numbered(3)));
});
