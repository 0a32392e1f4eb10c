import { once } from 'node:events';
import { mkdir, readdir, readlink, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { FileOptions } from '../../../core/api/answer.js';
import { file } from '../../../core/plugin-api.js';
import type { Server } from '../../../core/server.js';
import { fieldsOf, logged, prepared, serving, turns } from '../connection/serving.js';
import { tempFolder } from '../temp-folder.js';

const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT';

interface Served {
  readonly server: Server;
  readonly place: string;
}

async function served(
  t: ExecutionContext,
  text: string,
  name = 'page.html',
  options?: FileOptions,
): Promise<Served> {
  const place = path.join(await tempFolder(t), name);
  await writeFile(place, text);
  await utimes(place, new Date(MODIFIED), new Date(MODIFIED));
  const server = await prepared(t, ({ handle }) => handle('GET', '/', () => file(place, options)), {
    plugins: ['head'],
  });
  return { server, place };
}

test('a file is sent with type, length, date, entity tag and Accept-Ranges', async (t) => {
  const { server, place } = await served(t, '<p>page');
  const { status, headers, text } = await server.inject();
  t.is(status, 200);
  t.is(text, '<p>page');
  t.is(headers['content-type'], 'text/html; charset=utf-8');
  t.is(headers['content-length'], '7');
  t.is(headers['last-modified'], MODIFIED);
  t.is(headers['accept-ranges'], 'bytes');
  t.regex(headers.etag ?? '', /^"[0-9a-z]+-[0-9a-z]+"$/);
  await writeFile(place, '<p>other');
  t.not((await server.inject()).headers.etag, headers.etag);
});

test('type and headers of the handler replace those of the file', async (t) => {
  const { server } = await served(t, 'x', 'x.html', {
    type: 'text/x',
    headers: { etag: '"mine"', 'Cache-Control': 'no-cache', 'last-modified': MODIFIED },
  });
  const { headers } = await server.inject();
  t.is(headers['content-type'], 'text/x');
  t.is(headers.etag, '"mine"');
  t.is(headers['last-modified'], MODIFIED);
  t.is(headers['cache-control'], 'no-cache');
});

test('RFC 9110 §9.3.2: HEAD has the fields of GET and opens no file', async (t) => {
  const { server, place } = await served(t, 'seven o');
  const { headers } = await server.inject();
  const whenOpened = async () => (await stat(place)).atimeMs;
  await utimes(place, 0, new Date(MODIFIED));
  const before = await whenOpened();
  const head = await server.inject({ method: 'HEAD' });
  t.is(head.body.length, 0);
  t.deepEqual({ ...head.headers, date: '' }, { ...headers, date: '' });
  t.is(await whenOpened(), before);
});

test('RFC 9110 §13.2.2: a file that the client already has is 304', async (t) => {
  const { server } = await served(t, 'x');
  const { headers } = await server.inject();
  t.is((await server.inject({ headers: { 'If-None-Match': String(headers.etag) } })).status, 304);
  t.is((await server.inject({ headers: { 'If-Modified-Since': MODIFIED } })).status, 304);
  t.is((await server.inject({ headers: { 'If-Match': '"x"' } })).status, 412);
});

test('RFC 9110 §15.3.7: one range is 206 with Content-Range', async (t) => {
  const { server } = await served(t, '0123456789');
  for (const [range, part, text] of [
    ['bytes=0-3', '0-3', '0123'],
    ['bytes=7-', '7-9', '789'],
    ['bytes=-2', '8-9', '89'],
    ['bytes=0-', '0-9', '0123456789'],
    ['bytes=2-3,4-5', '2-5', '2345'],
  ] as const) {
    const answer = await server.inject({ headers: { Range: range } });
    t.is(answer.status, 206, range);
    t.is(answer.headers['content-range'], `bytes ${part}/10`);
    t.is(answer.headers['content-length'], String(text.length));
    t.is(answer.headers['content-type'], 'text/html; charset=utf-8');
    t.truthy(answer.headers.etag);
    t.is(answer.text, text);
  }
});

test('RFC 9110 §14.2: several ranges, a range of HEAD and a range of another unit are answered with the whole file', async (t) => {
  const { server } = await served(t, '0123456789');
  for (const [method, range] of [
    ['GET', 'bytes=0-1,8-9'],
    ['GET', 'pages=1'],
    ['HEAD', 'bytes=0-1'],
  ] as const) {
    const { status, headers } = await server.inject({ method, headers: { Range: range } });
    t.is(status, 200);
    t.is(headers['content-length'], '10');
    t.is(headers['content-range'], undefined);
  }
});

test('RFC 9110 §14.2: a part is sent only if the answer would be 200', async (t) => {
  const place = path.join(await tempFolder(t), 'page.html');
  await writeFile(place, '0123456789');
  const server = await prepared(t, ({ handle }) =>
    handle('GET', '/', async () => ({ ...(await file(place)), status: 203 })),
  );
  const { status, headers, text } = await server.inject({ headers: { Range: 'bytes=0-1' } });
  t.is(status, 203);
  t.is(headers['content-range'], undefined);
  t.is(text, '0123456789');
});

test('RFC 9110 §15.5.17: a range after the end is 416 with the length', async (t) => {
  const { server } = await served(t, '0123456789');
  const { status, headers } = await server.inject({ headers: { Range: 'bytes=10-' } });
  t.is(status, 416);
  t.is(headers['content-range'], 'bytes */10');
  t.is(headers['content-type'], 'text/plain; charset=utf-8');
});

test('RFC 9110 §13.1.5: a false If-Range is answered with the whole file', async (t) => {
  const { server } = await served(t, '0123456789');
  const { headers } = await server.inject();
  const status = async (ifRange: string, more = {}) =>
    (await server.inject({ headers: { Range: 'bytes=0-1', 'If-Range': ifRange, ...more } })).status;
  t.is(await status(String(headers.etag)), 206);
  t.is(await status(`W/${headers.etag}`), 200);
  t.is(await status('"other"'), 200);
  t.is(await status(MODIFIED), 206);
  t.is(await status('Sun, 06 Nov 1994 08:49:38 GMT'), 200);
  t.is(await status('"other"', { Range: 'bytes=10-' }), 200);
  t.is(await status('"other"', { 'If-None-Match': '*' }), 304);
});

test('an empty file is 200 with no octets', async (t) => {
  const { server } = await served(t, '');
  const { status, headers } = await server.inject();
  t.is(status, 200);
  t.is(headers['content-length'], '0');
  t.is((await server.inject({ headers: { Range: 'bytes=-5' } })).status, 200);
});

test('a missing file, a folder and an invalid name are 404, and not a fault of the plugin', async (t) => {
  const folder = await tempFolder(t);
  await writeFile(path.join(folder, 'a'), '');
  const { log, errors } = logged();
  const server = await prepared(
    t,
    ({ handle }) => handle('GET', '/*', ({ params }) => file(path.join(folder, params['*']))),
    { log },
  );
  for (const target of ['/no', '/', '/a/b', '/a%00b', `/${'x'.repeat(300)}`]) {
    t.is((await server.inject({ target })).status, 404, target);
  }
  t.deepEqual(errors, []);
});

test('no name leaves the root, whatever its spelling', async (t) => {
  const folder = await tempFolder(t);
  const root = path.join(folder, 'root');
  await mkdir(path.join(root, '..hidden'), { recursive: true });
  await writeFile(path.join(folder, 'secret'), 'secret');
  await writeFile(path.join(folder, 'root-of-another'), 'secret');
  await writeFile(path.join(root, 'open'), 'open');
  await writeFile(path.join(root, '..hidden', 'open'), 'open');
  const server = await prepared(t, ({ handle }) =>
    handle('GET', '/*', ({ params }) => file(params['*'], { root })),
  );
  for (const target of [
    '/../secret',
    '/..%2fsecret',
    '/%2e%2e/secret',
    '/%2e%2e%2fsecret',
    '/a/../../secret',
    '//../secret',
    '/../root-of-another',
    `/${path.join(folder, 'secret')}`,
    '/..',
    '/.',
    '/..%00',
  ]) {
    const { status, text } = await server.inject({ target });
    t.is(status, 404, target);
    t.notRegex(text, /secret/);
  }
  for (const target of ['/open', '//open', '/a/../open', '/..hidden/open']) {
    t.is((await server.inject({ target })).text, 'open', target);
  }
});

test('a symbolic link inside the root is followed', async (t) => {
  const root = await tempFolder(t);
  await writeFile(path.join(root, 'real.txt'), 'real');
  try {
    await symlink('real.txt', path.join(root, 'link.txt'));
  } catch {
    t.pass('links are not to be had here');
    return;
  }
  const server = await prepared(t, ({ handle }) => handle('GET', '/', () => file('link.txt', { root })));
  t.is((await server.inject()).text, 'real');
});

test('a file that was deleted or changed before it is read gives an error, and no part of it', async (t) => {
  for (const [change, status] of [
    [(place: string) => rm(place), 404],
    [(place: string) => writeFile(place, 'another'), 503],
  ] as const) {
    const place = path.join(await tempFolder(t), 'a.txt');
    await writeFile(place, 'some text');
    const server = await prepared(t, ({ handle }) =>
      handle('GET', '/', async () => {
        const answer = await file(place);
        await change(place);
        return answer;
      }),
    );
    t.is((await server.inject()).status, status);
  }
});

test('a file that becomes shorter while it is read breaks the connection off', async (t) => {
  const place = path.join(await tempFolder(t), 'a.bin');
  await writeFile(place, Buffer.alloc(32 * 1024 * 1024, 'x'));
  const { log, errors } = logged();
  const connect = await serving(t, ({ handle }) => handle('GET', '/', () => file(place)), { log });
  const wire = await connect();
  wire.request('GET / HTTP/1.1');
  await wire.head();
  wire.socket.pause();
  await turns(50);
  await truncate(place, 1);
  const closed = once(wire.socket, 'close');
  wire.socket.resume();
  await Promise.race([wire.closed(), closed]);
  t.is((errors[0]!.err as { code: string }).code, 'FILE_CHANGED');
});

test('a large file arrives complete', async (t) => {
  const size = 5 * 1024 * 1024;
  const folder = await tempFolder(t, { 'a.bin': Buffer.alloc(size, 'x') });
  const connect = await serving(t, ({ handle }) => handle('GET', '/', () => file('a.bin', { root: folder })));
  const wire = await connect();
  wire.request('GET / HTTP/1.1');
  t.is(fieldsOf(await wire.head())['content-length'], String(size));
  t.regex(await wire.octets(size), /^x+$/);
});

const openFiles = async (place: string): Promise<number> => {
  const links = (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => ''));
  return (await Promise.all(links)).filter((link) => link === place).length;
};

(process.platform === 'linux' ? test : test.skip)(
  'a file is closed if the peer disconnects in the middle',
  async (t) => {
    const folder = await tempFolder(t, { 'a.bin': Buffer.alloc(32 * 1024 * 1024, 'x') });
    const place = path.join(folder, 'a.bin');
    const connect = await serving(t, ({ handle }) => handle('GET', '/', () => file(place)));
    const wire = await connect();
    wire.socket.pause();
    wire.request('GET / HTTP/1.1');
    while ((await openFiles(place)) === 0) await turns(1);
    wire.destroy();
    while ((await openFiles(place)) > 0) await turns(1);
    t.pass();
  },
);
