/** For Redis only: driver, options, declarations, history, long listings, and the keys in the server. */
import test from 'ava';
import { silentLog } from '../../../core/log.js';
import { createServer } from '../../../core/server.js';
import { RedisAdapter, type RedisOptions } from '../../../storage-adapters/redis/redis.js';
import { waitAofMissing } from '../../support/redis-server.js';
import { freshNamespace, withRedis } from '../../support/server-test.js';
import { codeOf, opened, put, readableLog, textsOf } from '../outage.js';

const context = { log: silentLog };

test('without the driver the error says what to install', async (t) => {
  const missing = () =>
    Promise.reject(Object.assign(new Error("Cannot find package 'redis'"), { code: 'ERR_MODULE_NOT_FOUND' }));
  const adapter = new RedisAdapter({ url: 'redis://127.0.0.1' }, context, missing);
  const error = await t.throwsAsync(adapter.open(), { code: 'STORAGE_DRIVER_MISSING' });
  t.regex(
    error.message,
    /not installed: redis\. Run "npm install redis" \(or the same with your package manager\) where jackfield is installed\.$/,
  );
});

for (const url of ['http://user:a-secret@host', ['redis://x', 'http://user:a-secret@host'], []]) {
  test(`an address of another protocol is refused without showing it: ${typeof url} of ${url.length}`, async (t) => {
    const storage = { adapter: 'redis', options: { url } };
    const error = await t.throwsAsync(createServer({ listen: { port: 0 }, storage }).ready(), {
      code: 'ADAPTER_OPTIONS_INVALID',
    });
    t.false(textsOf(error).includes('a-secret'));
  });
}

test('an invalid address is reported without showing it', async (t) => {
  const adapter = new RedisAdapter({ url: 'redis://user:a-secret@[bad/0' }, context);
  const error = await t.throwsAsync(async () => adapter.open(), { code: 'STORAGE_UNAVAILABLE' });
  t.regex(error.message, /address/);
  t.false(textsOf(error).includes('a-secret'), textsOf(error));
});

