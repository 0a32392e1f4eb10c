import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { tempFolder } from '../core/temp-folder.js';
import { ROOT } from '../repository.js';
import { chunked, request, type Served, serve, withBody } from '../support/raw-client.js';
import { served } from './served.js';

/** Returns its arguments. */
const TELL = `export default async (request, env) => {
  const { pathname, search, host, protocol } = new URL(request.url);
  return Response.json({
    method: request.method, pathname, search, host, protocol,
    headers: Object.fromEntries(request.headers),
    body: await request.text(),
    env: Object.keys(env), address: env.request.remoteAddress,
  });
};`;

async function mounted(t: ExecutionContext, source: string, options = {}, limits = {}): Promise<Served> {
  const folder = await tempFolder(t, { 'app.mjs': source });
  const mount = { module: path.join(folder, 'app.mjs'), ...options };
  return serve(t, { plugins: [{ use: 'fetch', options: { mounts: [mount] } }], limits });
}

interface Told {
  readonly method: string;
  readonly pathname: string;
  readonly search: string;
  readonly host: string;
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly env: string[];
  readonly address: string;
}

async function told({ connect }: Served, octets: string): Promise<Told> {
  const client = await connect();
  client.send(octets);
  const { status, body } = await client.response();
  if (status !== 200) throw new Error(`${status} ${body}`);
  return JSON.parse(body);
}

test('the application gets method, URL, fields, body and the environment', async (t) => {
  const app = await mounted(t, TELL);
  const given = await told(
    app,
    withBody('PURGE /a%20b/?x=1&y=%2F', 'hello', ['X-A: 1', 'X-A: 2', 'Connection: X-B', 'TE: trailers']),
  );
  t.is(given.method, 'PURGE');
  t.is(given.pathname, '/a%20b/');
  t.is(given.search, '?x=1&y=%2F');
  t.is(given.host, 'localhost');
  t.is(given.body, 'hello');
  t.deepEqual(given.headers, { host: 'localhost', 'x-a': '1, 2', 'content-length': '5' });
  t.deepEqual(given.env, ['request', 'storage', 'log', 'signal']);
  t.is(given.address, '127.0.0.1');
});

test('every method that a web Request accepts arrives unchanged', async (t) => {
  const app = await mounted(t, TELL);
  for (const method of [
    'GET',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'QUERY',
    'FROBNICATE',
    'patch',
    'M-SEARCH',
  ])
    t.is((await told(app, request(`${method} /`))).method, method);
});

test('a method that a web Request refuses or changes is 501, and the application is not called', async (t) => {
  const { connect } = await mounted(t, TELL);
  for (const method of ['TRACE', 'TRACK', 'trace', 'get', 'Post', 'delete']) {
    const client = await connect();
    client.send(request(`${method} /`));
    const { status, body } = await client.response();
    t.is(status, 501, method);
    t.true(body.includes(method));
  }
});

test('HEAD has the fields of the application and no body', async (t) => {
  const { connect } = await mounted(
    t,
    `export default (request) => new Response(request.method === 'HEAD' ? null : 'x', { headers: { 'X-Method': request.method } });`,
  );
  const client = await connect();
  client.send(request('HEAD /'));
  const answer = await client.response('HEAD');
  t.deepEqual(answer.fields.get('x-method'), ['HEAD']);
});

test('an application under a prefix sees paths with or without the prefix', async (t) => {
  const kept = await mounted(t, TELL, { prefix: '/app' });
  t.is((await told(kept, request('GET /app/x?y'))).pathname, '/app/x');
  t.is((await told(kept, request('GET /app'))).pathname, '/app');
  t.is((await kept.get('/application')).status, 404);
  const stripped = await mounted(t, TELL, { prefix: '/app', stripPrefix: true });
  t.is((await told(stripped, request('GET /app/x?y'))).pathname, '/x');
  t.is((await told(stripped, request('GET /app'))).pathname, '/');
  t.is((await told(stripped, request('GET /app//evil.example/x'))).host, 'localhost');
  t.is((await told(stripped, request('GET http://localhost/app/x'))).pathname, '/x');
});

test('a path that the application would read as another one does not reach it', async (t) => {
  const { get } = await mounted(t, TELL, { prefix: '/app' });
  for (const target of [
    '/app/../admin',
    '/app/%2e%2e/admin',
    '/app/.',
    '/app/x/%2E/y',
    '/app/..%2fadmin',
    '/app/..%5Cadmin',
    '/app/..;x/y',
  ])
    t.is((await get(target)).status, 404, target);
  t.is((await get('/app/..a/b..')).status, 200);
});

