import test from 'ava';
import { type Change, StorageError } from '../../core/storage/contract.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import { serve } from '../support/raw-client.js';
import { type Server, served } from './served.js';

const plugins = ['head', 'keys'];

const ask = (
  server: Server,
  method: string,
  target: string,
  { body, ...headers }: Record<string, string> = {},
) => server.inject({ method, target, headers, ...(body === undefined ? {} : { body }) });

/** A store that changes between each read and the commit that depends on it. */
class Raced extends MemoryAdapter {
  rival: (() => void) | undefined;
  override get(key: string) {
    const entry = super.get(key);
    const rival = this.rival;
    this.rival = undefined;
    rival?.();
    return entry;
  }
}

test('a PUT without a body is 411 and changes nothing; a body of zero octets is an empty value', async (t) => {
  const { connect } = await serve(t, { plugins: ['head', 'keys'] });
  const client = await connect();
  const ask = async (head: string, body = ''): Promise<[number, string]> => {
    client.send(`${head} HTTP/1.1\r\nHost: localhost\r\n${body}`);
    const { status, body: text } = await client.response();
    return [status, text];
  };
  t.is((await ask('PUT /keys/a', 'Content-Length: 3\r\n\r\nabc'))[0], 201);
  // curl sends this after a 301. Both on one connection, which stays open.
  for (const target of ['/keys/a', '/keys/new', '/keys/a?ttlMs=5000']) {
    const [status, sentence] = await ask(`PUT ${target}`, 'Content-Type: text/plain\r\n\r\n');
    t.is(status, 411, target);
    t.regex(sentence, /^Nothing was stored: .*Content-Length: 0/);
  }
  t.deepEqual(await ask('GET /keys/a', '\r\n'), [200, 'abc']);
  t.is((await ask('GET /keys/new', '\r\n'))[0], 404);
  t.is((await ask('PUT /keys/a', 'Content-Length: 0\r\n\r\n'))[0], 204);
  t.deepEqual(await ask('GET /keys/a', '\r\n'), [200, '']);
  t.is((await ask('PUT /keys/b', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'))[0], 201);
  t.deepEqual(await ask('GET /keys/b', '\r\n'), [200, '']);
});

test('a PUT with a content coding is 415 and stores nothing', async (t) => {
  const server = await served(t, { plugins: ['head', 'keys'] });
  for (const coding of ['gzip', 'br', 'X-Mine', 'identity, gzip', 'gzip, identity']) {
    const { status, headers, text } = await ask(server, 'PUT', '/keys/a', {
      'content-encoding': coding,
      body: 'x',
    });
    t.is(status, 415, coding);
    t.is(headers['accept-encoding'], 'identity');
    t.true(text.endsWith(`(RFC 9110 §15.5.16): ${coding}`), text);
  }
  t.is((await ask(server, 'GET', '/keys/a')).status, 404);
  for (const coding of ['', 'identity', 'Identity , identity'])
    t.true(
      (await ask(server, 'PUT', '/keys/a', { 'content-encoding': coding, body: 'x' })).status < 300,
      coding,
    );
});

test('PUT creates an entry with a Location, GET returns its octets, DELETE removes it', async (t) => {
  const server = await served(t, { plugins });
  const made = await ask(server, 'PUT', '/keys/a', { body: 'é\n' });
  t.is(made.status, 201);
  t.is(made.headers.location, '/keys/a');
  const got = await ask(server, 'GET', '/keys/a');
  t.is(got.status, 200);
  t.is(got.text, 'é\n');
  t.is(got.headers['content-type'], 'text/plain; charset=utf-8');
  t.is(got.headers.etag, made.headers.etag);
  t.is(got.headers['cache-control'], 'no-cache');
  t.is(got.headers['x-content-type-options'], 'nosniff');
  t.is(got.headers.sunset, undefined);
  const changed = await ask(server, 'PUT', '/keys/a', { body: '2' });
  t.is(changed.status, 204);
  t.not(changed.headers.etag, made.headers.etag);
  t.is((await ask(server, 'DELETE', '/keys/a')).status, 204);
  t.is((await ask(server, 'DELETE', '/keys/a')).status, 404);
  const gone = await ask(server, 'GET', '/keys/a');
  t.is(gone.status, 404);
  t.is(gone.text, 'There is no entry with this key.');
});

test('the entity tag is strong, and differs for each revision and each value', async (t) => {
  const server = await served(t, { plugins });
  const tags = new Set<string | undefined>();
  for (const body of ['1', '2', '1', ''])
    tags.add((await ask(server, 'PUT', '/keys/a', { body })).headers.etag);
  t.is(tags.size, 4);
  for (const tag of tags) t.regex(tag ?? '', /^"\d+-\d+"$/);
  // A store in memory counts from 1 again: the same revision with another value is another state.
  const again = await served(t, { plugins });
  t.false(tags.has((await ask(again, 'PUT', '/keys/a', { body: 'other' })).headers.etag));
});

test('HEAD has the fields of GET', async (t) => {
  const server = await served(t, { plugins });
  await ask(server, 'PUT', '/keys/a', { body: 'abc' });
  const [head, get] = [await ask(server, 'HEAD', '/keys/a'), await ask(server, 'GET', '/keys/a')];
  t.is(head.status, 200);
  t.is(head.text, '');
  t.is(head.headers.etag, get.headers.etag);
  t.is(head.headers['content-length'], '3');
});

test('keys of any characters are percent-encoded in the path, octet for octet', async (t) => {
  const server = await served(t, { plugins });
  const keys = [
    'a/b',
    '__proto__',
    'constructor',
    'line\r\nbreak',
    'nul\0',
    ' ',
    '?#&=%',
    'é\u{1f600}',
    ':key',
    '*',
  ];
  for (const key of keys) {
    const target = `/keys/${encodeURIComponent(key)}`;
    const { status, headers } = await ask(server, 'PUT', target, { body: key });
    t.is(status, 201, key);
    t.is(headers.location, target);
    t.is((await ask(server, 'GET', target)).text, key);
  }
  const { json } = await listed(server, '/keys');
  t.deepEqual(
    json.entries.map(({ key }) => key),
    keys,
  );
});

test('a value is returned octet for octet, also an empty one and one with a byte order mark', async (t) => {
  const server = await served(t, { plugins });
  for (const body of ['\ufeffx', '', 'a\r\nb\0']) {
    await ask(server, 'PUT', '/keys/a', { body });
    t.is((await ask(server, 'GET', '/keys/a')).text, body);
  }
});

test('octets that are not UTF-8 are refused', async (t) => {
  const server = await served(t, { plugins });
  const bad = await server.inject({ method: 'PUT', target: '/keys/a', body: Uint8Array.of(0xff) });
  t.is(bad.status, 400);
  const latin = await ask(server, 'PUT', '/keys/a', {
    'content-type': 'text/plain; charset="iso-8859-1"',
    body: 'x',
  });
  t.is(latin.status, 415);
  for (const type of ['text/plain; charset=UTF-8', 'text/html', 'image/png']) {
    t.true(
      [201, 204].includes((await ask(server, 'PUT', '/keys/a', { 'content-type': type, body: 'x' })).status),
    );
  }
  const { headers } = await ask(server, 'GET', '/keys/a');
  t.is(headers['content-type'], 'text/plain; charset=utf-8');
});

test('If-None-Match: * creates an entry only if it does not exist', async (t) => {
  const server = await served(t, { plugins });
  t.is((await ask(server, 'PUT', '/keys/a', { 'if-none-match': '*', body: '1' })).status, 201);
  const refused = await ask(server, 'PUT', '/keys/a', { 'if-none-match': '*', body: '2' });
  t.is(refused.status, 412);
  t.is((await ask(server, 'GET', '/keys/a')).text, '1');
  t.is((await ask(server, 'DELETE', '/keys/a', { 'if-none-match': '*' })).status, 412);
});

test('If-None-Match with the current tag is 304, without a body', async (t) => {
  const server = await served(t, { plugins });
  const { headers } = await ask(server, 'PUT', '/keys/a', { body: '1' });
  for (const condition of [headers.etag!, `"x", ${headers.etag}`, `W/${headers.etag}`, '*']) {
    const {
      status,
      text,
      headers: told,
    } = await ask(server, 'GET', '/keys/a', { 'if-none-match': condition });
    t.deepEqual([status, text, told.etag], [304, '', headers.etag], condition);
  }
  t.is((await ask(server, 'GET', '/keys/a', { 'if-none-match': '"other"' })).status, 200);
  // For a missing entry conditions are ignored.
  t.is((await ask(server, 'GET', '/keys/none', { 'if-match': '"x"' })).status, 404);
  t.is((await ask(server, 'DELETE', '/keys/none', { 'if-match': '"x"' })).status, 404);
});

test('If-Match changes and deletes only the named state', async (t) => {
  const server = await served(t, { plugins });
  const first = (await ask(server, 'PUT', '/keys/a', { body: '1' })).headers.etag!;
  const second = (await ask(server, 'PUT', '/keys/a', { 'if-match': first, body: '2' })).headers.etag!;
  t.is((await ask(server, 'PUT', '/keys/a', { 'if-match': first, body: '3' })).status, 412);
  t.is((await ask(server, 'PUT', '/keys/a', { 'if-match': `W/${second}`, body: '3' })).status, 412);
  t.is((await ask(server, 'PUT', '/keys/b', { 'if-match': '*', body: '3' })).status, 412);
  t.is((await ask(server, 'DELETE', '/keys/a', { 'if-match': first })).status, 412);
  t.is((await ask(server, 'GET', '/keys/a')).text, '2');
  t.is((await ask(server, 'DELETE', '/keys/a', { 'if-match': `"x", ${second}` })).status, 204);
});

for (const method of ['PUT', 'DELETE']) {
  test(`${method}: a commit between the check and the change is noticed`, async (t) => {
    const store = new Raced();
    const server = await served(t, { plugins, storage: { adapter: store } });
    const { etag } = (await ask(server, 'PUT', '/keys/a', { body: '1' })).headers;
    store.rival = () => store.commit({ puts: [{ key: 'a', value: 'rival' }] });
    t.is((await ask(server, method, '/keys/a', { 'if-match': etag!, body: '2' })).status, 412);
    t.is(store.get('a')?.value, 'rival');
  });
}

test('a creation between the check and the change is noticed', async (t) => {
  const store = new Raced();
  const server = await served(t, { plugins, storage: { adapter: store } });
  store.rival = () => store.commit({ puts: [{ key: 'a', value: 'rival' }] });
  t.is((await ask(server, 'PUT', '/keys/a', { 'if-none-match': '*', body: '2' })).status, 412);
  t.is(store.get('a')?.value, 'rival');
});

test('a race that does not break the condition succeeds', async (t) => {
  const store = new Raced();
  const server = await served(t, { plugins, storage: { adapter: store } });
  await ask(server, 'PUT', '/keys/a', { body: '1' });
  store.rival = () => store.commit({ puts: [{ key: 'a', value: 'rival' }] });
  t.is((await ask(server, 'PUT', '/keys/a', { 'if-match': '*', body: '2' })).status, 204);
  t.is(store.get('a')?.value, '2');
});

test('of racing writers with one condition exactly one succeeds', async (t) => {
  const server = await served(t, { plugins });
  const { etag } = (await ask(server, 'PUT', '/keys/a', { body: '0' })).headers;
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, n) => ask(server, 'PUT', '/keys/a', { 'if-match': etag!, body: `${n}` })),
  );
  t.deepEqual(answers.map(({ status }) => status).sort(), [204, ...new Array<number>(19).fill(412)]);
});