withRedis(test, (server) => {
  const make = (options: Partial<RedisOptions> = {}, log = silentLog) =>
    new RedisAdapter({ namespace: freshNamespace(), ...options, url: server().url }, { log });

  test.serial('appendonly and appendfsync decide whether the store is durable', async (t) => {
    t.true((await opened(t, make())).supports.durable);
    await server().ask('CONFIG', 'SET', 'appendfsync', 'everysec');
    const { log, lines } = readableLog();
    t.false((await opened(t, make({}, log))).supports.durable);
    t.regex(lines.join(''), /may be lost/);
    // The server's settings count if it reports them, not the option.
    t.false((await opened(t, make({ durable: true }))).supports.durable);
    await server().ask('CONFIG', 'SET', 'appendfsync', 'always');
  });

  test.serial('if CONFIG is forbidden, the option decides', async (t) => {
    await server().ask('ACL', 'SETUSER', 'limited', 'on', '>secret', '~*', '+@all', '-config');
    const url = `redis://limited:secret@127.0.0.1:${server().port}`;
    for (const durable of [true, false]) {
      const adapter = new RedisAdapter({ url, durable, namespace: freshNamespace() }, context);
      await opened(t, adapter);
      t.is(adapter.supports.durable, durable);
      t.true((await adapter.commit(put('a'))).ok);
    }
  });

  test.serial('waitForDisk is refused if the server has no WAITAOF', async (t) => {
    // A user who may not use WAITAOF does not have it, in any version.
    await server().ask('ACL', 'SETUSER', 'without', 'on', '>secret', '~*', '+@all', '-waitaof');
    const url = `redis://${waitAofMissing() === undefined ? 'without:secret@' : ''}127.0.0.1:${server().port}`;
    const adapter = new RedisAdapter({ url, waitForDisk: true, namespace: freshNamespace() }, context);
    const error = await t.throwsAsync(adapter.open(), { code: 'STORAGE_UNREADABLE' });
    t.regex(error.message, /WAITAOF of Redis 7\.2 or Valkey/);
  });

  test.serial('changes before the bound are trimmed, and readers that need them get an error', async (t) => {
    const adapter = await opened(t, make({ historyChanges: 20 }));
    for (let n = 0; n < 400; n += 1) await adapter.commit(put('a', String(n)));
    const first = (after: number) => adapter.watch(after)[Symbol.asyncIterator]().next();
    t.is(await codeOf(() => first(0)), 'STORAGE_HISTORY_GONE');
    t.is((await first(385)).value?.revision, 386);
  });

  test.serial('if the stream is gone, the history is gone', async (t) => {
    const namespace = freshNamespace();
    const adapter = await opened(t, make({ namespace }));
    await adapter.commit(put('a'));
    await server().ask('DEL', `jackfield:{${namespace}}:changes`);
    const first = (after: number) => adapter.watch(after)[Symbol.asyncIterator]();
    t.is(await codeOf(() => first(0).next()), 'STORAGE_HISTORY_GONE');
    const waiting = first(1).next();
    await adapter.commit(put('b'));
    t.is((await waiting).value?.revision, 2);
  });

  test.serial('readers of the feed get an error after a loss of data', async (t) => {
    const namespace = freshNamespace();
    const adapter = await opened(t, make({ namespace }));
    await adapter.commit(put('a'));
    await adapter.commit(put('b'));
    const waiting = adapter.watch(2)[Symbol.asyncIterator]().next();
    for (const name of ['entries', 'order', 'expiry', 'numbers', 'changes']) {
      await server().ask('DEL', `jackfield:{${namespace}}:${name}`);
    }
    t.is(await codeOf(() => waiting), 'STORAGE_REVISION_UNKNOWN');
  });

  test.serial('entries in another format are refused', async (t) => {
    const namespace = freshNamespace();
    await server().ask('HSET', `jackfield:{${namespace}}:numbers`, 'format', '2');
    t.is(await codeOf(() => make({ namespace }).open()), 'STORAGE_UNREADABLE');
  });

  test.serial('a prefix of few among 5,000 entries is listed, page by page', async (t) => {
    const adapter = await opened(t, make());
    const keys = Array.from({ length: 5_000 }, (_, n) => (n % 1_666 === 0 ? `rare ${n}` : `key ${n}`));
    await adapter.commit({ puts: keys.map((key) => ({ key, value: 'x' })) });
    const rare = keys.filter((key) => key.startsWith('rare'));
    const found: string[] = [];
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: Awaited<ReturnType<typeof adapter.list>> = await adapter.list({
        prefix: 'rare',
        after,
        limit: 2,
      });
      found.push(...page.entries.map(({ key }) => key));
      after = page.next;
    }
    t.deepEqual(found, rare);
    t.is((await adapter.list({ limit: 10_000 })).entries.length, 5_000);
  });

  test.serial('a page of several calls shows each commit completely while others write', async (t) => {
    const adapter = await opened(t, make());
    const between = Array.from({ length: 3_000 }, (_, n) => ({ key: `between ${n}`, value: 'x' }));
    const both = (value: string) => [
      { key: 'pair left', value },
      { key: 'pair right', value },
    ];
    await adapter.commit({ puts: [both('start')[0]!, ...between, both('start')[1]!] });
    let isOver = false;
    const writing = (async () => {
      for (let n = 0; !isOver; n += 1) await adapter.commit({ puts: both(String(n)) });
    })();
    for (let read = 0; read < 30; read += 1) {
      const { entries } = await adapter.list({ prefix: 'pair', limit: 10 });
      t.is(entries.length, 2);
      t.is(entries[0]?.value, entries[1]?.value);
    }
    isOver = true;
    await writing;
  });

  test.serial('10,000 puts are one commit and one change', async (t) => {
    const adapter = await opened(t, make());
    const puts = Array.from({ length: 10_000 }, (_, n) => ({ key: `key ${n}`, value: String(n) }));
    const result = await adapter.commit({ puts });
    const { value } = await adapter.watch(0)[Symbol.asyncIterator]().next();
    t.is(value?.revision, result.ok && result.revision);
    t.is(value?.puts.length, 10_000);
  });
});