test('bodies stream in both directions: the answer begins before the request has ended', async (t) => {
  const { connect } = await mounted(
    t,
    `export default (request) => new Response(request.body, { headers: { 'Content-Type': 'text/plain' } });`,
  );
  const client = await connect();
  client.send(request('POST /', ['Transfer-Encoding: chunked'], '3\r\none\r\n'));
  await client.receive('3\r\none\r\n');
  client.send('3\r\ntwo\r\n0\r\n\r\n');
  t.is((await client.response()).body, 'onetwo');
  // The core closes the connection after an answer that began before its request had ended.
  const other = await connect();
  other.send(chunked('POST /', ['x'.repeat(100_000)]));
  t.is((await other.response()).body, 'x'.repeat(100_000));
});

test('the answer of the application is checked, and a fault affects only its request', async (t) => {
  const { connect, get, log } = await mounted(
    t,
    `export default (request) => {
    switch (new URL(request.url).pathname) {
      case '/throws': throw new Error('my fault');
      case '/rejects': return Promise.reject(new Error('my fault'));
      case '/nothing': return undefined;
      case '/error': return Response.error();
      case '/cookies': { const headers = new Headers(); headers.append('Set-Cookie', 'a=1'); headers.append('Set-Cookie', 'b=2'); return new Response('x', { headers }); }
      case '/stream': return new Response(new ReadableStream({ pull(controller) { controller.error(new Error('my fault')); } }));
      default: return new Response('fine', { status: 201 });
    }
  };`,
  );
  for (const target of ['/throws', '/rejects', '/nothing', '/error'])
    t.is((await get(target)).status, 500, target);
  const client = await connect();
  client.send(request('GET /cookies'));
  t.deepEqual((await client.response()).fields.get('set-cookie'), ['a=1', 'b=2']);
  client.send(request('GET /stream'));
  t.is((await client.response()).status, 500);
  t.is((await get('/')).status, 201);
  t.true(log.filter(({ plugin }) => plugin === 'fetch').length >= 5);
});

test('a client that leaves aborts the signal of the request', async (t) => {
  const source = `
    export default (request) => {
      if (request.method === 'GET') {
        globalThis.jackfieldFetchTest?.(request);
        return new Promise((resolve) => request.signal.addEventListener('abort', () => { globalThis.jackfieldFetchAborted?.(); resolve(new Response('late')); }));
      }
    };`;
  const { connect } = await mounted(t, source);
  const arrived = new Promise((resolve) => Reflect.set(globalThis, 'jackfieldFetchTest', resolve));
  const aborted = new Promise<void>((resolve) => Reflect.set(globalThis, 'jackfieldFetchAborted', resolve));
  const client = await connect();
  client.send(request('GET /'));
  await arrived;
  client.reset();
  await aborted;
  t.pass();
});

test('an event stream is cancelled when its client ends its direction; with inject it is complete', async (t) => {
  const { connect, server } = await mounted(
    t,
    `let told = 'open';
    const events = (finite) => new Response(new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode('data: 1\\n\\n'));
        if (finite) setTimeout(() => controller.close(), 10);
      },
      cancel() { told = 'cancelled'; },
    }), { headers: { 'Content-Type': 'text/event-stream' } });
    export default (request) => {
      const { pathname } = new URL(request.url);
      return pathname === '/told' ? new Response(told) : events(pathname === '/finite');
    };`,
  );
  const client = await connect();
  client.send(request('GET /endless'));
  await client.receive('data: 1');
  client.end();
  t.true((await client.closed()).endsWith('0\r\n\r\n'));
  t.is((await server.inject({ target: '/told' })).text, 'cancelled');
  t.is((await server.inject({ target: '/finite' })).text, 'data: 1\n\n');
});

test('an event stream of an application ends when the server stops', async (t) => {
  const { connect, server } = await mounted(
    t,
    `export default () => new Response(new ReadableStream({
      start(controller) { controller.enqueue(new TextEncoder().encode('data: 1\\n\\n')); },
    }), { headers: { 'Content-Type': 'text/event-stream' } });`,
    {},
    { shutdownTimeoutMs: 60_000 },
  );
  const client = await connect();
  client.send(request('GET /'));
  await client.receive('data: 1');
  await server.close();
  t.true((await client.closed()).endsWith('0\r\n\r\n'));
});

test('a mount may allow bodies above the limit of the server', async (t) => {
  const { connect } = await mounted(t, TELL, { maxBodyOctets: 20 }, { maxBodyOctets: 10 });
  const client = await connect();
  client.send(withBody('POST /', 'x'.repeat(20)));
  t.is((await client.response()).status, 200);
  client.send(withBody('POST /', 'x'.repeat(21)));
  t.is((await client.response()).status, 413);
});