interface Listed {
  readonly entries: readonly {
    key: string;
    value: string;
    etag: string;
    expiresAt?: number;
    revision: number;
  }[];
  readonly next?: number;
}

async function listed(server: Server, target: string) {
  const { status, text, headers } = await ask(server, 'GET', target);
  return { status, text, link: headers.link, json: (status === 200 ? JSON.parse(text) : {}) as Listed };
}

test('the listing has pages, and each names the next', async (t) => {
  const server = await served(t, { plugins });
  for (let n = 0; n < 5; n += 1) await ask(server, 'PUT', `/keys/in%20${n}`, { body: `${n}` });
  await ask(server, 'PUT', '/keys/out', { body: 'x' });
  const keys: string[] = [];
  let target: string | undefined = '/keys?prefix=in%20&limit=2';
  for (let pages = 0; target !== undefined; pages += 1) {
    const { json, link } = await listed(server, target);
    keys.push(...json.entries.map(({ key }) => key));
    target = /^<(.*)>; rel="next"$/.exec(link ?? '')?.[1];
    t.is(target === undefined, json.next === undefined);
    t.true(pages < 3);
  }
  t.deepEqual(keys, ['in 0', 'in 1', 'in 2', 'in 3', 'in 4']);
});

test('an entry of the listing has all its members, and its entity tag', async (t) => {
  const server = await served(t, { plugins });
  const { etag } = (await ask(server, 'PUT', '/keys/a', { body: '1' })).headers;
  const { json } = await listed(server, '/keys');
  t.deepEqual(json, {
    entries: [{ key: 'a', value: '1', created: 1, revision: 1, etag }],
  } as unknown as Listed);
});

