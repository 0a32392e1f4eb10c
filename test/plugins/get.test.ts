import test from 'ava';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import { create, served } from './served.js';

const JSON_CLIENT = { accept: 'application/json' };
const TEXT = 'text/plain; charset=utf-8';

function numbered(count: number): [string, string][] {
  return Array.from({ length: count }, (_, at) => [`key${at}`, `value${at}`]);
}

test('an empty store is listed as a sentence, or as an empty object', async (t) => {
  const server = await served(t);
  const text = await server.inject({ target: '/' });
  t.is(text.status, 200);
  t.is(text.reason, 'OK');
  t.is(text.text, 'No data in DB');
  t.is(text.headers['content-type'], TEXT);
  t.is(text.headers['content-length'], '13');
  t.is(text.headers.vary, 'Accept');
  t.is((await server.inject({ target: '/', headers: JSON_CLIENT })).text, '{}');
});

test('entries are listed in creation order, as text or as JSON', async (t) => {
  const server = await served(t);
  await create(server, [
    ['b', '1'],
    ['10', '2'],
    ['2', '한글'],
  ]);
  t.is(
    (await server.inject({ target: '/' })).text,
    'The data in DB is as follows. \n\nb:1\n\n10:2\n\n2:한글',
  );
  const json = await server.inject({ target: '/', headers: JSON_CLIENT });
  t.is(json.text, '{"b":"1","10":"2","2":"한글"}');
  t.is(json.headers['content-type'], 'application/json');
  t.is(json.headers.vary, 'Accept');
});

test('a client that accepts neither form gets text', async (t) => {
  const server = await served(t);
  const { status, headers } = await server.inject({ target: '/', headers: { accept: 'image/png' } });
  t.is(status, 200);
  t.is(headers['content-type'], TEXT);
});

test('a listing of many pages is complete', async (t) => {
  const server = await served(t);
  const pairs = numbered(1500);
  await create(server, pairs);
  const { text, headers } = await server.inject({ target: '/' });
  t.is(text, `The data in DB is as follows. \n\n${pairs.map((pair) => pair.join(':')).join('\n\n')}`);
  t.is(headers['content-type'], TEXT);
  const json = await server.inject({ target: '/', headers: JSON_CLIENT });
  t.deepEqual(Object.entries(json.json() as object), pairs);
});

test('a listing of large values is sent in pieces, and a page of them ends early', async (t) => {
  const store = new MemoryAdapter();
  const server = await served(t, { storage: { adapter: store } });
  const pairs = Array.from({ length: 10 }, (_, n): [string, string] => [
    `key${n}`,
    String(n).repeat(n % 3 === 2 ? 1 : 1_048_576),
  ]);
  store.commit({ puts: pairs.map(([key, value]) => ({ key, value })) });
  const text = await server.inject({ target: '/' });
  t.is(text.headers['content-length'], undefined);
  t.true(
    text.text === `The data in DB is as follows. \n\n${pairs.map((pair) => pair.join(':')).join('\n\n')}`,
  );
  const json = await server.inject({ target: '/', headers: JSON_CLIENT });
  t.true(json.text === JSON.stringify(Object.fromEntries(pairs)));
  const found: unknown[] = [];
  for (let target: string | undefined = '/?limit=1000'; target !== undefined; ) {
    const page: { headers: { link?: string | undefined }; json(): unknown } = await server.inject({
      target,
      headers: JSON_CLIENT,
    });
    const entries = Object.entries(page.json() as Record<string, string>);
    t.true(entries.reduce((sum, [, value]) => sum + value.length, 0) <= 4_194_304);
    found.push(...entries);
    target = /^<([^>]*)>; rel="next"$/.exec(page.headers.link ?? '')?.[1];
  }
  t.true(JSON.stringify(found) === JSON.stringify(pairs));
});

test('pages lead from one to the next by Link', async (t) => {
  const server = await served(t);
  const pairs = numbered(10).map(([key, value]): [string, string] => [`a/ä ${key}`, value]);
  await create(server, [['other', 'x'], ...pairs]);
  const found: unknown[] = [];
  let target: string | undefined = '/?prefix=a%2F%C3%A4+&limit=4';
  let pages = 0;
  while (target !== undefined) {
    const page: { headers: { link?: string | undefined }; json(): unknown } = await server.inject({
      target,
      headers: JSON_CLIENT,
    });
    found.push(...Object.entries(page.json() as object));
    target = /^<([^>]*)>; rel="next"$/.exec(page.headers.link ?? '')?.[1];
    pages += 1;
  }
  t.deepEqual(found, pairs);
  t.is(pages, 3);
});

test('a prefix without a match gives an empty listing', async (t) => {
  const server = await served(t);
  await create(server, [['a', '1']]);
  t.is((await server.inject({ target: '/?prefix=b' })).text, 'No data in DB');
  t.is((await server.inject({ target: '/?prefix=b', headers: JSON_CLIENT })).text, '{}');
});

test('an invalid query is refused with a sentence', async (t) => {
  const server = await served(t);
  for (const [query, sentence] of [
    ['limt=1', 'There is no query parameter "limt" here, only prefix, after and limit.'],
    ['limit=1&limit=1', 'The query parameter limit occurs twice.'],
    ['limit=0', 'The query parameter limit is not a whole number from 1 to 1000.'],
    ['limit=1001', 'The query parameter limit is not a whole number from 1 to 1000.'],
    ['prefix=%ff', 'The query is not percent-encoded UTF-8 text.'],
    ['after=-1', 'The query parameter after is not a whole number of at least 0.'],
  ] as const) {
    const { status, text } = await server.inject({ target: `/?${query}` });
    t.is(status, 400);
    t.is(text, sentence);
  }
});

test('another path is not the listing', async (t) => {
  t.is((await (await served(t)).inject({ target: '/nothing' })).status, 404);
});
