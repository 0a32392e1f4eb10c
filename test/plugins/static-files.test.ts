import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { InjectResponse } from '../../core/inject.js';
import { tempFolder } from '../core/temp-folder.js';
import { request, serve } from '../support/raw-client.js';
import { type Server, served } from './served.js';

const PAGE = '<!doctype html><title>home</title>';
const SCRIPT = 'const answer = 42;\n'.repeat(100);

interface Site {
  readonly server: Server;
  /** The folder above the root. */
  readonly folder: string;
  readonly root: string;
  get(target: string, headers?: Record<string, string>): Promise<InjectResponse>;
}

async function site(t: ExecutionContext, options = {}, others: readonly string[] = []): Promise<Site> {
  const folder = await tempFolder(t, {
    'secret.txt': 'secret',
    'public-too/file.txt': 'beside',
    'public/index.html': PAGE,
    'public/app.js': SCRIPT,
    'public/app.js.gz': gzipSync(SCRIPT),
    'public/app.js.br': brotliCompressSync(SCRIPT),
    'public/.env': 'PASSWORD=1',
    'public/.well-known/security.txt': 'Contact: us',
    'public/.git/config': 'x',
    'public/docs/index.html': 'docs',
    'public/empty/a.txt': 'a',
    'public/ümläut & <b>.txt': 'odd',
  });
  const root = path.join(folder, 'public');
  const mount = { root, ...options };
  const server = await served(t, {
    plugins: [{ use: 'static-files', options: { mounts: [mount] } }, ...others],
  });
  return { server, folder, root, get: (target, headers = {}) => server.inject({ target, headers }) };
}

test('a file has its type, length, date and tag, and the folder its index', async (t) => {
  const { get } = await site(t);
  const script = await get('/app.js');
  t.is(script.status, 200);
  t.is(script.text, SCRIPT);
  t.is(script.headers['content-type'], 'text/javascript; charset=utf-8');
  t.is(script.headers['content-length'], String(SCRIPT.length));
  t.is(script.headers['accept-ranges'], 'bytes');
  t.regex(script.headers.etag ?? '', /^"[^"]+"$/);
  t.truthy(script.headers['last-modified']);
  t.is(script.headers['cache-control'], undefined);
  const home = await get('/');
  t.is(home.text, PAGE);
  t.is(home.headers['content-type'], 'text/html; charset=utf-8');
  t.is((await get('/docs/')).text, 'docs');
  t.is((await get(`/${encodeURIComponent('ümläut & <b>.txt')}`)).text, 'odd');
});

test('a matching condition is 304, a range is 206, a range after the end is 416', async (t) => {
  const { get } = await site(t);
  const { headers } = await get('/app.js');
  const etag = headers.etag ?? '';
  t.is((await get('/app.js', { 'If-None-Match': etag })).status, 304);
  t.is((await get('/app.js', { 'If-Modified-Since': headers['last-modified'] ?? '' })).status, 304);
  t.is((await get('/app.js', { 'If-Match': '"other"' })).status, 412);
  const part = await get('/app.js', { Range: 'bytes=6-11' });
  t.is(part.status, 206);
  t.is(part.text, 'answer');
  t.is(part.headers['content-range'], `bytes 6-11/${SCRIPT.length}`);
  t.is((await get('/app.js', { Range: 'bytes=0-0', 'If-Range': '"other"' })).status, 200);
  t.is((await get('/app.js', { Range: 'bytes=99999-' })).status, 416);
});

test('HEAD is GET without the body, also without the plugin head', async (t) => {
  const { server, get } = await site(t, { precompressed: ['br'] });
  for (const headers of [{}, { 'Accept-Encoding': 'br' }, { Range: 'bytes=0-1' }]) {
    const { date: _, ...asked } = (await get('/app.js', 'Range' in headers ? {} : headers)).headers;
    const head = await server.inject({ method: 'HEAD', target: '/app.js', headers });
    const { date: __, ...told } = head.headers;
    t.is(head.status, 200);
    t.deepEqual(told, asked);
    t.is(head.body.length, 0);
  }
});

