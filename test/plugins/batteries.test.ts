/** The plugins that are off by default, together: the effects of their order. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DEFAULT_CONFIG, type PluginEntry } from '../../core/config/server-config.js';
import { hashToken } from '../../plugins/auth.js';
import { tempFolder } from '../core/temp-folder.js';
import { type Server, served } from './served.js';

const BATTERIES = [
  'access-log',
  'auth',
  'compress',
  'cors',
  'fetch',
  'health',
  'metrics',
  'options',
  'proxy',
  'rate-limit',
  'request-id',
  'static-files',
  'websocket',
];
const ORIGIN = 'https://a.example';
const PREFLIGHT = {
  method: 'OPTIONS',
  headers: { Origin: ORIGIN, 'Access-Control-Request-Method': 'GET' },
};

const cors = { use: 'cors', options: { origins: [ORIGIN] } };
const auth = { use: 'auth', options: { identities: [{ name: 'ann', tokens: [hashToken('t')] }] } };
const limit = { use: 'rate-limit', options: { rules: [{ name: 'two', limit: 2, windowSeconds: 86_400 }] } };

interface Recommended {
  readonly server: Server;
  /** Closes the server. @returns the lines of its access log. */
  finish(): Promise<Record<string, unknown>[]>;
}

async function recommended(t: ExecutionContext): Promise<Recommended> {
  const file = path.join(await tempFolder(t), 'access.log');
  const accessLog: PluginEntry = { use: 'access-log', options: { destination: { file } } };
  const server = await served(t, {
    plugins: ['request-id', accessLog, 'metrics', 'health', cors, limit, auth, 'options', 'head', 'get'],
  });
  return {
    server,
    finish: async () => {
      await server.close();
      return (await readFile(file, 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
    },
  };
}

test('none of them is on by default', (t) => {
  t.deepEqual(
    DEFAULT_CONFIG.plugins.filter((plugin) => BATTERIES.includes(plugin)),
    [],
  );
});

test('in the recommended order a preflight passes without credentials and does not count for the limit', async (t) => {
  const { server } = await recommended(t);
  for (let at = 0; at < 5; at++) {
    const answer = await server.inject(PREFLIGHT);
    t.is(answer.status, 204);
    t.is(answer.headers['access-control-allow-origin'], ORIGIN);
    t.is(answer.headers['access-control-allow-methods'], 'GET, HEAD');
  }
  t.is((await server.inject({ headers: { Authorization: 'Bearer t' } })).status, 200);
});

test('with auth before cors a preflight is 401: the configuration decides the order', async (t) => {
  const server = await served(t, { plugins: [auth, cors, 'get'] });
  t.is((await server.inject(PREFLIGHT)).status, 401);
});

test('a page can read a refusal, which has the ID and the limit', async (t) => {
  const { server } = await recommended(t);
  for (const [times, status] of [
    [2, 401],
    [1, 429],
  ] as const) {
    for (let at = 0; at < times; at++) {
      const { status: found, headers } = await server.inject({
        headers: { Origin: ORIGIN, Authorization: 'Bearer wrong' },
      });
      t.is(found, status);
      t.is(headers['access-control-allow-origin'], ORIGIN);
      t.regex(headers['x-request-id'] ?? '', /^[0-9a-f-]{36}$/);
      t.regex(headers.ratelimit ?? '', /^"two";r=/);
    }
  }
});

test('OPTIONS that is not a preflight needs credentials, and then lists the methods', async (t) => {
  const { server } = await recommended(t);
  t.is((await server.inject({ method: 'OPTIONS' })).status, 401);
  const { status, headers } = await server.inject({
    method: 'OPTIONS',
    headers: { Authorization: 'Bearer t' },
  });
  t.deepEqual([status, headers.allow], [204, 'GET, HEAD, OPTIONS']);
});

test('the access log has ID and user, and a line for each refusal', async (t) => {
  const { server, finish } = await recommended(t);
  const first = await server.inject({ headers: { Authorization: 'Bearer t' } });
  await server.inject();
  const lines = await finish();
  t.deepEqual(
    lines.map(({ status, user, requestId }) => [status, user, requestId === first.headers['x-request-id']]),
    [
      [200, 'ann', true],
      [401, undefined, false],
    ],
  );
});

test('metrics count answers of hooks, without a route', async (t) => {
  const { server } = await recommended(t);
  await server.inject();
  const { text } = await server.inject({ target: '/metrics', headers: { Authorization: 'Bearer t' } });
  t.regex(text, /^jackfield_requests_total\{method="GET",route="none",status="401"\} 1$/m);
});

test('auth and rate-limit apply to the classic dialect too, and do not change its octets', async (t) => {
  const plugins = [...DEFAULT_CONFIG.plugins];
  const classic = { headers: { Host: '127.0.0.1:10000/' } };
  const plain = await served(t, { plugins });
  const dressed = await served(t, { plugins: ['request-id', cors, 'options', 'health', ...plugins] });
  const [before, after] = [await plain.inject(classic), await dressed.inject(classic)];
  t.is(before.status, 200);
  t.deepEqual({ ...after.headers, date: '' }, { ...before.headers, date: '' });
  t.is(after.text, before.text);
  const guarded = await served(t, { plugins: [auth, ...plugins] });
  t.is((await guarded.inject(classic)).status, 401);
});
