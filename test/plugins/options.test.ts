import test from 'ava';
import { definePlugin } from '../../core/api/plugin.js';
import { DEFAULT_CONFIG } from '../../core/config/server-config.js';
import { tempFolder } from '../core/temp-folder.js';
import { type RawClient, serve } from '../support/raw-client.js';
import { served } from './served.js';

const more = definePlugin({
  name: 'more',
  setup({ handle }) {
    handle('PURGE', '/keys/:key', () => '');
    handle('GET', '/keys/:key', () => '');
    handle('OPTIONS', '/own', () => ({ status: 200, body: 'mine' }));
    handle('GET', '/own', () => '');
    handle('*', '/all/*', ({ method }) => `all ${method}`);
  },
});

const plugins = [...DEFAULT_CONFIG.plugins, 'options', more];

test('OPTIONS of a path lists its methods', async (t) => {
  const server = await served(t, { plugins });
  for (const [target, allow] of [
    ['/', 'END, GET, HEAD, OPTIONS'],
    ['/create', 'OPTIONS, POST'],
    ['/update', 'OPTIONS, PUT'],
    ['/keys/a', 'GET, HEAD, OPTIONS, PURGE'],
    ['/keys/a?b=c', 'GET, HEAD, OPTIONS, PURGE'],
  ]) {
    const { status, headers, body } = await server.inject({ method: 'OPTIONS', target: target! });
    t.deepEqual([status, headers.allow, body.length], [204, allow, 0], target);
  }
});

test('OPTIONS * lists the methods of the server', async (t) => {
  const { connect } = await serve(t, { plugins: ['get', 'head', 'options', more] });
  const client: RawClient = await connect();
  client.send('OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const { status, fields } = await client.response();
  t.is(status, 204);
  t.deepEqual(fields.get('allow'), ['GET, HEAD, OPTIONS, PURGE']);
});

test('a handler for OPTIONS, by name or with all methods, answers it', async (t) => {
  const server = await served(t, { plugins });
  t.is((await server.inject({ method: 'OPTIONS', target: '/own' })).text, 'mine');
  t.is((await server.inject({ method: 'OPTIONS', target: '/all/a' })).text, 'all OPTIONS');
  // A registered OPTIONS handler does not make other handlers answer it at their paths.
  t.is((await server.inject({ method: 'OPTIONS', target: '/create' })).headers.allow, 'OPTIONS, POST');
});

test('a 405 lists OPTIONS in Allow, and keeps everything else of the answer', async (t) => {
  const own = definePlugin({
    name: 'own-405',
    setup({ handle }) {
      handle('GET', '/mine', () => ({
        status: 405,
        headers: { Allow: 'PUT,PATCH', 'X-Mine': '1' },
        body: 'mine',
      }));
      handle('PURGE', '/keys/:key', () => '');
      handle('*', '/all/*', ({ method }) => `all ${method}`);
      handle('PUT', '/bare', () => ({ status: 405, body: 'bare' }));
    },
  });
  const folder = await tempFolder(t, { 'a.txt': 'a' });
  const files = { use: 'static-files', options: { mounts: [{ root: folder, prefix: '/files' }] } };
  const all = [...DEFAULT_CONFIG.plugins, 'options', own, files, 'keys', 'watch', 'health', 'metrics'];
  const server = await served(t, { plugins: all });
  for (const [method, target, allow, sentence] of [
    ['PATCH', '/', 'END, GET, HEAD, OPTIONS', 'Method not allowed: PATCH'],
    ['PATCH', '/create', 'OPTIONS, POST', 'Method not allowed: PATCH'],
    ['PATCH', '/update', 'OPTIONS, PUT', 'Method not allowed: PATCH'],
    ['PATCH', '/keys', 'GET, HEAD, OPTIONS', 'Method not allowed: PATCH'],
    ['PATCH', '/keys/a', 'DELETE, GET, HEAD, OPTIONS, PURGE, PUT', 'Method not allowed: PATCH'],
    ['DELETE', '/files/a.txt', 'GET, HEAD, OPTIONS', 'Method not allowed: DELETE'],
    ['DELETE', '/watch', 'GET, HEAD, OPTIONS', 'Method not allowed: DELETE'],
    ['DELETE', '/health/live', 'GET, HEAD, OPTIONS', 'Method not allowed: DELETE'],
    ['DELETE', '/metrics', 'GET, HEAD, OPTIONS', 'Method not allowed: DELETE'],
    ['GET', '/mine', 'OPTIONS, PATCH, PUT', 'mine'],
    ['PUT', '/bare', 'OPTIONS, PUT', 'bare'],
  ] as const) {
    const { status, headers, text } = await server.inject({ method, target });
    t.deepEqual([status, headers.allow, text], [405, allow, sentence], `${method} ${target}`);
  }
  t.is((await server.inject({ target: '/mine' })).headers['x-mine'], '1');
  t.is((await server.inject({ method: 'PATCH', target: '/all/a' })).text, 'all PATCH');

  // OPTIONS of a path that has no method is 404, so its Allow has no OPTIONS.
  const plain = await served(t, { plugins: [...DEFAULT_CONFIG.plugins, 'options'] });
  t.like(await plain.inject({ method: 'PATCH', target: '/none' }), { status: 405, headers: { allow: '' } });
});

test('a path without any method is 404', async (t) => {
  const server = await served(t, { plugins });
  for (const target of ['/none', '/keys', '/keys/', '/__proto__', '/%2e%2e'])
    t.is((await server.inject({ method: 'OPTIONS', target })).status, 404, target);
});

test('without the plugin OPTIONS is 405', async (t) => {
  t.is((await (await served(t)).inject({ method: 'OPTIONS' })).status, 405);
});

test('the plugin has no options', async (t) => {
  const error = await t.throwsAsync(served(t, { plugins: [{ use: 'options', options: { a: 1 } }] }));
  t.like(error, { code: 'PLUGIN_OPTIONS_INVALID' });
});
