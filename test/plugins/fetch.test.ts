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
