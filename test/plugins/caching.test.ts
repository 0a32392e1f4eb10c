/**
 * The caching fields in the answers of built-in plugins and of the server itself.
 *
 * RFC 9111 §3: without such fields a cache may keep a GET or HEAD answer whose status is cacheable by default (RFC 9110
 * §15.1), for a time that it guesses. So each of these answers has them. Answers to PUT, DELETE and methods unknown to
 * a cache are never kept, and those to POST only with an explicit lifetime, so they need none.
 */
import test, { type ExecutionContext } from 'ava';
import type { ServerConfig } from '../../core/config/server-config.js';
import { silentLog } from '../../core/log.js';
import { HttpError, type PluginContext } from '../../core/plugin-api.js';
import { createServer } from '../../core/server.js';
import { tempFolder } from '../core/temp-folder.js';
import { field, RawClient, request, type WireResponse } from '../support/raw-client.js';

/** Statuses that are cacheable by default, RFC 9110 §15.1. */
const HEURISTICALLY_CACHEABLE = [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501];

interface Row {
  /** The request: method and target, or a whole message. */
  readonly ask: string;
  readonly fields?: readonly string[];
  readonly body?: string;
  readonly status: number;
  /** The value of Cache-Control; undefined only for methods that caches never keep. */
  readonly caches: 'no-cache' | 'no-store' | undefined;
  readonly vary?: string;
}

const PLUGINS = [
  'head',
  'get',
  'post',
  'put',
  'create',
  'update',
  'end',
  'keys',
  'watch',
  'health',
  'metrics',
  'options',
];
const JSON_FIELD = ['Content-Type: application/json'];

const ROWS: readonly Row[] = [
  // `get`: an entry can change at any moment, so a cache has to revalidate. The form depends on Accept.
  { ask: 'GET /', status: 200, caches: 'no-cache', vary: 'Accept' },
  { ask: 'HEAD /', status: 200, caches: 'no-cache', vary: 'Accept' },
  { ask: 'GET /', fields: ['Accept: application/json'], status: 200, caches: 'no-cache', vary: 'Accept' },
  { ask: 'GET /?limit=1', status: 200, caches: 'no-cache', vary: 'Accept' },
  { ask: 'GET /?limit=x', status: 400, caches: 'no-store' },
  // `keys`
  { ask: 'GET /keys/none', status: 404, caches: 'no-store' },
  { ask: 'HEAD /keys/none', status: 404, caches: 'no-store' },
  { ask: 'PUT /keys/a', body: '1', status: 201, caches: undefined },
  { ask: 'PUT /keys/a', body: '1', status: 204, caches: undefined },
  { ask: 'GET /keys/a', status: 200, caches: 'no-cache' },
  { ask: 'HEAD /keys/a', status: 200, caches: 'no-cache' },
  { ask: 'GET /keys/a', fields: ['If-None-Match: *'], status: 304, caches: 'no-cache' },
  { ask: 'GET /keys/a', fields: ['If-Match: "0"'], status: 412, caches: 'no-store' },
  { ask: 'GET /keys', status: 200, caches: 'no-cache' },
  { ask: 'GET /keys?limit=0', status: 400, caches: 'no-store' },
  { ask: 'DELETE /keys/none', status: 404, caches: 'no-store' },
  { ask: 'DELETE /keys/a', status: 204, caches: undefined },
  // `create` and `update`: GET on their paths is a 404 with a sentence.
  { ask: 'POST /create', fields: JSON_FIELD, body: '{"b":"1"}', status: 200, caches: undefined },
  { ask: 'PUT /update', fields: JSON_FIELD, body: '{"b":"2"}', status: 200, caches: undefined },
  { ask: 'GET /create', status: 404, caches: 'no-store' },
  { ask: 'GET /update', status: 404, caches: 'no-store' },
  { ask: 'POST /elsewhere', status: 404, caches: 'no-store' },
  { ask: 'PUT /elsewhere', status: 404, caches: 'no-store' },
  // Events are out of date at once.
  { ask: 'HEAD /watch', status: 200, caches: 'no-store' },
  { ask: 'GET /watch?after=1-abcdef', status: 410, caches: 'no-store' },
  { ask: 'GET /watch?after=x', status: 400, caches: 'no-store' },
  // So are measurements.
  { ask: 'GET /health/live', status: 200, caches: 'no-store' },
  { ask: 'GET /health/ready', status: 200, caches: 'no-store' },
  { ask: 'GET /metrics', status: 200, caches: 'no-store', vary: 'Accept' },
  { ask: 'OPTIONS /', status: 204, caches: undefined },
  // The server itself: a reload may add a handler there.
  { ask: 'GET /nothing', status: 404, caches: 'no-store' },
  { ask: 'HEAD /nothing', status: 404, caches: 'no-store' },
  { ask: 'PATCH /keys/a', status: 405, caches: 'no-store' },
  { ask: 'GET /keys/%ff', status: 400, caches: 'no-store' },
  { ask: `GET /${'x'.repeat(9_000)}`, status: 414, caches: 'no-store' },
  { ask: `${'M'.repeat(300)} /`, status: 501, caches: 'no-store' },
  { ask: 'GET /', fields: ['Host: evil.example'], status: 400, caches: 'no-store' },
  { ask: 'GET /', fields: ['Transfer-Encoding: gzip, chunked'], status: 501, caches: 'no-store' },
  { ask: 'GET /', fields: [`X: ${'x'.repeat(20_000)}`], status: 431, caches: 'no-store' },
];

