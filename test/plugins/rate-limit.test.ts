import { createHmac } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { createLog } from '../../core/log.js';
import { createServer } from '../../core/server.js';
import { defineAdapter, type StorageAdapter, StorageError } from '../../core/storage/contract.js';
import { StorageDoor } from '../../core/storage/storage-door.js';
import { draw, verdictOf } from '../../plugins/rate-limit/bucket.js';
import { addressKey } from '../../plugins/rate-limit/client-key.js';
import { MemoryBuckets } from '../../plugins/rate-limit/memory-buckets.js';
import { SharedBuckets } from '../../plugins/rate-limit/shared-buckets.js';
import memory from '../../storage-adapters/memory.js';
import { tempFolder } from '../core/temp-folder.js';
import { RawClient, request } from '../support/raw-client.js';
import { isStartWarning } from '../support/start-warnings.js';
import { type Server, served } from './served.js';

/** A window so long that no bucket fills during a test. */
const DAY = 86_400;
const SECRET = 'sixteen and more';
const codeOf = (client: string) => createHmac('sha256', SECRET).update(client).digest('base64url');
const three = { name: 'three', limit: 3, windowSeconds: DAY };

const withOptions = (t: ExecutionContext, options: object = { rules: [three] }): Promise<Server> =>
  served(t, { plugins: [{ use: 'rate-limit', options }, 'get', 'head', 'post', 'create'] });

async function statuses(
  server: Server,
  times: number,
  asked: Parameters<Server['inject']>[0] = {},
): Promise<number[]> {
  const found: number[] = [];
  for (let at = 0; at < times; at++) found.push((await server.inject(asked)).status);
  return found;
}

test('requests over the limit are 429, with fields that say when to try again', async (t) => {
  const server = await withOptions(t);
  const first = await server.inject();
  t.is(first.headers['ratelimit-policy'], `"three";q=3;w=${DAY}`);
  t.is(first.headers.ratelimit, `"three";r=2;t=${DAY / 3}`);
  t.is(first.headers['retry-after'], undefined);
  t.deepEqual(await statuses(server, 2), [200, 200]);
  const refused = await server.inject();
  t.is(refused.status, 429);
  t.is(refused.text, 'Too many requests; wait for the time in Retry-After (RFC 6585 §4).');
  const [, left, full] = /^"three";r=(\d+);t=(\d+)$/.exec(refused.headers.ratelimit ?? '') ?? [];
  t.is(left, '0');
  const wait = Number(refused.headers['retry-after']);
  t.true(wait > 0 && wait <= DAY / 3 && wait <= Number(full));
});

test('errors and HEAD are counted and have the fields too', async (t) => {
  const server = await withOptions(t);
  t.regex((await server.inject({ target: '/none' })).headers.ratelimit ?? '', /r=2/);
  t.regex((await server.inject({ method: 'HEAD' })).headers.ratelimit ?? '', /r=1/);
});

test('the first matching rule counts, each rule has its own buckets, and "none" does not count', async (t) => {
  const server = await withOptions(t, {
    rules: [
      { name: 'free', path: '/free/*', limit: 'none' },
      { name: 'writes', methods: ['POST'], limit: 1, windowSeconds: DAY },
      { name: 'reads', methods: ['GET'], path: '/', limit: 2, windowSeconds: DAY },
    ],
  });
  t.deepEqual(
    await statuses(server, 3, { method: 'POST', target: '/create', body: 'a: 1' }),
    [200, 429, 429],
  );
  t.deepEqual(await statuses(server, 3), [200, 200, 429]);
  t.deepEqual(await statuses(server, 3, { target: '/free/a' }), [404, 404, 404]);
  const uncounted = await server.inject({ target: '/other' });
  t.deepEqual([uncounted.status, uncounted.headers.ratelimit], [404, undefined]);
});