test('other methods are 405 with Allow', async (t) => {
  const { server } = await site(t);
  for (const method of ['POST', 'DELETE', 'FROB']) {
    const { status, headers } = await server.inject({ method, target: '/app.js' });
    t.is(status, 405);
    t.is(headers.allow, 'GET, HEAD');
  }
});

test('a folder without its slash is redirected, with its query and its prefix', async (t) => {
  const { get } = await site(t, { prefix: '/files' });
  for (const [target, location] of [
    ['/files', '/files/'],
    ['/files/docs?a=1&b', '/files/docs/?a=1&b'],
  ] as const) {
    const { status, headers } = await get(target);
    t.is(status, 308);
    t.is(headers.location, location);
  }
  t.is((await get('/files/')).text, PAGE);
  t.is((await get('/app.js')).status, 404);
  t.is((await get('/filesapp.js')).status, 404);
});

test('no redirect leads to another host', async (t) => {
  const { root, get } = await site(t);
  await mkdir(path.join(root, 'example.com'));
  await writeFile(path.join(root, 'example.com/index.html'), 'x');
  for (const target of [
    '//example.com',
    '/%2Fexample.com',
    '/\\example.com',
    '/%5Cexample.com',
    '/./example.com',
  ])
    t.is((await get(target)).headers.location, undefined, target);
  t.is((await get('/example.com')).headers.location, '/example.com/');
});

test('a file with a slash or a segment after it does not exist', async (t) => {
  const { get } = await site(t);
  for (const target of ['/app.js/', '/app.js/x', '//app.js', '/docs//index.html', '/nothing', '/nothing/'])
    t.is((await get(target)).status, 404, target);
});

test('a folder without an index is 404, unless listing is on', async (t) => {
  t.is((await (await site(t)).get('/empty/')).status, 404);
  const { get } = await site(t, { listing: true, index: false });
  t.is((await get('/empty')).headers.location, '/empty/');
  const { text, headers } = await get('/');
  t.is(headers['content-type'], 'text/html; charset=utf-8');
  t.is(headers['content-security-policy'], "default-src 'none'");
  t.true(text.includes('<a href="docs/">docs/</a>'));
  t.true(text.includes(`<a href="${encodeURIComponent('ümläut & <b>.txt')}">ümläut &amp; &lt;b&gt;.txt</a>`));
  t.true(text.indexOf('docs/') < text.indexOf('app.js'));
  t.false(text.includes('.env'));
  t.false(text.includes('.git'));
});

test('a name that begins with a dot is 404, unless it is allowed', async (t) => {
  const denied = await site(t);
  for (const target of ['/.env', '/%2Eenv', '/.git/config', '/.well-known/security.txt'])
    t.is((await denied.get(target)).status, 404, target);
  const known = await site(t, { dotfiles: 'well-known' });
  t.is((await known.get('/.well-known/security.txt')).text, 'Contact: us');
  t.is((await known.get('/docs/.well-known/x')).status, 404);
  t.is((await known.get('/.env')).status, 404);
  t.is((await (await site(t, { dotfiles: 'allow' })).get('/.env')).status, 200);
});

test('no path leads out of the folder, however it is written', async (t) => {
  for (const prefix of ['/', '/files']) {
    const { get } = await site(t, { prefix, dotfiles: 'allow', listing: true });
    const base = prefix === '/' ? '' : prefix;
    for (const way of [
      '/../secret.txt',
      '/%2e%2e/secret.txt',
      '/.%2E/secret.txt',
      '/..%2fsecret.txt',
      '/%2e%2e%2fsecret.txt',
      '/docs/../../secret.txt',
      '/docs/%2e%2e/%2e%2e/secret.txt',
      '/docs%2f..%2f..%2fsecret.txt',
      '/..%5csecret.txt',
      '/docs%5c..%5c..%5csecret.txt',
      '/%252e%252e/secret.txt',
      '/..%00/secret.txt',
      '/app.js%00.txt',
      '/%00',
      '/../public-too/file.txt',
      '/..;/secret.txt',
      '/....//secret.txt',
      '/..',
      '/.',
      '/./secret.txt',
      '/C:/secret.txt',
      '/file:%2f%2f/etc/passwd',
      '//etc/passwd',
      '/%2fetc%2fpasswd',
      '/~/secret.txt',
      `/${'a'.repeat(300)}`,
      `${'/a'.repeat(2000)}`,
    ]) {
      const { status, text } = await get(base + way);
      t.true(status === 404 || status === 400, `${way}: ${status}`);
      t.false(text.includes('secret'), way);
      t.false(text.includes('root:'), way);
    }
    t.is((await get(`${base}/%FF`)).status, 400);
  }
});