async function listening(t: ExecutionContext, config: ServerConfig): Promise<number> {
  const log = { log: silentLog };
  const server = createServer({ listen: { port: 0 }, storage: 'memory', ...config }, log);
  t.teardown(() => server.close());
  return (await server.listen()).port;
}

async function holds(t: ExecutionContext, port: number, row: Row): Promise<void> {
  const { ask, fields = [], body = '', status, caches, vary } = row;
  const client = await RawClient.connect(port);
  const host = fields.some((line) => line.startsWith('Host:')) ? [] : ['Host: 127.0.0.1'];
  const length = body === '' ? [] : [`Content-Length: ${body.length}`];
  client.send(
    `${[`${ask} HTTP/1.1`, ...host, 'Connection: close', ...length, ...fields].join('\r\n')}\r\n\r\n${body}`,
  );
  const answer = await client.response(ask.split(' ', 1)[0]);
  const shown = `${ask.slice(0, 60)} ${answer.status}`;
  t.is(answer.status, status, shown);
  t.is(field(answer, 'cache-control'), caches, shown);
  t.is(field(answer, 'vary'), vary, shown);
  mustSay(t, ask, answer);
}

/** Checks that no row leaves out a field that the RFC makes necessary. */
function mustSay(t: ExecutionContext, ask: string, answer: WireResponse): void {
  const isRead = /^(?:GET|HEAD) /.test(ask);
  const isKept = isRead || (HEURISTICALLY_CACHEABLE.includes(answer.status) && answer.status >= 400);
  if (isKept)
    t.regex(field(answer, 'cache-control') ?? '', /^no-(?:cache|store)$/, `${ask} ${answer.status}`);
}

async function every(t: ExecutionContext, config: ServerConfig, rows: readonly Row[]): Promise<void> {
  const port = await listening(t, config);
  for (const row of rows) await holds(t, port, row);
}

test('caches revalidate answers from the store each time, and do not store errors and measurements', (t) =>
  every(t, { plugins: PLUGINS }, ROWS));