test('no spelling of a path avoids its limit', async (t) => {
  const server = await withOptions(t, {
    rules: [
      { name: 'free', path: '/free/*', limit: 'none' },
      { name: 'login', path: '/login', limit: 1, windowSeconds: DAY },
      { name: 'rest', limit: 100, windowSeconds: DAY },
    ],
  });
  const counted = async (target: string) =>
    /^"(\w+)"/.exec((await server.inject({ target })).headers.ratelimit ?? '')?.[1];
  for (const target of ['/login', '//login', '/x/..%2Flogin', '/login;a=b', '/%6cogin', '/./login?x'])
    t.is(await counted(target), 'login', target);
  for (const target of ['/Login', '/login/', '/rest', '//free/x', '/free;/x', '/rest/..%2Ffree/x'])
    t.is(await counted(target), 'rest', target);
  t.is(await counted('/free/x'), undefined);
  // A path without a limit is counted if another reading of it has one.
  t.is(await counted('/free/..%2F..%2Flogin'), 'login');
});

test('clients are distinguished by a header if configured, otherwise by address', async (t) => {
  const server = await withOptions(t, { rules: [three], key: { header: 'X-Api-Key' } });
  for (const key of ['a', 'b', 'x'.repeat(5_000)])
    t.deepEqual(await statuses(server, 4, { headers: { 'X-Api-Key': key } }), [200, 200, 200, 429]);
  t.deepEqual(await statuses(server, 4), [200, 200, 200, 429]);
});

test('an IPv6 client is its /64, an IPv4 client its address, also through a translator', (t) => {
  for (const [address, key] of [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:0:0:ffff:ffff:ffff:ffff', '2001:db8:0:0::/64'],
    ['2001:DB8:0:1::1', '2001:db8:0:1::/64'],
    ['2001:db8:1:2:3::', '2001:db8:1:2::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
    ['1::', '1:0:0:0::/64'],
    // The translators and tunnels of IPv4 clients: RFC 6052 §2.1, RFC 8215 §3, RFC 2765 §2.1, RFC 3056 §2, RFC 4380 §4.
    ['::ffff:c000:201', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '192.0.2.1'],
    ['64:ff9b::c000:201', '192.0.2.1'],
    ['64:FF9B:0:0:0:0:C000:201', '192.0.2.1'],
    ['64:ff9b:1:fffe::c000:201', '64:ff9b:1:fffe:0:0:c000:201'],
    ['64:ff9b:2::c000:201', '64:ff9b:2:0::/64'],
    ['64:ff9b::1:c000:201', '64:ff9b:0:0::/64'],
    ['::ffff:0:192.0.2.1', '192.0.2.1'],
    ['2002:c000:201:7::1', '192.0.2.1'],
    ['2001:0:4136:e378:8000:63bf:3fff:fdfe', '192.0.2.1'],
    ['1:2:3::192.0.2.1', '1:2:3:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', 'unix'],
    ['unknown', 'unknown'],
    ['_hidden', '_hidden'],
  ] as const)
    t.is(addressKey(address), key, address);
});

test('a bucket never gives more than its limit at once, nor more than twice that in a window', (t) => {
  const limit = { limit: 5, windowSeconds: 10 };
  const steps = fc.array(
    fc.record({ after: fc.integer({ min: 0, max: 4_000 }), wanted: fc.integer({ min: 1, max: 9 }) }),
  );
  fc.assert(
    fc.property(steps, (all) => {
      let bucket: Parameters<typeof draw>[0];
      let now = 1_000_000;
      const taken: [at: number, taken: number][] = [];
      for (const { after, wanted } of all) {
        now += after;
        const drawn = draw(bucket, limit, now, wanted);
        bucket = drawn.bucket;
        if (drawn.taken > 5 || drawn.taken > wanted || bucket.tokens < 0 || bucket.tokens > 5) return false;
        taken.push([now, drawn.taken]);
      }
      return taken.every(([from]) => {
        const within = taken.filter(([at]) => at >= from && at < from + 10_000);
        return within.reduce((sum, [, one]) => sum + one, 0) <= 10;
      });
    }),
  );
  t.pass();
});

test('a bucket fills evenly, and Retry-After is when the next request passes', (t) => {
  const limit = { limit: 2, windowSeconds: 10 };
  const { bucket } = draw(undefined, limit, 0, 2);
  t.deepEqual(verdictOf(bucket, limit, true), {
    isAllowed: true,
    remaining: 0,
    fullInSeconds: 10,
    retryInSeconds: 5,
  });
  t.is(draw(bucket, limit, 4_999, 1).taken, 0);
  t.is(draw(bucket, limit, 5_000, 1).taken, 1);
  t.is(draw(bucket, limit, 60_000, 9).taken, 2);
});

test('clocks that differ give no token twice and lock no client out', (t) => {
  const limit = { limit: 2, windowSeconds: 10 };
  const ahead = draw(undefined, limit, 3_000, 2).bucket;
  const behind = draw(ahead, limit, 0, 1);
  t.is(behind.taken, 0);
  t.is(draw(behind.bucket, limit, 3_000, 1).taken, 0);
  t.is(draw({ tokens: 0, at: 1e15 }, limit, 0, 1).taken, 1);
});

test('a clock that is set back stops a bucket for at most one window', (t) => {
  const limit = { limit: 10, windowSeconds: 10 };
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e12 }), (back) => {
      const { bucket } = draw(undefined, limit, 2e12, 10);
      const now = 2e12 - back;
      return (
        draw(bucket, limit, now + 20_000, 10).taken === 10 && draw(bucket, limit, now + 11_000, 1).taken === 1
      );
    }),
  );
  t.pass();
});

