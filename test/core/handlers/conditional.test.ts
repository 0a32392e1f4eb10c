import test, { type ExecutionContext } from 'ava';
import type { ResponseValue } from '../../../core/api/answer.js';
import type { PluginContext } from '../../../core/api/plugin.js';
import { precondition } from '../../../core/plugin-api.js';
import { fieldsOf, logged, prepared, serving } from '../connection/serving.js';

const MODIFIED = 'Sun, 06 Nov 1994 08:49:37 GMT';

const get =
  (handler: () => ResponseValue) =>
  ({ handle }: PluginContext): void =>
    handle('GET', '/', handler);

function versioned() {
  return {
    headers: {
      ETag: '"v1"',
      'Last-Modified': MODIFIED,
      'Cache-Control': 'max-age=60',
      'Content-Location': '/v1',
      Vary: 'Accept',
      'Content-Language': 'en',
      'X-Frame-Options': 'DENY',
    },
    body: 'the first version',
  };
}

async function server(t: ExecutionContext, value: () => ResponseValue) {
  return prepared(t, get(value), { plugins: ['head'] });
}

test('RFC 9110 §15.4.5: 304 keeps the fields that caches need and has no body and no fields about it', async (t) => {
  const connect = await serving(t, get(versioned));
  const wire = await connect();
  wire.request('GET / HTTP/1.1', 'If-None-Match: "v0", W/"v1"');
  const head = await wire.head();
  t.regex(head, /^HTTP\/1\.1 304 Not Modified\r\n/);
  const { date, ...fields } = fieldsOf(head);
  t.truthy(date);
  t.deepEqual(fields, {
    etag: '"v1"',
    'cache-control': 'max-age=60',
    connection: 'keep-alive',
    'content-location': '/v1',
    'keep-alive': 'timeout=64',
    vary: 'Accept',
    'x-frame-options': 'DENY',
  });
  // Nothing comes between it and the next answer.
  wire.request('GET / HTTP/1.1', 'If-None-Match: "v0"');
  t.regex(await wire.head(), /^HTTP\/1\.1 200 OK\r\n/);
  t.is(await wire.octets(17), 'the first version');
});

test('RFC 9110 §15.4.5: without an entity tag 304 keeps the date', async (t) => {
  const dated = () => ({ headers: { 'Last-Modified': MODIFIED }, body: 'x' });
  const { status, headers } = await (await server(t, dated)).inject({
    headers: { 'If-Modified-Since': MODIFIED },
  });
  t.is(status, 304);
  t.is(headers['last-modified'], MODIFIED);
  t.is(headers['content-type'], undefined);
});

test('RFC 9110 §13.2.2: HEAD is conditional like GET', async (t) => {
  const all = await server(t, versioned);
  t.is((await all.inject({ method: 'HEAD', headers: { 'If-None-Match': '"v1"' } })).status, 304);
  t.is((await all.inject({ method: 'HEAD', headers: { 'If-Match': '"v2"' } })).status, 412);
  t.is((await all.inject({ method: 'HEAD' })).headers['content-length'], '17');
});

test('RFC 9110 §13.1.1: a GET with a false If-Match is 412', async (t) => {
  const all = await server(t, versioned);
  const { status, text } = await all.inject({ headers: { 'If-Match': '"v2"' } });
  t.is(status, 412);
  t.regex(text, /^A condition of the request is false/);
});

test('a body that is not sent is closed unread', async (t) => {
  let pulls = 0;
  let cancels = 0;
  const streamed = () =>
    new Response(
      new ReadableStream(
        {
          pull: () => {
            pulls++;
          },
          cancel: () => {
            cancels++;
          },
        },
        { highWaterMark: 0 },
      ),
      { headers: { ETag: '"v1"' } },
    );
  const all = await server(t, streamed);
  t.is((await all.inject({ headers: { 'If-None-Match': '"v1"' } })).status, 304);
  t.is((await all.inject({ headers: { 'If-Match': '"v2"' } })).status, 412);
  t.is(pulls, 0);
  t.is(cancels, 2);
});