test('a page has 100 entries by default', async (t) => {
  const store = new MemoryAdapter();
  const server = await served(t, { plugins, storage: { adapter: store } });
  store.commit({ puts: Array.from({ length: 101 }, (_, n) => ({ key: `${n}`, value: '' })) });
  t.is((await listed(server, '/keys')).json.entries.length, 100);
  t.is((await listed(server, '/keys?limit=1000')).json.entries.length, 101);
});

test('a page of large values ends early, and the pages together have all entries', async (t) => {
  const store = new MemoryAdapter();
  const server = await served(t, { plugins, storage: { adapter: store } });
  // Small values first, so that the size of the following ones cannot be foreseen.
  const sizes = Array.from({ length: 130 }, (_, n) => (n < 105 ? 1 : 1_048_576));
  sizes[128] = 1;
  for (const [n, size] of sizes.entries()) {
    store.commit({ puts: [{ key: `${n}`, value: '\u0001'.repeat(size) }] });
  }
  const keys: string[] = [];
  let pages = 0;
  for (let target: string | undefined = '/keys?limit=1000'; target !== undefined; pages += 1) {
    const { json, link }: Awaited<ReturnType<typeof listed>> = await listed(server, target);
    t.true(json.entries.reduce((sum, { value }) => sum + value.length, 0) <= 4_194_304);
    keys.push(...json.entries.map(({ key }) => key));
    target = /^<(.*)>; rel="next"$/.exec(link ?? '')?.[1];
  }
  t.deepEqual(
    keys,
    sizes.map((_, n) => `${n}`),
  );
  t.true(pages > 5 && pages < 12, `${pages} pages`);
});

