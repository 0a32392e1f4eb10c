/** Invalid fields of an upstream or an application: passed on, not used, and the same with hooks. */
import { createServer as createUpstream } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createServer, definePlugin, type PluginEntry } from '../../../core/index.js';
import { tempFolder } from '../temp-folder.js';

const BODY = 'text '.repeat(1_000);

const HOOKS: Readonly<Record<string, PluginEntry>> = {
  none: definePlugin({ name: 'nothing', setup() {} }),
  'one that adds a field': definePlugin({
    name: 'adds',
    setup: ({ hook }) =>
      hook('response', (_, response) => ({ ...response, headers: { ...response.headers, 'x-hook': '1' } })),
  }),
  compress: 'compress',
  cors: { use: 'cors', options: { origins: ['https://a.example'] } },
  'rate-limit': 'rate-limit',
  'request-id': 'request-id',
};

const STRANGE: readonly Readonly<Record<string, string>>[] = [
  { ETag: 'abc' },
  { ETag: 'W/abc' },
  { ETag: '"a", "b"' },
  { 'Last-Modified': 'yesterday' },
  { ETag: 'abc', 'Last-Modified': '0' },
  { 'Content-Type': 'not a type' },
  { 'Content-Type': ';;' },
  { Vary: ',,*,' },
  { 'Cache-Control': '=,;"' },
  { 'Content-Encoding': '???' },
  { Expires: '-1' },
  { Date: 'never' },
  { 'Accept-Ranges': '\u00e9' },
];

const REQUEST = {
  headers: {
    'If-None-Match': '"abc", abc',
    'If-Modified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT',
    'Accept-Encoding': 'gzip',
    Origin: 'https://a.example',
  },
};

async function served(t: ExecutionContext, plugins: readonly PluginEntry[]) {
  const server = createServer({ storage: 'memory', plugins });
  t.teardown(() => server.close());
  await server.ready();
  return server;
}

for (const [title, hook] of Object.entries(HOOKS)) {
  test(`invalid fields of an upstream are passed on, with the hook ${title}`, async (t) => {
    let fields: Readonly<Record<string, string>> = {};
    const upstream = createUpstream((_, response) => {
      response.sendDate = false;
      response.writeHead(200, fields).end(BODY);
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    t.teardown(() => upstream.close());
    const target = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const server = await served(t, [{ use: 'proxy', options: { mounts: [{ target }] } }, hook]);
    for (fields of STRANGE) {
      const { status, headers } = await server.inject(REQUEST);
      t.is(status, 200, JSON.stringify(fields));
      for (const [name, value] of Object.entries(fields))
        t.true(
          headers[name.toLowerCase()]?.includes(value.replace(/,+$/, '').slice(-1)),
          `${name}: ${value}`,
        );
      for (const name of ['ETag', 'Last-Modified'])
        t.is(headers[name.toLowerCase()], fields[name], JSON.stringify(fields));
    }
    fields = {};
    t.is((await server.inject()).headers['content-type'], undefined, 'a type is not made up');
  });

  test(`invalid fields of an application are passed on, with the hook ${title}`, async (t) => {
    const folder = await tempFolder(t, {
      'app.mjs': `export default ({ headers }) =>
        new Response(${JSON.stringify(BODY)}, { headers: JSON.parse(headers.get('x-fields')) });`,
    });
    const mounts = [{ module: path.join(folder, 'app.mjs') }];
    const server = await served(t, [{ use: 'fetch', options: { mounts } }, hook]);
    for (const fields of STRANGE) {
      const headers = { ...REQUEST.headers, 'X-Fields': JSON.stringify(fields) };
      const answer = await server.inject({ headers });
      t.is(answer.status, 200, JSON.stringify(fields));
      for (const name of ['ETag', 'Last-Modified']) t.is(answer.headers[name.toLowerCase()], fields[name]);
    }
  });
}

test('an invalid validator from a hook is a fault of the hook', async (t) => {
  for (const headers of [{ etag: 'mine' }, { 'last-modified': 'today' }]) {
    const hooked = definePlugin({
      name: 'hooked',
      setup({ handle, hook }) {
        handle('GET', '/', () => new Response('x', { headers: { etag: 'theirs' } }));
        hook('response', (_, response) => ({ ...response, headers: { ...response.headers, ...headers } }));
      },
    });
    t.is((await (await served(t, [hooked])).inject()).status, 500);
  }
});

test('two entity tags count as none', async (t) => {
  const many = definePlugin({
    name: 'many',
    setup: ({ handle }) => handle('GET', '/', () => ({ headers: { ETag: ['"a"', '"b"'] }, body: 'x' })),
  });
  t.is((await (await served(t, [many])).inject()).status, 500);
});