test.serial(
  'buckets in memory do not depend on the clock of the machine, which may be set in either direction',
  async (t) => {
    const { now } = Date;
    t.teardown(() => {
      Date.now = now;
    });
    const limit = { limit: 1_000, windowSeconds: 1 };
    const hour = { limit: 1, windowSeconds: 3_600 };
    const inMemory = new MemoryBuckets(10);
    for (const away of [-3_600_000, -500, 3_600_000]) {
      Date.now = now;
      while (inMemory.take('a', limit).isAllowed);
      const key = `b${away}`;
      inMemory.take(key, hour);
      Date.now = () => now() + away;
      // It is full after a second; a bucket that used the clock of the machine would take an hour.
      while (!inMemory.take('a', limit).isAllowed) await new Promise((resolve) => setImmediate(resolve));
      t.false(inMemory.take(key, hour).isAllowed, 'and nothing is given for an hour that has not passed');
    }
  },
);

test('buckets in memory are bounded', (t) => {
  const buckets = new MemoryBuckets(2);
  const limit = { limit: 1, windowSeconds: DAY };
  for (const key of ['a', 'b', 'a', 'b']) buckets.take(key, limit);
  t.false(buckets.take('a', limit).isAllowed);
  buckets.take('c', limit);
  t.true(buckets.take('b', limit).isAllowed);
});

// Through a store

/** A store in memory that declares itself shared, and counts its calls. */
class SharedStore {
  readonly #adapter: StorageAdapter;
  calls = 0;
  fails: (() => Promise<never>) | undefined;

  constructor() {
    this.#adapter = memory.create({}, { folder: '/', log: createLog(() => {}) });
  }