test('an entry with a time to live has a Sunset field, and expires then', async (t) => {
  const server = await served(t, { plugins });
  const before = Date.now();
  t.is((await ask(server, 'PUT', '/keys/a?ttlMs=3600000', { body: '1' })).status, 201);
  const { headers } = await ask(server, 'GET', '/keys/a');
  const sunset = Date.parse(headers.sunset ?? '');
  t.true(sunset >= before + 3_600_000 && sunset <= Date.now() + 3_601_000, headers.sunset);
  t.true(sunset >= (await listed(server, '/keys')).json.entries[0]!.expiresAt!);
  await ask(server, 'PUT', '/keys/a', { body: '2' });
  t.is((await ask(server, 'GET', '/keys/a')).headers.sunset, undefined, 'the last put decides');
  await ask(server, 'PUT', '/keys/b?ttlMs=1', { body: '1' });
  while ((await ask(server, 'GET', '/keys/b')).status !== 404)
    await new Promise((resolve) => setImmediate(resolve));
  t.is((await ask(server, 'PUT', '/keys/b', { 'if-none-match': '*', body: '2' })).status, 201);
});

test('an invalid query is refused, and changes nothing', async (t) => {
  const server = await served(t, { plugins });
  for (const [method, target] of [
    ['PUT', '/keys/a?ttlMs=0'],
    ['PUT', '/keys/a?ttlMs=1.5'],
    ['PUT', '/keys/a?ttlMs='],
    ['PUT', '/keys/a?ttlMs=9999999999999'],
    ['PUT', '/keys/a?ttl=5'],
    ['PUT', '/keys/a?ttlMs=5&ttlMs=5'],
    ['DELETE', '/keys/a?force=1'],
    ['GET', '/keys?limit=0'],
    ['GET', '/keys?limit=1001'],
    ['GET', '/keys?after=x'],
    ['GET', '/keys?offset=1'],
    ['GET', '/keys?prefix=%ff'],
    ['GET', '/keys?prefix=%ED%A0%80'],
  ] as const) {
    const { status, text } = await ask(server, method, target, { body: '1' });
    t.is(status, 400, target);
    t.regex(text, /^The query of this request is not valid: /);
  }
  t.deepEqual((await listed(server, '/keys')).json.entries, []);
  // The replacement character is a valid character.
  await ask(server, 'PUT', '/keys/%EF%BF%BD', { body: '1' });
  t.is((await listed(server, '/keys?prefix=%ef%bf%bd')).json.entries.length, 1);
});