test('RFC 9110 §13.2.1: errors, other methods and answers without validator are not conditional', async (t) => {
  const all = await prepared(t, ({ handle }) => {
    handle('GET', '/absent', () => ({ ...versioned(), status: 404 }));
    handle('REPORT', '/', () => versioned());
    handle('GET', '/plain', () => 'plain');
  });
  const headers = { 'If-None-Match': '*', 'If-Modified-Since': MODIFIED };
  t.is((await all.inject({ target: '/absent', headers })).status, 404);
  t.is((await all.inject({ target: '/', method: 'REPORT', headers })).status, 200);
  t.is((await all.inject({ target: '/plain', headers })).status, 200);
});

test('answers with frozen headers are conditional too, each time', async (t) => {
  const frozen = Object.freeze({ ETag: '"v1"' });
  const all = await server(t, () => ({ headers: frozen, body: 'x' }));
  for (const [tag, status] of [
    ['"v1"', 304],
    ['"v2"', 200],
    ['"v1"', 304],
  ] as const) {
    t.is((await all.inject({ headers: { 'If-None-Match': tag } })).status, status);
  }
});

test('response hooks get the 304, and a validator that a hook adds makes the answer conditional', async (t) => {
  const seen: (number | undefined)[] = [];
  const all = await prepared(t, ({ handle, hook }) => {
    handle('GET', '/', () => 'text');
    handle('GET', '/tagged', () => versioned());
    hook('response', ({ path }, { headers, ...rest }) =>
      path === '/' ? { ...rest, headers: { ...headers, ETag: '"hooked"' } } : undefined,
    );
    hook('response', (_, { status }) => {
      seen.push(status);
    });
  });
  t.is((await all.inject({ headers: { 'If-None-Match': '"hooked"' } })).status, 304);
  t.is((await all.inject({ target: '/tagged', headers: { 'If-None-Match': '"v1"' } })).status, 304);
  t.deepEqual(seen, [304, 304]);
});

test('RFC 9110 §8.8.3: an ETag without quotes and an invalid date are errors of the plugin', async (t) => {
  const wrong: Record<string, string>[] = [{ ETag: 'v1' }, { 'Last-Modified': 'yesterday' }];
  for (const headers of wrong) {
    const { log, errors } = logged();
    const all = await prepared(
      t,
      get(() => ({ headers, body: 'x' })),
      { log },
    );
    t.is((await all.inject()).status, 500);
    t.is((errors[0]!.err as { code: string }).code, 'HANDLER_ANSWER_INVALID');
    // In a Headers object they often come from another server: passed on, but not used as validators.
    const proxied = await prepared(
      t,
      get(() => new Response('x', { headers })),
    );
    t.is((await proxied.inject({ headers: { 'If-None-Match': '*' } })).status, 200);
  }
});

test('RFC 9110 §13.1.1: precondition prevents a lost change and a second creation', async (t) => {
  let version = 1;
  let exists = true;
  const all = await prepared(t, ({ handle }) => {
    handle('PUT', '/', (request) => {
      precondition(request, exists ? { etag: `"${version}"`, lastModified: new Date(MODIFIED) } : undefined);
      version++;
      exists = true;
      return { status: 204, headers: { ETag: `"${version}"` } };
    });
    handle('GET', '/', (request) => {
      const headers = { ETag: `"${version}"` };
      return precondition(request, { etag: headers.ETag })
        ? { headers, body: 'new' }
        : { status: 304, headers };
    });
  });
  const put = async (headers: Record<string, string>) =>
    (await all.inject({ method: 'PUT', headers })).status;
  t.is(await put({ 'If-Match': '"1"' }), 204);
  t.is(await put({ 'If-Match': '"1"' }), 412);
  t.is(await put({ 'If-Unmodified-Since': 'Sun, 06 Nov 1994 08:49:36 GMT' }), 412);
  t.is(await put({ 'If-None-Match': '*' }), 412);
  t.is(await put({}), 204);
  exists = false;
  t.is(await put({ 'If-Match': '*' }), 412);
  t.is(await put({ 'If-None-Match': '*' }), 204);
  t.is((await all.inject({ headers: { 'If-None-Match': `"${version}"` } })).status, 304);
  t.is((await all.inject()).text, 'new');
});

test('precondition refuses a tag without quotes as a programming mistake', async (t) => {
  const { log, errors } = logged();
  const all = await prepared(
    t,
    ({ handle }) => handle('PUT', '/', (request) => String(precondition(request, { etag: 'v1' }))),
    { log },
  );
  t.is((await all.inject({ method: 'PUT' })).status, 500);
  t.true(errors[0]!.err instanceof TypeError);
});