test('dot segments over a socket are 404 too', async (t) => {
  const { root } = await site(t);
  const { connect } = await serve(t, { plugins: [{ use: 'static-files', options: { mounts: [{ root }] } }] });
  for (const target of ['/../secret.txt', '/docs/../../secret.txt', 'http://localhost/../secret.txt']) {
    const client = await connect();
    client.send(request(`GET ${target}`));
    t.is((await client.response()).status, 404, target);
  }
});

test('links that stay in the folder are followed, others only if the option allows all', async (t) => {
  const { folder, root, get } = await site(t);
  await symlink(path.join(folder, 'secret.txt'), path.join(root, 'out.txt'));
  await symlink(folder, path.join(root, 'up'));
  await symlink(path.join(folder, 'public-too'), path.join(root, 'beside'));
  await symlink('app.js', path.join(root, 'latest.js'));
  await symlink('loop', path.join(root, 'loop'));
  for (const target of ['/out.txt', '/up/secret.txt', '/up/', '/beside/file.txt', '/loop'])
    t.is((await get(target)).status, 404, target);
  t.is((await get('/latest.js')).text, SCRIPT);
  const server = await served(t, {
    plugins: [{ use: 'static-files', options: { mounts: [{ root, links: 'anywhere' }] } }],
  });
  t.is((await server.inject({ target: '/out.txt' })).text, 'secret');
  t.is((await server.inject({ target: '/beside/file.txt' })).text, 'beside');
});

test('the root may be a link itself', async (t) => {
  const { folder, root } = await site(t);
  await symlink(root, path.join(folder, 'link'));
  const server = await served(t, {
    plugins: [{ use: 'static-files', options: { mounts: [{ root: path.join(folder, 'link') }] } }],
  });
  t.is((await server.inject({ target: '/app.js' })).status, 200);
});