test('caches do not store refusals of plugins', async (t) => {
  const rules = [{ name: 'one', path: '/', limit: 1, windowSeconds: 600 }];
  const identities = [{ name: 'a', tokens: [`sha256:${'0'.repeat(64)}`] }];
  await every(t, { plugins: ['get', { use: 'rate-limit', options: { rules } }] }, [
    { ask: 'GET /', status: 200, caches: 'no-cache', vary: 'Accept' },
    { ask: 'GET /', status: 429, caches: 'no-store' },
  ]);
  await every(t, { plugins: ['get', { use: 'auth', options: { identities } }] }, [
    { ask: 'GET /', status: 401, caches: 'no-store' },
    { ask: 'GET /', fields: ['Authorization: Bearer x'], status: 401, caches: 'no-store' },
  ]);
  const port = await listening(t, { plugins: ['get', 'watch'], overload: { maxInFlight: 1 } });
  const stream = await fetch(`http://127.0.0.1:${port}/watch`);
  await holds(t, port, { ask: 'GET /', status: 503, caches: 'no-store' });
  await stream.body?.cancel();
  const mounts = [{ prefix: '/up', target: 'http://127.0.0.1:9' }];
  await every(t, { plugins: [{ use: 'proxy', options: { mounts } }] }, [
    { ask: 'GET /up/x', status: 502, caches: 'no-store' },
  ]);
});

test('caches revalidate folders each time; files have validators and the rule of their mount', async (t) => {
  const folder = await tempFolder(t, { 'site/a/b.txt': 'b' });
  const mount = { root: `${folder}/site`, listing: true };
  await every(t, { plugins: [{ use: 'static-files', options: { mounts: [mount] } }] }, [
    { ask: 'GET /', status: 200, caches: 'no-cache' },
    { ask: 'GET /a', status: 308, caches: 'no-cache' },
    { ask: 'GET /a/none', status: 404, caches: 'no-store' },
  ]);
  for (const more of [{ cacheControl: 'max-age=9' }, { headers: { 'cache-control': 'max-age=9' } }]) {
    const port = await listening(t, {
      plugins: [{ use: 'static-files', options: { mounts: [{ ...mount, ...more }] } }],
    });
    for (const target of ['/', '/a', '/a/b.txt']) {
      const client = await RawClient.connect(port);
      client.send(request(`GET ${target}`));
      t.is(field(await client.response(), 'cache-control'), 'max-age=9', target);
    }
  }
});

test('compress and cors add the fields that they read to Vary', async (t) => {
  const cors = { use: 'cors', options: { origins: ['https://a.example'] } };
  await every(t, { plugins: ['get', 'keys', 'compress', cors] }, [
    { ask: 'GET /', status: 200, caches: 'no-cache', vary: 'Accept, Accept-Encoding, Origin' },
    { ask: 'GET /keys/none', status: 404, caches: 'no-store', vary: 'Accept-Encoding, Origin' },
  ]);
});

test('caches do not store an error of a plugin, unless the plugin sets Cache-Control', async (t) => {
  const thrower = {
    name: 'thrower',
    setup({ handle }: PluginContext) {
      handle('GET', '/own', () => {
        throw new HttpError(404, 'gone', { 'cache-control': 'max-age=5' });
      });
      handle('GET', '/none', () => {
        throw new HttpError(404, 'gone');
      });
      handle('GET', '/bug', () => {
        throw new Error('bug');
      });
    },
  };
  const port = await listening(t, { plugins: [{ use: thrower }] });
  for (const [target, expected] of [
    ['/own', 'max-age=5'],
    ['/none', 'no-store'],
    ['/bug', 'no-store'],
  ] as const) {
    const client = await RawClient.connect(port);
    client.send(request(`GET ${target}`));
    t.is(field(await client.response(), 'cache-control'), expected, target);
  }
});

test('the heads of the classic dialect have no caching fields', async (t) => {
  const port = await listening(t, { plugins: ['get', 'post', 'put', 'create', 'update', 'head', 'classic'] });
  for (const head of ['GET / HTTP/1.1\r\nHost: 127.0.0.1/', 'PUT / HTTP/1.1\r\nHost: 127.0.0.1/create']) {
    const client = await RawClient.connect(port);
    client.send(`${head}\r\n\r\n`);
    t.notRegex((await client.response()).head, /cache-control|vary/i);
  }
});