  readonly definition = defineAdapter({
    name: 'shared',
    create: (): StorageAdapter => {
      const call = async <T>(work: () => T): Promise<Awaited<T>> => {
        this.calls++;
        if (this.fails !== undefined) return this.fails();
        // Each call in its own turn, so that others come in between.
        await new Promise((resolve) => setImmediate(resolve));
        return await work();
      };
      return {
        name: 'shared',
        supports: { ...this.#adapter.supports, shared: 'cluster', watch: false },
        open: () => this.#adapter.open(),
        get: (key) => call(() => this.#adapter.get(key)),
        list: (page) => call(() => this.#adapter.list(page)),
        commit: (change) => call(() => this.#adapter.commit(change)),
        close: () => {},
      };
    },
  });
}

async function sharing(
  t: ExecutionContext,
  store: SharedStore,
  options: object,
): Promise<{ server: Server; log: string[] }> {
  const log: string[] = [];
  const server = createServer(
    {
      storage: { adapter: store.definition },
      plugins: [{ use: 'rate-limit', options: { secret: SECRET, ...options } }, 'get'],
      limits: { shutdownTimeoutMs: 0 },
    },
    {
      log: createLog((line) => {
        const told = JSON.parse(line) as { message: string };
        if (!isStartWarning(told)) log.push(told.message);
      }),
    },
  );
  t.teardown(() => server.close());
  await server.ready();
  return { server, log };
}

test('servers that share a store give a client its limit once, however they race', async (t) => {
  const store = new SharedStore();
  const rules = [{ name: 'shared', path: '/limited', limit: 20, windowSeconds: DAY }];
  // With the default time-out the store may be late on a busy machine, and buckets in memory would count.
  const options = { rules, storeTimeoutMs: 60_000 };
  const servers = [
    await sharing(t, store, options),
    await sharing(t, store, options),
    await sharing(t, store, options),
  ];
  const answers = await Promise.all(
    Array.from({ length: 90 }, (_, at) => servers[at % 3]!.server.inject({ target: '/limited' })),
  );
  const passed = answers.filter(({ status }) => status === 404);
  t.is(passed.length, 20);
  t.is(answers.filter(({ status }) => status === 429).length, 70);
  // Each request that passed got a different number of remaining requests.
  t.is(new Set(passed.map(({ headers }) => headers.ratelimit?.split(';')[1])).size, 20);
  t.true(store.calls < 90, `${store.calls} calls of the store for 90 requests`);
});

test('a client with an empty bucket causes no calls of the store', async (t) => {
  const store = new SharedStore();
  const { server } = await sharing(t, store, { rules: [three] });
  await statuses(server, 4, { target: '/none' });
  const before = store.calls;
  t.deepEqual([...new Set(await statuses(server, 50, { target: '/none' }))], [429]);
  t.is(store.calls, before);
});

test('a bucket in the store expires when it is full', async (t) => {
  const store = new SharedStore();
  const { server } = await sharing(t, store, { rules: [three], keyPrefix: 'limits/' });
  await server.inject({ target: '/none' });
  const entry = await store.definition
    .create({}, { folder: '/', log: createLog(() => {}) })
    .get(`limits/three:${codeOf('127.0.0.1')}`);
  t.true(entry !== undefined && entry.expiresAt !== undefined);
  t.true((entry?.expiresAt ?? 0) <= Date.now() + (DAY / 3) * 1_000 + 1);
});

test('while the store fails requests are counted in memory by default, and that is logged once', async (t) => {
  const store = new SharedStore();
  const { server, log } = await sharing(t, store, { rules: [three] });
  store.fails = async () => {
    throw new StorageError('STORAGE_UNAVAILABLE', 'no route to host');
  };
  t.deepEqual(await statuses(server, 5, { target: '/none' }), [404, 404, 404, 429, 429]);
  t.deepEqual(log, ['The store of the rate limit does not work.']);
  t.is(store.calls, 1, 'a store that failed is left alone for a while');
});

test('with whenStoreFails "closed" requests are 503 while the store fails', async (t) => {
  const store = new SharedStore();
  const { server } = await sharing(t, store, { rules: [three], whenStoreFails: 'closed' });
  store.fails = async () => {
    throw new StorageError('STORAGE_UNAVAILABLE', 'no route to host');
  };
  t.deepEqual(await statuses(server, 3, { target: '/none' }), [503, 503, 503]);
});

test('a request does not wait for a store that hangs', async (t) => {
  const store = new SharedStore();
  for (const [whenStoreFails, status] of [
    ['open', 404],
    ['closed', 503],
  ] as const) {
    const { server } = await sharing(t, store, { rules: [three], storeTimeoutMs: 1, whenStoreFails });
    store.fails = () => new Promise<never>(() => {});
    t.is((await server.inject({ target: '/none' })).status, status);
  }
});

test('a foreign value in place of a bucket neither breaks it nor gives more than the limit', async (t) => {
  const adapter = memory.create({}, { folder: '/', log: createLog(() => {}) });
  const door = new StorageDoor(adapter);
  await door.open();
  const buckets = new SharedBuckets(door, { maxBuckets: 10, storeTimeoutMs: 10_000, keyPrefix: 'p:' });
  const nasty = [
    '',
    'null',
    '[]',
    '"a"',
    '{',
    '{"tokens":1e999,"at":0}',
    '{"tokens":-5,"at":0}',
    '{"tokens":999,"at":0}',
    '{"tokens":"3","at":null}',
    `{"tokens":0,"at":${Number.MAX_SAFE_INTEGER}}`,
  ];
  for (const [at, value] of nasty.entries()) {
    await door.commit({ puts: [{ key: `p:${at}`, value }] });
    const told = await buckets.take(String(at), three);
    t.like(told, { isAllowed: true, remaining: 2 }, value);
  }
});

test('a bucket that always conflicts refuses for a second, and does not count as a failure of the store', async (t) => {
  let conflicts = 0;
  const storage = {
    get: () => undefined,
    commit: () => {
      conflicts++;
      return { ok: false as const, conflict: 'p:a' };
    },
  };
  // The type says that `commit` without checks cannot conflict; this one always gets checks.
  const buckets = new SharedBuckets(storage as unknown as StorageDoor, {
    maxBuckets: 10,
    storeTimeoutMs: 60_000,
    keyPrefix: 'p:',
  });
  const told = await Promise.all([buckets.take('a', three), buckets.take('a', three)]);
  for (const standing of told) t.like(standing, { isAllowed: false, retryInSeconds: 1 });
  t.true(conflicts >= 10);
});

test('with buckets in memory a shared store is not asked', async (t) => {
  const store = new SharedStore();
  const { server } = await sharing(t, store, { rules: [three], buckets: 'memory' });
  t.deepEqual(await statuses(server, 4, { target: '/none' }), [404, 404, 404, 429]);
  t.is(store.calls, 0);
});

test('a refused request does not close its connection', async (t) => {
  const server = createServer({
    listen: { port: 0 },
    storage: 'memory',
    plugins: [
      { use: 'rate-limit', options: { rules: [{ name: 'one', limit: 1, windowSeconds: DAY }] } },
      'get',
    ],
  });
  t.teardown(() => server.close());
  const client = await RawClient.connect((await server.listen()).port);
  client.send(request('GET /').repeat(3));
  const found: number[] = [];
  for (let at = 0; at < 3; at++) found.push((await client.response()).status);
  t.deepEqual(found, [200, 429, 429]);
  client.destroy();
});

test('invalid options are refused', async (t) => {
  for (const options of [
    { rules: [] },
    { rules: [{ name: 'A', limit: 1 }] },
    { rules: [{ name: 'a' }] },
    { rules: [{ name: 'a', limit: 0 }] },
    { rules: [three, three] },
    { rules: [{ name: 'a', limit: 1, path: 'a' }] },
    { key: 'header' },
    { key: { header: 'a b' } },
    { whenStoreFails: 'maybe' },
    { max: 5 },
  ])
    t.like(
      await t.throwsAsync(withOptions(t, options)),
      { code: 'PLUGIN_OPTIONS_INVALID' },
      JSON.stringify(options),
    );
});

test('two servers with one lmdb store give a client its limit once, with buckets under their prefix', async (t) => {
  const storage = { adapter: 'lmdb', options: { path: await tempFolder(t) } };
  const rules = [{ name: 'shared', path: '/limited', limit: 20, windowSeconds: DAY }];
  const plugins = [
    { use: 'rate-limit', options: { rules, storeTimeoutMs: 60_000, secret: SECRET } },
    'get',
    'keys',
  ];
  const servers = [await served(t, { storage, plugins }), await served(t, { storage, plugins })];
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, at) => servers[at % 2]!.inject({ target: '/limited' })),
  );
  t.is(answers.filter(({ status }) => status === 404).length, 20);
  t.is(answers.filter(({ status }) => status === 429).length, 40);
  const { text } = await servers[0]!.inject({ target: '/keys?prefix=jackfield%3Arate-limit%3A' });
  const { entries } = JSON.parse(text);
  // The key says nothing about the client: without the secret it cannot be computed.
  t.deepEqual(
    entries.map(({ key }: { key: string }) => key),
    [`jackfield:rate-limit:shared:${codeOf('127.0.0.1')}`],
  );
});

test('buckets in a shared store need a secret, so that no reader of the store learns who the clients are', async (t) => {
  const store = new SharedStore();
  const error = await t.throwsAsync(sharing(t, store, { rules: [three], secret: undefined }));
  t.is(Reflect.get(error, 'code'), 'PLUGIN_SETUP_FAILED');
  t.regex(error.message, /Set "secret"/);
  await t.throwsAsync(sharing(t, store, { secret: 'too short' }), { message: /secret/ });
  await t.notThrowsAsync(sharing(t, store, { rules: [three], secret: undefined, buckets: 'memory' }));
});