test('an application of Hono answers, with the store in its environment', async (t) => {
  const app = path.join(ROOT, 'node_modules/hono/dist/index.js');
  const served = await mounted(
    t,
    `import { Hono } from ${JSON.stringify(app)};
     const app = new Hono().basePath('/app');
     app.get('/hello/:name', (c) => c.text('hello ' + c.req.param('name')));
     app.put('/notes/:key', async (c) => {
       await c.env.storage.commit({ puts: [{ key: c.req.param('key'), value: await c.req.text() }] });
       return c.json({ by: c.env.request.remoteAddress }, 201);
     });
     app.on('PURGE', '/cache', (c) => c.body(null, 204));
     app.get('/fails', () => { throw new Error('inside'); });
     export default app;`,
    { prefix: '/app' },
  );
  t.is((await served.get('/app/hello/ann')).body, 'hello ann');
  const client = await served.connect();
  client.send(withBody('PUT /app/notes/tea', 'green'));
  const created = await client.response();
  t.is(created.status, 201);
  t.is(created.body, '{"by":"127.0.0.1"}');
  client.send(request('PURGE /app/cache'));
  t.is((await client.response()).status, 204);
  client.send(request('HEAD /app/hello/ann'));
  t.is((await client.response('HEAD')).status, 200);
  t.is((await served.get('/app/nowhere')).status, 404);
  t.is((await served.get('/app/fails')).status, 500);
  t.is((await served.get('/probe')).body, 'alive');
});

test('an object with fetch keeps its this', async (t) => {
  const { get } = await mounted(
    t,
    `export default { word: 'mine', fetch() { return new Response(this.word); } };`,
  );
  t.is((await get('/')).body, 'mine');
});

test('a module without an application is reported at the start', async (t) => {
  const folder = await tempFolder(t, { 'none.mjs': 'export default { fetch: 1 };', 'nothing.mjs': '' });
  for (const name of ['none.mjs', 'nothing.mjs', 'missing.mjs']) {
    const options = { mounts: [{ module: path.join(folder, name) }] };
    const error = await t.throwsAsync(served(t, { plugins: [{ use: 'fetch', options }] }));
    t.is(Reflect.get(error, 'code'), 'PLUGIN_SETUP_FAILED');
    t.regex(error.message, /no application|could not be imported/);
  }
});

test('a text of known length has a Content-Length, whichever way the application makes it', async (t) => {
  const { connect, get } = await mounted(
    t,
    `const bytes = new TextEncoder().encode('bytes');
    export default async (request) => {
      switch (new URL(request.url).pathname) {
        case '/text': return new Response('grün');
        case '/typed': return new Response('<p>', { status: 404, headers: { 'Content-Type': 'text/html' } });
        case '/fields': return new Response('a', { headers: new Headers([['X-A', 'b'], ['Connection', 'close']]) });
        case '/json': return Response.json({ a: 1 });
        case '/bytes': return new Response(bytes);
        case '/blob': return new Response(new Blob(['blob']));
        case '/touched': { const response = new Response('a'); response.headers.set('X-A', 'b'); return response; }
        case '/later': return await new Promise((resolve) => setImmediate(resolve, new Response('later')));
      }
    };`,
  );
  const asked = async (target: string) => {
    const client = await connect();
    client.send(request(`GET ${target}`));
    const { status, body, fields } = await client.response();
    const text = Buffer.from(body, 'latin1').toString();
    return [status, text, fields.get('content-length')?.[0], fields.get('content-type')?.[0]];
  };
  const TEXT = 'text/plain;charset=UTF-8';
  t.deepEqual(await asked('/text'), [200, 'grün', '5', TEXT]);
  t.deepEqual(await asked('/typed'), [404, '<p>', '3', 'text/html']);
  t.deepEqual(await asked('/fields'), [200, 'a', '1', TEXT]);
  t.deepEqual(await asked('/json'), [200, '{"a":1}', '7', 'application/json']);
  t.deepEqual((await asked('/bytes')).slice(0, 3), [200, 'bytes', '5']);
  t.deepEqual((await asked('/blob')).slice(0, 3), [200, 'blob', '4']);
  t.deepEqual(await asked('/touched'), [200, 'a', '1', TEXT]);
  t.deepEqual(await asked('/later'), [200, 'later', '5', TEXT]);
  t.is((await get('/fields')).status, 200);
});

