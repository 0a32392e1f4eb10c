import { readdir, rm } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { createLog } from '../../core/log.js';
import type { MaybePromise } from '../../core/maybe-promise.js';
import { createServer } from '../../core/server.js';
import { defineAdapter, type Entry, StorageError } from '../../core/storage/contract.js';
import { StoreProbe } from '../../plugins/health/store-probe.js';
import { tempFolder } from '../core/temp-folder.js';
import { plugin, RawClient, request, serve } from '../support/raw-client.js';
import { served } from './served.js';

/** A store whose `get` is the given function. */
function storeWith(get: () => MaybePromise<Entry | undefined>) {
  return defineAdapter({
    name: 'told',
    create: () => ({
      name: 'told',
      supports: { durable: false, shared: 'process', bounded: false, watch: false },
      open() {},
      get,
      list: () => ({ entries: [] }),
      commit: () => ({ ok: true, revision: 1, previous: new Map() }),
      close() {},
    }),
  });
}

test('live and ready answer GET and HEAD, and are not cached', async (t) => {
  const server = await served(t, { plugins: ['health'] });
  const live = await server.inject({ target: '/health/live' });
  t.deepEqual(
    [live.status, live.json(), live.headers['content-type']],
    [200, { status: 'live' }, 'application/json'],
  );
  t.is(live.headers['cache-control'], 'no-store');
  const ready = await server.inject({ target: '/health/ready' });
  t.deepEqual([ready.status, ready.json()], [200, { status: 'ready', storage: 'ok' }]);
  for (const target of ['/health/live', '/health/ready']) {
    const { status, body } = await server.inject({ method: 'HEAD', target });
    t.deepEqual([status, body.length], [200, 0], target);
  }
  t.is((await server.inject({ method: 'POST', target: '/health/live' })).status, 405);
});

test('while the server stops it is live and not ready', async (t) => {
  for (const [target, status, state] of [
    ['/health/ready', 503, 'stopping'],
    ['/health/live', 200, 'live'],
  ] as const) {
    const { connect, server } = await serve(t, {
      plugins: ['health'],
      limits: { shutdownTimeoutMs: 20_000 },
    });
    const client = await connect();
    const octets = request(`GET ${target}`);
    client.send(octets.slice(0, 20));
    // The beginning of the request must have arrived, or the connection counts as idle and closes.
    const other = await connect();
    other.send(request('GET /probe'));
    await other.response();
    other.destroy();
    const closing = server.close();
    client.send(octets.slice(20));
    const answer = await client.response();
    t.is(answer.status, status);
    t.deepEqual(JSON.parse(answer.body), { status: state });
    client.destroy();
    await closing;
  }
});

async function withStore(
  t: ExecutionContext,
  get: () => MaybePromise<Entry | undefined>,
  options: object = {},
) {
  const lines: { level: string; message: string }[] = [];
  const server = createServer(
    { storage: { adapter: storeWith(get) }, plugins: [{ use: 'health', options }] },
    { log: createLog((line) => void lines.push(JSON.parse(line))) },
  );
  t.teardown(() => server.close());
  await server.ready();
  return { server, lines };
}

test('while the store fails it is not ready, with the code and without secrets; then it is ready again', async (t) => {
  let isDown = true;
  const get = () => {
    if (isDown) throw new StorageError('STORAGE_UNAVAILABLE', 'postgres://user:secret@db/');
    return undefined;
  };
  const { server, lines } = await withStore(t, get, { cacheMs: 0 });
  for (let at = 0; at < 3; at++) {
    const down = await server.inject({ target: '/health/ready' });
    t.deepEqual([down.status, down.json()], [503, { status: 'not ready', storage: 'STORAGE_UNAVAILABLE' }]);
  }
  t.is((await server.inject({ target: '/health/live' })).status, 200);
  isDown = false;
  t.is((await server.inject({ target: '/health/ready' })).status, 200);
  t.deepEqual(
    lines.map(({ level }) => level),
    ['warn', 'info'],
  );
});

test('it does not wait for a store that hangs, and does not ask it again meanwhile', async (t) => {
  let asked = 0;
  const get = () => {
    asked++;
    return new Promise<undefined>(() => {});
  };
  const { server } = await withStore(t, get, { storageTimeoutMs: 1, cacheMs: 0 });
  for (let at = 0; at < 5; at++) {
    const { status, text } = await server.inject({ target: '/health/ready' });
    t.deepEqual([status, text], [503, '{"status":"not ready","storage":"TIMEOUT"}']);
  }
  t.is(asked, 1);
});

test('many probes cost one request to the store', async (t) => {
  let asked = 0;
  const get = async () => {
    asked++;
    await new Promise((resolve) => setImmediate(resolve));
    return undefined;
  };
  const { server } = await withStore(t, get, { cacheMs: 60_000 });
  await Promise.all(Array.from({ length: 50 }, () => server.inject({ target: '/health/ready' })));
  await server.inject({ target: '/health/ready' });
  t.is(asked, 1);
});