test('a precompressed file is sent to clients that accept it, in the order of the option', async (t) => {
  const { root, get } = await site(t, { precompressed: ['br', 'gzip', 'zstd'] });
  const codings: readonly (readonly [string | undefined, string | undefined])[] = [
    [undefined, undefined],
    ['', undefined],
    ['gzip', 'gzip'],
    ['gzip, br', 'br'],
    ['gzip;q=1, br;q=0.5', 'gzip'],
    ['br;q=0, *', 'gzip'],
    ['zstd, gzip;q=0.1', 'gzip'],
    ['*;q=0', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['deflate', undefined],
    [';;;, =, deflate', undefined],
  ];
  for (const [accept, coding] of codings) {
    const { headers, body } = await get('/app.js', accept === undefined ? {} : { 'Accept-Encoding': accept });
    t.is(headers['content-encoding'], coding, accept);
    t.is(headers.vary, 'Accept-Encoding');
    t.is(headers['content-type'], 'text/javascript; charset=utf-8');
    t.is(headers['content-length'], String(body.length));
  }
  const plain = await get('/app.js');
  const coded = await get('/app.js', { 'Accept-Encoding': 'br' });
  t.deepEqual(coded.body, brotliCompressSync(SCRIPT));
  t.not(coded.headers.etag, plain.headers.etag);
  t.is(
    (await get('/app.js', { 'Accept-Encoding': 'br', 'If-None-Match': coded.headers.etag ?? '' })).status,
    304,
  );
  const part = await get('/app.js', { 'Accept-Encoding': 'br', Range: 'bytes=0-3' });
  t.is(part.status, 206);
  t.deepEqual(part.body, brotliCompressSync(SCRIPT).subarray(0, 4));
  await writeFile(path.join(root, 'only.js.br'), 'x');
  t.is((await get('/only.js', { 'Accept-Encoding': 'br' })).status, 404);
});

test('a precompressed file that is a link out of the folder is not sent', async (t) => {
  const { folder, root, get } = await site(t, { precompressed: ['zstd'] });
  await symlink(path.join(folder, 'secret.txt'), path.join(root, 'app.js.zst'));
  const { headers, text } = await get('/app.js', { 'Accept-Encoding': 'zstd' });
  t.is(headers['content-encoding'], undefined);
  t.is(text, SCRIPT);
});

test('Cache-Control and other fields are in every answer with a file, 304 too', async (t) => {
  const { get } = await site(t, {
    precompressed: ['br'],
    cacheControl: 'public, max-age=60',
    headers: { 'X-Content-Type-Options': 'nosniff', vary: 'Origin' },
  });
  const { headers } = await get('/app.js', { 'Accept-Encoding': 'br' });
  t.is(headers['cache-control'], 'public, max-age=60');
  t.is(headers['x-content-type-options'], 'nosniff');
  t.is(headers.vary, 'Origin, Accept-Encoding');
  t.is((await get('/app.js')).headers.vary, 'Origin, Accept-Encoding');
  const same = await get('/app.js', { 'Accept-Encoding': 'br', 'If-None-Match': headers.etag ?? '' });
  t.is(same.status, 304);
  t.is(same.headers['cache-control'], 'public, max-age=60');
});

test('the fallback answers if there is no file, except for names with a dot', async (t) => {
  const { get } = await site(t, { fallback: 'index.html', precompressed: ['br'] });
  for (const target of ['/settings', '/users/7', '/users/', '/empty/']) {
    const { status, text } = await get(target);
    t.is(status, 200, target);
    t.is(text, PAGE, target);
  }
  for (const target of ['/missing.js', '/.env', '/v1.2']) t.is((await get(target)).status, 404, target);
  t.is((await get('/app.js')).text, SCRIPT);
});

test('a changed file has another tag', async (t) => {
  const { root, get } = await site(t);
  const before = (await get('/app.js')).headers.etag;
  await utimes(path.join(root, 'app.js'), 1, 1);
  const after = await get('/app.js');
  t.not(after.headers.etag, before);
  t.is(after.headers['last-modified'], new Date(1000).toUTCString());
});

test('handlers of other plugins with a narrower pattern come first', async (t) => {
  const { get } = await site(t, {}, ['get']);
  t.is((await get('/')).text, 'No data in DB');
  t.is((await get('/app.js')).status, 200);
});

for (const [what, options, sentence] of [
  ['a missing folder', { root: '/nowhere/at/all' }, /There is no folder \/nowhere\/at\/all/],
  ['a missing fallback', { root: '.', fallback: 'nowhere.html' }, /There is no file .*nowhere\.html/],
] as const) {
  test(`${what} is reported at the start`, async (t) => {
    const error = await t.throwsAsync(
      served(t, { plugins: [{ use: 'static-files', options: { mounts: [options] } }] }),
    );
    t.is(Reflect.get(error, 'code'), 'PLUGIN_SETUP_FAILED');
    t.regex(error.message, sentence);
  });
}

for (const mount of [
  { root: '.', prefix: 'files' },
  { root: '.', prefix: '/files/' },
  { root: '.', prefix: '/:name' },
  { root: '.', prefix: '/../x' },
  { root: '.', index: '../secret' },
  { root: '.', cacheControl: 'a\r\nSet-Cookie: b' },
  { root: '.', headers: { 'X-A': 'a\nb' } },
  { root: '.', dotFiles: 'allow' },
  {},
]) {
  test(`invalid options are refused: ${JSON.stringify(mount)}`, async (t) => {
    const error = await t.throwsAsync(
      served(t, { plugins: [{ use: 'static-files', options: { mounts: [mount] } }] }),
    );
    t.is(Reflect.get(error, 'code'), 'PLUGIN_OPTIONS_INVALID');
  });
}