test('Request and Response behave as those of Node where an application looks closer', async (t) => {
  const { server } = await mounted(
    t,
    `const results = {};
    const check = async (name, run) => { try { results[name] = await run(); } catch (error) { results[name] = error.name; } };
    class Own extends Response { get own() { return true; } }
    export default async (request) => {
      await check('instances', () => [request instanceof Request, new Response('a') instanceof Response, new Own('a') instanceof Own, new Own('a').own]);
      await check('constructors', () => [request.constructor.name, new Response('a').constructor.name, Response.name, Response.length]);
      await check('copy', async () => { const copy = new Request(request, { headers: { 'X-B': 'c' } }); return [copy.method, copy.url, copy.headers.get('x-b'), await copy.text()]; });
      await check('used', () => request.bodyUsed);
      await check('text', () => new Response('a').text());
      await check('twice', async () => { const response = new Response('a'); await response.text(); return [response.bodyUsed, await response.text()]; });
      await check('clone', async () => { const response = new Response('a', { status: 201, headers: { 'X-A': 'b' } }); const copy = response.clone(); return [copy.status, copy.headers.get('x-a'), await copy.text(), await response.text()]; });
      await check('wrapped', async () => { const response = new Response('a', { status: 202 }); const other = new Response(response.body, response); return [other.status, await other.text()]; });
      await check('members', () => { const { ok, type, url, redirected, status, statusText } = new Response('a', { status: 299 }); return [ok, type, url, redirected, status, statusText]; });
      await check('named', () => new Response('a', { statusText: 'Fine' }).statusText);
      await check('noContent', () => new Response('a', { status: 204 }).status);
      await check('range', () => new Response('a', { status: 99 }).status);
      await check('header', () => new Response('a', { headers: { 'bad name': 'x' } }).status);
      await check('json', () => Response.json(undefined));
      await check('called', () => Response('a'));
      return new Response(JSON.stringify(results));
    };`,
  );
  const { text } = await server.inject({
    method: 'POST',
    target: '/x?y',
    headers: { 'Content-Type': 'text/plain' },
    body: 'sent',
  });
  t.deepEqual(JSON.parse(text), {
    instances: [true, true, true, true],
    constructors: ['Request', 'Response', 'Response', 0],
    copy: ['POST', 'http://127.0.0.1/x?y', 'c', 'sent'],
    used: true,
    text: 'a',
    twice: 'TypeError',
    clone: [201, 'b', 'a', 'a'],
    wrapped: [202, 'a'],
    members: [true, 'default', '', false, 299, ''],
    named: 'Fine',
    noContent: 'TypeError',
    range: 'RangeError',
    header: 'TypeError',
    json: 'TypeError',
    called: 'TypeError',
  });
});

test('a request passes on to fetch', async (t) => {
  const { port, server } = await mounted(
    t,
    `export default (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === '/inner') return Response.json([request.method, request.headers.get('x-a')]);
      return fetch(new Request('http://127.0.0.1:' + request.headers.get('x-port') + '/inner', request));
    };`,
  );
  const { json } = await server.inject({
    method: 'DELETE',
    target: '/outer',
    headers: { 'X-A': 'b', 'X-Port': String(port) },
  });
  t.deepEqual(json(), ['DELETE', 'b']);
});

test('a host that no URL can have is 400, and the application is not asked', async (t) => {
  const folder = await tempFolder(t, { 'app.mjs': TELL });
  const plugins = [{ use: 'fetch', options: { mounts: [{ module: path.join(folder, 'app.mjs') }] } }];
  const { connect, log } = await serve(t, { plugins, allowedHosts: '*' });
  // Newer versions of Node accept this label.
  const label = URL.canParse('http://xn--a') ? [] : ['xn--a'];
  for (const host of ['999.999.999.999', ...label, 'a%2Fb', '1.2.3.4.5', '0x100000000', 'a%00b']) {
    const client = await connect();
    client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    const { status, body } = await client.response();
    t.is(status, 400, host);
    t.is(body, `Not allowed host: ${host}`);
  }
  const client = await connect();
  client.send('GET / HTTP/1.1\r\nHost: A%62.example:80\r\n\r\n');
  t.is(JSON.parse((await client.response()).body).host, 'ab.example');
  t.deepEqual(
    log.filter(({ level }) => level === 'error'),
    [],
  );
});

test('characters that a URL escapes are escaped in request.url as in any URL', async (t) => {
  const { server } = await mounted(t, 'export default (request) => new Response(request.url);');
  for (const target of ['/a?b=c&d', "/'?'", '/{x}|^', '/a//b;c', '/~!$&()*+,;=:@'])
    t.is((await server.inject({ target })).text, new URL(target, 'http://127.0.0.1').href, target);
});

test('the signal is aborted when the client ends its direction, as most do that leave', async (t) => {
  const source = `
    export default (request) => new Promise((resolve) => {
      globalThis.jackfieldFetchWaits?.();
      request.signal.addEventListener('abort', () => resolve(new Response('left')));
    });`;
  const { connect } = await mounted(t, source);
  const waits = new Promise<void>((resolve) => Reflect.set(globalThis, 'jackfieldFetchWaits', resolve));
  const client = await connect();
  client.send(request('GET /'));
  await waits;
  client.end();
  t.is((await client.response()).body, 'left');
});
