/** static-files and compress after nginx and Varnish with a cache, and static-files next to nginx with the same folder. */
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createServer } from '../../core/server.js';
import { tempFolder } from '../core/temp-folder.js';
import { reportMissing } from '../support/missing.js';
import { isInstalled, REVERSE_PROXIES, startReverseProxy } from '../support/reverse-proxies.js';

const PAGE = '<p>The quick brown fox jumps over the lazy dog.</p>\n'.repeat(400);
const LARGE = Buffer.alloc(2_000_000, '0123456789');

const FILES = {
  'public/page.html': PAGE,
  'public/small.txt': 'small',
  'public/large.bin': LARGE,
  'nginx.conf': `
    proxy_cache_path cache keys_zone=files:1m;
    types { text/html html; text/plain txt; application/octet-stream bin; }
    upstream origin { server 127.0.0.1:10000; }
    proxy_http_version 1.1;
    proxy_set_header Host 127.0.0.1;
    proxy_set_header Connection "";
    server {
      listen 80;
      location / { proxy_pass http://origin; }
      location /cached/ { proxy_cache files; proxy_pass http://origin/; add_header X-Cache $upstream_cache_status; }
      # By itself it compares dates for equality only (RFC 9110 §13.1.3 compares which is later).
      location /own/ { alias public/; if_modified_since before; }
    }`,
  'tea.vcl':
    'vcl 4.1;\nbackend default { .host = "127.0.0.1"; .port = "10000"; .host_header = "127.0.0.1"; }\n',
};

interface Peers {
  /** Of the proxy. */
  readonly url: string;
  readonly folder: string;
}

async function peers(
  t: ExecutionContext,
  name: 'nginx' | 'varnish',
  cacheControl = 'no-cache',
): Promise<Peers> {
  const folder = await tempFolder(t, FILES);
  // The proxies give up the rights of root.
  await chmod(folder, 0o777);
  const server = createServer({
    listen: { port: 0 },
    storage: 'memory',
    plugins: [
      'compress',
      {
        use: 'static-files',
        options: { mounts: [{ root: path.join(folder, 'public'), cacheControl }] },
      },
    ],
    allowedHosts: '*',
  });
  t.teardown(() => server.close());
  const { port } = await server.listen();
  const proxy = await startReverseProxy(t, REVERSE_PROXIES[name]!, folder, port);
  return { url: `http://127.0.0.1:${proxy}`, folder };
}

const get = async (url: string, headers: Record<string, string> = {}, method = 'GET') => {
  // Node's fetch decodes content, and asks for codings only if it is not told which.
  const response = await fetch(url, { method, headers: { 'Accept-Encoding': 'identity', ...headers } });
  return {
    status: response.status,
    fields: response.headers,
    octets: Buffer.from(await response.arrayBuffer()),
  };
};

for (const name of ['nginx', 'varnish'] as const) {
  const proxy = REVERSE_PROXIES[name]!;
  if (!isInstalled(proxy)) {
    reportMissing(test, `static-files and compress after ${name}: ${proxy.installed[0]} is not installed`);
    continue;
  }

  test(`after ${name}: each client gets a form that it can read, whichever was asked for first`, async (t) => {
    const { url } = await peers(t, name, 'max-age=60');
    const base = name === 'nginx' ? `${url}/cached` : url;
    for (const accept of ['gzip', 'identity', 'gzip', 'br', 'identity']) {
      const { fields, octets } = await get(`${base}/page.html`, { 'Accept-Encoding': accept });
      // Varnish asks for gzip itself, and knows no other coding.
      if (accept === 'identity' || name === 'nginx')
        t.is(fields.get('content-encoding'), accept === 'identity' ? null : accept);
      t.is(octets.toString(), PAGE);
    }
    const { fields } = await get(`${base}/page.html`, { 'Accept-Encoding': 'gzip' });
    // Two ids in the field of Varnish, and the word of nginx: it came from the cache.
    t.regex(fields.get('x-cache') ?? fields.get('x-varnish') ?? '', /^HIT$|^\d+ \d+$/);
    t.is((await get(`${url}/small.txt`, { 'Accept-Encoding': 'gzip' })).octets.toString(), 'small');
  });

  test(`after ${name}: a changed file is seen by the next request, conditions and parts hold`, async (t) => {
    const { url, folder } = await peers(t, name);
    const first = await get(`${url}/page.html`);
    t.is(first.octets.toString(), PAGE);
    const tag = first.fields.get('etag') ?? '';
    t.is((await get(`${url}/page.html`, { 'If-None-Match': tag })).status, 304);
    await writeFile(path.join(folder, 'public/page.html'), PAGE.toUpperCase());
    t.is((await get(`${url}/page.html`)).octets.toString(), PAGE.toUpperCase());
    t.is((await get(`${url}/page.html`, { 'If-None-Match': tag })).status, 200);

    const head = await get(`${url}/large.bin`, {}, 'HEAD');
    t.is(head.fields.get('content-length'), String(LARGE.length));
    for (const [range, first, last] of [
      ['bytes=0-9', 0, 9],
      ['bytes=1999990-', 1_999_990, 1_999_999],
      ['bytes=-5', 1_999_995, 1_999_999],
    ] as const) {
      const part = await get(`${url}/large.bin`, { Range: range });
      t.is(part.status, 206, range);
      t.is(part.fields.get('content-range'), `bytes ${first}-${last}/${LARGE.length}`);
      t.deepEqual(part.octets, LARGE.subarray(first, last + 1));
    }
    t.is((await get(`${url}/large.bin`, { Range: 'bytes=2000000-' })).status, 416);
    t.true((await get(`${url}/large.bin`)).octets.equals(LARGE));
  });
}

if (isInstalled(REVERSE_PROXIES.nginx!))
  test('next to nginx: the same folder has the same statuses, types, lengths and parts', async (t) => {
    const { url } = await peers(t, 'nginx');
    for (const file of ['page.html', 'small.txt', 'large.bin', 'absent.txt'])
      for (const headers of [
        {},
        { Range: 'bytes=0-0' },
        { Range: 'bytes=3-' },
        { Range: 'bytes=-3' },
        { Range: 'bytes=9999999-' },
        { Range: 'pages=1' },
        { Range: 'bytes=0-0', 'If-Range': '"other"' },
        { 'If-None-Match': '"other"' },
        { 'If-Match': '"other"' },
        { 'If-Modified-Since': new Date(Date.now() + 3_600_000).toUTCString() },
      ] as Record<string, string>[]) {
        const [ours, theirs] = await Promise.all(
          ['', '/own'].map((base) =>
            get(`${url}${base}/${file}`, { 'Cache-Control': 'no-cache', ...headers }),
          ),
        );
        const about = `${file} ${JSON.stringify(headers)}`;
        t.is(ours!.status, theirs!.status, about);
        if (ours!.status >= 400) continue;
        for (const field of ['content-length', 'content-range'])
          t.is(ours!.fields.get(field), theirs!.fields.get(field), `${field} of ${about}`);
        t.true(ours!.octets.equals(theirs!.octets), about);
      }
  });
