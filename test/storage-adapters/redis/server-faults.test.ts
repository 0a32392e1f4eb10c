/** Faults of a real Redis: it dies, hangs, loads, refuses, runs full. No answer is ever wrong because of it. */
import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { silentLog } from '../../../core/log.js';
import { RedisAdapter, type RedisOptions } from '../../../storage-adapters/redis/redis.js';
import { MAIN } from '../../repository.js';
import { ONE, TWO } from '../../support/certificates.js';
import { freePort, startRedis } from '../../support/redis-server.js';
import { DURABLE, freshNamespace, withRedis } from '../../support/server-test.js';
import { codeOf, opened, proxyFor, put } from '../outage.js';
import { until } from '../shared-store.js';
import { survivesKills } from '../writers.js';

withRedis(
  test,
  (server) => {
    const at = (t: ExecutionContext, options: Partial<RedisOptions> = {}) =>
      opened(
        t,
        new RedisAdapter({ url: server().url, namespace: freshNamespace(), ...options }, { log: silentLog }),
      );
    const worksAgain = (adapter: RedisAdapter) =>
      until(async () => (await codeOf(() => adapter.commit(put('again')))) === 'no error');

    test.serial(
      'after kills and restarts under load, acknowledged commits exist and refused ones do not',
      async (t) => {
        const adapter = await at(t);
        await survivesKills(t, adapter, server(), 200);
      },
    );

    test.serial(
      'a server that hangs for longer than the time-out is an outage, and the outcome of its commit is unknown',
      async (t) => {
        const adapter = await at(t, { commandTimeoutMs: 300, connectTimeoutMs: 300 });
        await worksAgain(adapter);
        process.kill(server().pid, 'SIGSTOP');
        try {
          t.is(await codeOf(() => adapter.commit(put('a', 'while it stood'))), 'STORAGE_OUTCOME_UNKNOWN');
          t.is(await codeOf(() => adapter.get('a')), 'STORAGE_UNAVAILABLE');
          t.is(
            await codeOf(() => adapter.commit(put('b'))),
            'STORAGE_UNAVAILABLE',
            'nothing is sent without a connection',
          );
        } finally {
          process.kill(server().pid, 'SIGCONT');
        }
        await worksAgain(adapter);
        // The server had received the first commit before it hung, and none of the refused ones.
        t.is(await adapter.get('b'), undefined);
      },
    );

    test.serial('a server that is loading is unavailable, and works afterwards', async (t) => {
      const adapter = await at(t);
      await adapter.commit({
        puts: Array.from({ length: 300 }, (_, n) => ({ key: `key ${n}`, value: 'x' })),
      });
      for (let n = 0; n < 300; n += 1) await server().ask('SET', `other:${n}`, 'x');
      // A delay for each key, so that loading takes a while; the server answers meanwhile.
      await server().ask('CONFIG', 'SET', 'key-load-delay', '20000');
      await server().ask('CONFIG', 'SET', 'loading-process-events-interval-bytes', '1024');
      const reloading = server().ask('DEBUG', 'RELOAD');
      const codes = new Set<unknown>();
      await until(async () => {
        codes.add(await codeOf(() => adapter.get('key 0')));
        codes.add(await codeOf(() => adapter.commit(put('key 1', 'y'))));
        return codes.has('STORAGE_UNAVAILABLE');
      });
      t.deepEqual(
        [...codes].filter((code) => code !== 'no error' && code !== 'STORAGE_UNAVAILABLE'),
        [],
      );
      await server().ask('CONFIG', 'SET', 'key-load-delay', '0');
      await reloading;
      await worksAgain(adapter);
      t.is((await adapter.get('key 299'))?.value, 'x');
    });

    test.serial('a server that cannot save and therefore refuses writes refuses whole commits', async (t) => {
      const adapter = await at(t);
      await adapter.commit(put('a', 'old'));
      const [, , , , folder = ''] = (await server().ask('CONFIG', 'GET', 'dir')).split('\r\n');
      // A folder in place of the snapshot: not even root can write it.
      await rm(path.join(folder, 'dump.rdb'), { force: true });
      await mkdir(path.join(folder, 'dump.rdb'));
      await server().ask('CONFIG', 'SET', 'save', '3600 1');
      await server().ask('BGSAVE');
      await until(async () => (await codeOf(() => adapter.commit(put('b')))) === 'STORAGE_UNAVAILABLE');
      t.is(
        await codeOf(() => adapter.commit({ puts: [{ key: 'a', value: 'new' }], deletes: ['b'] })),
        'STORAGE_UNAVAILABLE',
      );
      t.is((await adapter.get('a'))?.value, 'old');
      await server().ask('CONFIG', 'SET', 'save', '');
      await worksAgain(adapter);
      await rm(path.join(folder, 'dump.rdb'), { recursive: true });
    });

    test.serial('a server that accepts no more clients is an outage that ends', async (t) => {
      const proxy = await proxyFor(t, server().port);
      const adapter = await at(t, { url: `redis://127.0.0.1:${proxy.port}`, connectTimeoutMs: 1_000 });
      const direct = await at(t);
      await server().ask('CONFIG', 'SET', 'maxclients', '1');
      proxy.cutAll();
      await until(async () => (await codeOf(() => adapter.get('a'))) === 'STORAGE_UNAVAILABLE');
      t.is(await codeOf(() => direct.get('a')), 'no error', 'who is in stays in');
      // Only an open connection can still change the setting.
      await direct.close();
      await until(async () => (await server().ask('CONFIG', 'SET', 'maxclients', '1000')).includes('OK'));
      await worksAgain(adapter);
    });

    test.serial('a value that the server does not accept is refused, and nothing else is', async (t) => {
      const adapter = await at(t);
      await server().ask('CONFIG', 'SET', 'proto-max-bulk-len', '1048576');
      const code = await codeOf(() => adapter.commit(put('large', 'x'.repeat(2_000_000))));
      t.true(code === 'STORAGE_OUTCOME_UNKNOWN' || code === 'STORAGE_UNAVAILABLE', String(code));
      await server().ask('CONFIG', 'SET', 'proto-max-bulk-len', '536870912');
      await worksAgain(adapter);
      t.is(await adapter.get('large'), undefined);
      const large = '\u{1f600}'.repeat(4_000_000);
      t.true((await adapter.commit(put('large', large))).ok);
      t.is((await adapter.get('large'))?.value, large);
    });

    test.serial('a missing database is reported at the start', async (t) => {
      const adapter = new RedisAdapter({ url: `${server().url}/99` }, { log: silentLog });
      const error = await t.throwsAsync(adapter.open(), { code: 'STORAGE_UNAVAILABLE' });
      t.regex(error.message, /DB index/);
    });

    for (const policy of ['volatile-lru', 'volatile-ttl', 'noeviction']) {
      test.serial(`maxmemory-policy ${policy} evicts none of our keys when memory is full`, async (t) => {
        const adapter = await at(t);
        await adapter.commit({ puts: [{ key: 'a', value: 'x', ttlMs: 3_600_000 }] });
        await server().ask('CONFIG', 'SET', 'maxmemory-policy', policy);
        await server().ask('CONFIG', 'SET', 'maxmemory', '1');
        t.is(await codeOf(() => adapter.commit(put('b'))), 'STORAGE_FULL');
        t.is((await adapter.get('a'))?.value, 'x');
        await server().ask('CONFIG', 'SET', 'maxmemory', '0');
        await worksAgain(adapter);
        t.is((await adapter.get('a'))?.value, 'x');
      });
    }

    test.serial(
      'rediss: an untrusted certificate is refused, one of NODE_EXTRA_CA_CERTS is accepted',
      async (t) => {
        const folder = await mkdtemp(path.join(tmpdir(), 'jackfield-tls-'));
        t.teardown(() => rm(folder, { recursive: true }));
        const file = async (name: string, content: string) => {
          await writeFile(path.join(folder, name), content);
          return path.join(folder, name);
        };
        const [cert, key] = [await file('cert.pem', ONE.cert), await file('key.pem', ONE.key)];
        const port = await freePort();
        const secured = await startRedis([
          ...['--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key],
          ...['--tls-ca-cert-file', cert, '--tls-auth-clients', 'no'],
        ]);
        t.teardown(() => secured.stop());
        const options = { url: `rediss://localhost:${port}` };
        const config = await file('config.json', JSON.stringify({ storage: { adapter: 'redis', options } }));
        const check = (env: NodeJS.ProcessEnv) =>
          new Promise<string>((resolve) => {
            const args = [MAIN, 'check', '--config', config];
            execFile(process.execPath, args, { env: { ...process.env, ...env } }, (_, out, err) =>
              resolve(out + err),
            );
          });
        t.regex(await check({}), /STORAGE_UNAVAILABLE/);
        t.regex(await check({}), /self-signed certificate/);
        const other = await file('other.pem', TWO.cert);
        t.regex(await check({ NODE_EXTRA_CA_CERTS: other }), /self-signed certificate.*STORAGE_UNAVAILABLE/s);
        t.regex(await check({ NODE_EXTRA_CA_CERTS: cert }), /is valid/);

        // Node reads the certificates when it starts, so a separate process commits until it has seen an outage and its
        // end.
        const program = fileURLToPath(new URL('secured-client.js', import.meta.url));
        const client = spawn(process.execPath, [program, options.url, freshNamespace()], {
          env: { ...process.env, NODE_EXTRA_CA_CERTS: cert },
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        t.teardown(() => client.kill());
        const lines = createInterface({ input: client.stdout })[Symbol.asyncIterator]();
        t.is((await lines.next()).value, 'no error');
        await secured.kill();
        t.regex((await lines.next()).value, /^STORAGE_(?:UNAVAILABLE|OUTCOME_UNKNOWN)$/);
        await secured.start();
        t.is((await lines.next()).value, 'no error');
      },
    );

    test.serial('rediss to a server without TLS is unavailable, with a sentence', async (t) => {
      const url = `rediss://127.0.0.1:${server().port}`;
      const adapter = new RedisAdapter({ url, connectTimeoutMs: 1_000 }, { log: silentLog });
      const error = await t.throwsAsync(adapter.open(), { code: 'STORAGE_UNAVAILABLE' });
      t.log(error.message);
    });
  },
  [...DURABLE, '--enable-debug-command', 'local', '--enable-protected-configs', 'no'],
);
