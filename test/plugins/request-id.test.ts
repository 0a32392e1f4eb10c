import test, { type ExecutionContext } from 'ava';
import { definePlugin } from '../../core/api/plugin.js';
import { createLog } from '../../core/log.js';
import { createServer } from '../../core/server.js';
import { requestId, requestLog } from '../../plugins/request-id.js';
import { keeping } from '../support/start-warnings.js';
import { type Server, served } from './served.js';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Returns the ID that a handler sees. */
const echo = definePlugin({
  name: 'echo',
  setup({ handle, log }) {
    handle('GET', '/id', (request) => `${requestId(request)}`);
    handle('GET', '/fail', () => {
      throw new Error('on purpose');
    });
    handle('GET', '/log', (request) => {
      requestLog(request, log).info('from the handler');
      return '';
    });
  },
});

const withOptions = (t: ExecutionContext, options: object = {}): Promise<Server> =>
  served(t, { plugins: [{ use: 'request-id', options }, echo, 'head'] });

async function idFor(server: Server, given: string): Promise<string | undefined> {
  const { headers } = await server.inject({ target: '/id', headers: { 'X-Request-Id': given } });
  return headers['x-request-id'];
}

test('every request has its own ID, the same for handler and answer', async (t) => {
  const server = await withOptions(t);
  const first = await server.inject({ target: '/id' });
  t.regex(first.text, UUID);
  t.is(first.headers['x-request-id'], first.text);
  const second = await server.inject({ target: '/id' });
  t.not(second.text, first.text);
});

test('answers to HEAD, errors and refused hosts have one too', async (t) => {
  const server = await withOptions(t);
  for (const request of [
    { method: 'HEAD', target: '/id' },
    { target: '/none' },
    { target: '/fail' },
    { target: '/id', headers: { Host: 'evil.example' } },
  ]) {
    const { headers } = await server.inject(request);
    t.regex(headers['x-request-id'] ?? '', UUID, JSON.stringify(request));
  }
});

test('the ID of a client is replaced by default', async (t) => {
  t.regex((await idFor(await withOptions(t), 'chosen-by-client')) ?? '', UUID);
});

test('acceptFrom "proxies" keeps IDs that come through a trusted proxy, whatever its client', async (t) => {
  for (const [trustedProxies, isBelieved] of [
    [['127.0.0.1'], true],
    [['192.0.2.1'], false],
    [[], false],
  ] as const) {
    const server = await served(t, {
      trustedProxies,
      plugins: [{ use: 'request-id', options: { acceptFrom: 'proxies' } }, echo],
    });
    const headers = { 'X-Request-Id': 'from-the-proxy', 'X-Forwarded-For': '203.0.113.9' };
    const { text } = await server.inject({ target: '/id', headers });
    t.is(text === 'from-the-proxy', isBelieved);
  }
});

test('acceptFrom "anyone" keeps a valid ID and replaces every other', async (t) => {
  const server = await withOptions(t, { acceptFrom: 'anyone' });
  for (const good of ['a', '7b2e-44', 'Root=1-67891233-abcdef012345678912345678', 'x'.repeat(128)])
    t.is(await idFor(server, good), good);
  for (const bad of ['', 'x'.repeat(129), 'a b', 'a"b', 'a\\nb', 'a,b', 'ä', '<b>', '$jndi', 'a\tb'])
    t.regex((await idFor(server, bad)) ?? '', UUID, bad);
  const twice = await server.inject({ target: '/id', headers: { 'X-Request-Id': ['a', 'b'] } });
  t.regex(twice.text, UUID);
});

test('acceptFrom with a list keeps IDs from these addresses only', async (t) => {
  t.is(await idFor(await withOptions(t, { acceptFrom: ['10.0.0.1', '127.0.0.1'] }), 'mine'), 'mine');
  t.regex((await idFor(await withOptions(t, { acceptFrom: ['10.0.0.1', 'unix'] }), 'mine')) ?? '', UUID);
});

test('the option header names another field', async (t) => {
  const server = await withOptions(t, { header: 'X-Trace', acceptFrom: 'anyone' });
  const { headers, text } = await server.inject({
    target: '/id',
    headers: { 'x-trace': 'abc', 'x-request-id': 'no' },
  });
  t.is(text, 'abc');
  t.is(headers['x-trace'], 'abc');
  t.is(headers['x-request-id'], undefined);
});

test('lines of the core and of requestLog carry the ID', async (t) => {
  const lines: Record<string, unknown>[] = [];
  const server = createServer(
    { storage: 'memory', plugins: ['request-id', echo] },
    { log: createLog(keeping(lines)) },
  );
  t.teardown(() => server.close());
  const failed = await server.inject({ target: '/fail' });
  const logged = await server.inject({ target: '/log' });
  t.deepEqual(
    lines.map(({ plugin, requestId: id }) => [plugin, id]),
    [
      ['echo', failed.headers['x-request-id']],
      ['echo', logged.headers['x-request-id']],
    ],
  );
});

test('invalid options are refused', async (t) => {
  for (const options of [
    { header: 'a b' },
    { header: '' },
    { acceptFrom: 'everyone' },
    { acceptfrom: 'anyone' },
  ]) {
    const error = await t.throwsAsync(withOptions(t, options));
    t.like(error, { code: 'PLUGIN_OPTIONS_INVALID' }, JSON.stringify(options));
  }
});