test('PUT of a part of an entry is refused', async (t) => {
  const server = await served(t, { plugins });
  const { status } = await ask(server, 'PUT', '/keys/a', { 'content-range': 'bytes 0-1/5', body: 'ab' });
  t.is(status, 400);
});

test('keys and values beyond the limits are refused', async (t) => {
  const server = await served(t, { plugins });
  t.is((await ask(server, 'PUT', `/keys/${'k'.repeat(1_024)}`, { body: '1' })).status, 201);
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const { status, text } = await ask(server, method, `/keys/${'k'.repeat(1_025)}`, { body: '1' });
    t.is(status, 400, method);
    t.regex(text, /^A key must be /);
  }
  t.is((await ask(server, 'PUT', '/keys/a', { body: 'x'.repeat(1_048_577) })).status, 413);
  t.is((await ask(server, 'GET', '/keys/')).status, 404, 'no key is empty');
});

test('other methods are 405 with Allow', async (t) => {
  const server = await served(t, { plugins });
  const { status, headers } = await ask(server, 'PATCH', '/keys/a');
  t.is(status, 405);
  t.deepEqual(headers.allow?.split(', ').sort(), ['DELETE', 'GET', 'HEAD', 'PUT']);
});

test('a store that is down and an unknown outcome are 503, never "no entry"', async (t) => {
  class Down extends MemoryAdapter {
    override get(): never {
      throw new StorageError('STORAGE_UNAVAILABLE', 'down');
    }
    override commit(_: Change): never {
      throw new StorageError('STORAGE_OUTCOME_UNKNOWN', 'lost');
    }
  }
  const server = await served(t, { plugins, storage: { adapter: new Down() } });
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const { status, text } = await ask(server, method, '/keys/a', { body: '1' });
    t.is(status, 503, method);
    // Paths and addresses appear only in the log.
    t.notRegex(text, /down|lost|…/);
  }
});

test('a body limit above 1 MiB does not allow larger values: 400 with the limit, and nothing changes', async (t) => {
  const server = await served(t, { plugins, limits: { maxBodyOctets: 4_194_304 } });
  const largest = 'v'.repeat(1_048_576);
  t.is((await ask(server, 'PUT', '/keys/a', { body: largest })).status, 201);
  const refused = await ask(server, 'PUT', '/keys/a', { body: `${largest}!` });
  t.is(refused.status, 400);
  t.regex(refused.text, /has 1048577 octets of UTF-8 and may have 1048576/);
  t.is((await ask(server, 'GET', '/keys/a')).text, largest);
});
