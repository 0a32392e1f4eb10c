/** What is kept in memory is never sent after its file has changed. */
import { mkdir, rename, rm, stat, symlink, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { Request } from '../../core/api/request.js';
import type { InjectResponse } from '../../core/inject.js';
import { silentLog } from '../../core/log.js';
import { mountSchema } from '../../plugins/static-files/mount.js';
import { openSite } from '../../plugins/static-files/site.js';
import { tempFolder } from '../core/temp-folder.js';
import { served } from './served.js';

// Files that changed a moment ago are not kept. To this process all files are an hour old.
const { now } = Date;
Date.now = () => now() + 3_600_000;

const PAGE = 'a page of some length';

interface Site {
  readonly root: string;
  get(target: string, headers?: Record<string, string>): Promise<InjectResponse>;
}

async function site(t: ExecutionContext, options = {}): Promise<Site> {
  const folder = await tempFolder(t, {
    'public/page.html': PAGE,
    'public/sub/index.html': 'index',
    'secret.html': 'secret',
  });
  const root = path.join(folder, 'public');
  const server = await served(t, {
    plugins: [{ use: 'static-files', options: { mounts: [{ root, ...options }] } }],
  });
  return { root, get: (target, headers = {}) => server.inject({ target, headers }) };
}

/** The clock of the file system moves in steps: repeats the change until the step is over. */
async function untilNoticeable(place: string, change: () => Promise<unknown>): Promise<void> {
  const { ctimeMs } = await stat(place);
  do await change();
  while ((await stat(place)).ctimeMs === ctimeMs);
}

for (const cacheOctets of [67_108_864, 0]) {
  const about = (what: string) => `${what}, ${cacheOctets === 0 ? 'without' : 'with'} a cache`;

  test(
    about('a changed, replaced, truncated and removed file is noticed before the next response'),
    async (t) => {
      const { root, get } = await site(t, { cacheOctets });
      const place = path.join(root, 'page.html');
      const { mtime } = await stat(place);
      for (let times = 0; times < 3; times++) t.is((await get('/page.html')).text, PAGE);

      const changed = 'A PAGE OF SOME LENGTH';
      await untilNoticeable(place, async () => {
        await writeFile(place, changed);
        await utimes(place, mtime, mtime);
      });
      t.is((await get('/page.html')).text, changed);
      t.is((await get('/page.html')).text, changed);

      await writeFile(`${place}.new`, PAGE);
      await utimes(`${place}.new`, mtime, mtime);
      await rename(`${place}.new`, place);
      t.is((await get('/page.html')).text, PAGE);

      await truncate(place, 6);
      t.is((await get('/page.html')).text, 'a page');

      await rm(place);
      t.is((await get('/page.html')).status, 404);
      await mkdir(place);
      t.is((await get('/page.html')).status, 404);
    },
  );

  test(about('a switched link is noticed, also if it leads out then'), async (t) => {
    const { root, get } = await site(t, { cacheOctets });
    const link = path.join(root, 'link.html');
    const switchTo = async (target: string) => {
      await symlink(target, `${link}.next`);
      await rename(`${link}.next`, link);
    };
    await switchTo('page.html');
    t.is((await get('/link.html')).text, PAGE);
    await switchTo('sub/index.html');
    t.is((await get('/link.html')).text, 'index');
    await switchTo('../secret.html');
    t.is((await get('/link.html')).status, 404);
    await switchTo('page.html');
    t.is((await get('/link.html')).text, PAGE);
    await rename(path.join(root, 'sub'), path.join(root, 'other'));
    t.is((await get('/sub/')).status, 404);
  });

  test(about('compressed copies that come and go are noticed'), async (t) => {
    const { root, get } = await site(t, { cacheOctets, precompressed: ['br', 'gzip'] });
    const coding = async () =>
      (await get('/page.html', { 'Accept-Encoding': 'gzip, br' })).headers['content-encoding'];
    const copy = path.join(root, 'page.html');
    for (let times = 0; times < 2; times++) t.is(await coding(), undefined);
    await writeFile(`${copy}.gz`, gzipSync(PAGE));
    for (let times = 0; times < 2; times++) t.is(await coding(), 'gzip');
    await writeFile(`${copy}.br`, 'as if');
    for (let times = 0; times < 2; times++) t.is(await coding(), 'br');
    await rm(`${copy}.br`);
    t.is(await coding(), 'gzip');
    await rm(`${copy}.gz`);
    t.is(await coding(), undefined);
    t.is((await get('/page.html', { 'Accept-Encoding': 'gzip' })).headers.vary, 'Accept-Encoding');
  });

  test(about('parts, conditions and HEAD are as for every file'), async (t) => {
    const { get } = await site(t, { cacheOctets });
    for (let times = 0; times < 2; times++) {
      const { headers } = await get('/page.html');
      const etag = headers.etag ?? '';
      t.is(headers['content-length'], String(PAGE.length));
      const part = await get('/page.html', { Range: 'bytes=2-5', 'If-Range': etag });
      t.is(part.status, 206);
      t.is(part.text, 'page');
      t.is(part.headers['content-range'], `bytes 2-5/${PAGE.length}`);
      t.is((await get('/page.html', { Range: 'bytes=99-' })).status, 416);
      t.is((await get('/page.html', { Range: 'bytes=0-1', 'If-Range': '"other"' })).text, PAGE);
      t.is((await get('/page.html', { 'If-None-Match': etag })).status, 304);
      t.is((await get('/page.html', { 'If-Match': '"other"' })).status, 412);
    }
  });
}

async function isLater(answer: unknown): Promise<boolean> {
  await answer;
  return answer instanceof Promise;
}

test('a kept file is answered without a promise, until the cache is full', async (t) => {
  const root = await tempFolder(t, { 'a.txt': 'a'.repeat(1_000), 'b.txt': 'b'.repeat(1_000) });
  const open = (cacheOctets: number) =>
    openSite(root, mountSchema.parse({ root, cacheOctets }), '', silentLog);
  // All that a site reads of a request.
  const of = (target: string) => ({ path: target, target, headers: {} }) as unknown as Request;

  const roomy = await open(10_000);
  for (const target of ['/a.txt', '/b.txt']) await roomy(of(target));
  for (const target of ['/a.txt', '/b.txt']) t.false(await isLater(roomy(of(target))), target);

  const narrow = await open(4_000);
  for (const target of ['/a.txt', '/b.txt']) await narrow(of(target));
  t.true(await isLater(narrow(of('/a.txt'))));

  const none = await open(0);
  await none(of('/a.txt'));
  t.true(await isLater(none(of('/a.txt'))));
});

test.serial(
  'a file that has changed a moment ago is not kept: the next change may have the same time',
  async (t) => {
    const root = await tempFolder(t, {});
    const files = await openSite(root, mountSchema.parse({ root }), '', silentLog);
    const request = { path: '/a.txt', target: '/a.txt', headers: {} } as unknown as Request;
    await writeFile(path.join(root, 'a.txt'), 'a');
    Date.now = now;
    try {
      await files(request);
      t.true(await isLater(files(request)));
    } finally {
      Date.now = () => now() + 3_600_000;
    }
  },
);