test('after a store that throws at once, the next probe asks it again', async (t) => {
  let asked = 0;
  const get = (): undefined => {
    asked++;
    throw new StorageError('STORAGE_CLOSED');
  };
  const probe = new StoreProbe({ get }, { storageTimeoutMs: 1_000, cacheMs: 0 });
  t.is(await probe.failure(), 'STORAGE_CLOSED');
  t.is(await probe.failure(), 'STORAGE_CLOSED');
  t.is(asked, 2);
});

test('without storage the store is not asked', async (t) => {
  const get = (): never => t.fail() as never;
  const { server } = await withStore(t, get, { storage: false });
  t.is((await server.inject({ target: '/health/ready' })).text, '{"status":"ready"}');
});

test('the paths are options', async (t) => {
  const server = await served(t, {
    plugins: [{ use: 'health', options: { livePath: '/up', readyPath: '/go' } }],
  });
  t.is((await server.inject({ target: '/up' })).status, 200);
  t.is((await server.inject({ target: '/go' })).status, 200);
  t.is((await server.inject({ target: '/health/live' })).status, 404);
  for (const options of [{ livePath: 'up' }, { storageTimeoutMs: 0 }, { cacheMs: 0.5 }, { path: '/' }]) {
    const error = await t.throwsAsync(served(t, { plugins: [{ use: 'health', options }] }));
    t.like(error, { code: 'PLUGIN_OPTIONS_INVALID' });
  }
});

test('with a store that works only after it is opened again, the server is not ready', async (t) => {
  let fault: StorageError | undefined;
  const adapter = defineAdapter({
    name: 'told',
    create: (options, context) => ({
      ...storeWith(() => undefined).create(options, context),
      get fault() {
        return fault;
      },
    }),
  });
  const server = await served(t, { storage: { adapter }, plugins: ['health'] });
  t.is((await server.inject({ target: '/health/ready' })).status, 200);
  fault = new StorageError('STORAGE_OUTCOME_UNKNOWN', 'a sync failed');
  const { status, json } = await server.inject({ target: '/health/ready' });
  t.deepEqual([status, json()], [503, { status: 'not ready', storage: 'STORAGE_OUTCOME_UNKNOWN' }]);
  t.is((await server.inject({ target: '/health/live' })).status, 200);
});

test('with a json-file whose lock was removed, a whole server is not ready', async (t) => {
  const folder = await tempFolder(t);
  const storage = { adapter: 'json-file', options: { path: `${folder}/data.json` } };
  const server = await served(t, { storage, plugins: ['health', 'keys'] });
  t.is((await server.inject({ target: '/health/ready' })).status, 200);
  for (const name of await readdir(folder)) if (name.includes('.lock-')) await rm(`${folder}/${name}`);
  t.is((await server.inject({ method: 'PUT', target: '/keys/a', body: 'x' })).status, 503);
  t.deepEqual((await server.inject({ target: '/health/ready' })).json(), {
    status: 'not ready',
    storage: 'STORAGE_LOCKED',
  });
});

test('the probes of Kubernetes and HAProxy, as these programs send them by default', async (t) => {
  const secret = plugin('secret', ({ handle }) => handle('GET', '/secret', () => 'secret'));
  const { connect } = await serve(t, { plugins: ['health', secret] });
  const asked = async (octets: string, method?: string) => {
    const client = await connect();
    client.send(octets);
    return (await client.response(method)).status;
  };
  const probe = (path: string) =>
    `GET ${path} HTTP/1.1\r\nHost: 10.1.2.3:8080\r\nUser-Agent: kube-probe/1.31\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
  t.is(await asked(probe('/health/ready')), 200);
  t.is(await asked(probe('/health/live')), 200);
  // Only these two accept the host.
  t.is(await asked(probe('/secret')), 400);
  t.is(await asked(probe('/health')), 400);
  t.is(await asked(probe('/health/ready').replace('GET', 'POST')), 400);
  t.is(await asked('OPTIONS / HTTP/1.0\r\n\r\n'), 200);
  t.is(await asked('OPTIONS / HTTP/1.0\r\nHost: localhost\r\n\r\n'), 405);
  t.is(await asked('OPTIONS / HTTP/1.1\r\nHost: localhost\r\n\r\n'), 405);
  t.is(await asked('OPTIONS /secret HTTP/1.0\r\n\r\n'), 405);
});

test('a server that is not ready says so to HAProxy too', async (t) => {
  const { server } = await withStore(t, () => {
    throw new StorageError('STORAGE_UNAVAILABLE', 'down');
  });
  const { port } = await server.listen();
  const client = await RawClient.connect(port);
  t.teardown(() => client.destroy());
  client.send('OPTIONS / HTTP/1.0\r\n\r\n');
  t.is((await client.response()).status, 503);
});
