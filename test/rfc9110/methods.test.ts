/** RFC 9110 §9 over a socket: methods, and the answers to methods without a handler. */
import test from 'ava';
import { field, handlers, plugin, request, serve, withBody } from '../support/raw-client.js';

test('§9.1: any token is a method, and methods are case-sensitive', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'FROBNICATE /': () => 'frobnicated',
        "!#$%&'*+-.^_`|~09aZ /": () => 'a token',
        'get /': () => 'lower case',
      }),
    ],
  });
  const client = await connect();
  client.send(
    request('FROBNICATE /') + request("!#$%&'*+-.^_`|~09aZ /") + request('get /') + request('GET /'),
  );
  t.is((await client.response()).body, 'frobnicated');
  t.is((await client.response()).body, 'a token');
  t.is((await client.response()).body, 'lower case');
  t.is((await client.response()).status, 405);
});

test('§9.1: a method without a handler is answered 405 and not 501', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(request('BREW /') + request('GET /probe'));
  const response = await client.response();
  t.is(response.status, 405);
  t.is(response.body, 'Method not allowed: BREW');
  t.is((await client.response()).body, 'alive');
});

test('§9.3.2: the answer to HEAD has the fields of GET and no body', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      'head',
      handlers({
        'GET /text': () => ({ headers: { ETag: '"a"' }, body: 'hello' }),
        'GET /bytes': () => Buffer.alloc(100_000),
        'GET /json': () => ({ json: { a: 1 } }),
      }),
    ],
  });
  const client = await connect();
  for (const path of ['/text', '/bytes', '/json']) {
    client.send(request(`HEAD ${path}`) + request(`GET ${path}`));
    const head = await client.response('HEAD');
    const get = await client.response();
    t.is(head.status, get.status);
    const withoutDate = (text: string) => text.replace(/Date: .*\r\n/, '');
    t.is(withoutDate(head.head), withoutDate(get.head), path);
  }
});

test('§9.3.2: a streamed answer to HEAD has no body, and its source is closed unread', async (t) => {
  let read = false;
  let cancelled = false;
  const body = {
    [Symbol.asyncIterator]() {
      read = true;
      return { next: async () => ({ done: true as const, value: undefined }) };
    },
    destroy() {
      cancelled = true;
    },
  };
  const { connect } = await serve(t, { plugins: [handlers({ 'HEAD /': () => ({ body }) })] });
  const client = await connect();
  client.send(request('HEAD /') + request('GET /probe'));
  t.is((await client.response('HEAD')).status, 200);
  t.is((await client.response()).body, 'alive');
  t.false(read);
  t.true(cancelled);
});

test('§9.3.2: error answers to HEAD have no body either', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      'head',
      handlers({
        'GET /fails': () => {
          throw new Error('x');
        },
      }),
    ],
  });
  const client = await connect();
  client.send(request('HEAD /fails') + request('HEAD /absent') + request('GET /probe'));
  t.is((await client.response('HEAD')).status, 500);
  t.is((await client.response('HEAD')).status, 404);
  t.is((await client.response()).body, 'alive');
});

test('§9.3.6: CONNECT without a handler is refused and never becomes a tunnel', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(request('CONNECT localhost:80') + request('GET /probe'));
  const response = await client.response();
  t.is(response.status, 405);
  t.not(field(response, 'allow'), undefined);
  t.is((await client.response()).body, 'alive');
});

test('§9.3.8: TRACE without a handler is refused: nothing is reflected', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(request('TRACE /', ['X-Secret: hush']));
  const response = await client.response();
  t.is(response.status, 405);
  t.false(response.body.includes('hush'));
});

test('§9.3.1: a body of GET is framed like any other', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(withBody('GET /probe', 'GET /probe HTTP/1.1') + request('GET /probe'));
  t.is((await client.response()).body, 'alive');
  t.is((await client.response()).body, 'alive');
});

test('§15.5.6: 405 lists the supported methods of the target in Allow', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      'head',
      plugin('several', ({ handle }) => {
        handle('GET', '/a', () => 'a');
        handle('PURGE', '/a', () => 'a');
        handle('POST', '/b', () => 'b');
      }),
    ],
  });
  const client = await connect();
  client.send(request('POST /a') + request('GET /b') + request('NEVER /a') + request('NEVER /none'));
  for (const allow of ['GET, HEAD, PURGE', 'POST', 'GET, HEAD, PURGE', '']) {
    const response = await client.response();
    t.is(response.status, 405);
    t.is(field(response, 'allow'), allow);
  }
});

test('§15.5.5: a known method on an unknown path is 404', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(request('GET /absent') + request('GET /probe'));
  t.is((await client.response()).status, 404);
  t.is((await client.response()).body, 'alive');
});

test('§9.1: names of inherited object properties are not methods, paths, fields or query names', async (t) => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty'];
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'GET /seen': ({ headers, query, params }) =>
          JSON.stringify([
            names.map((name) => headers[name] ?? null),
            names.map((name) => query.get(name)),
            names.map((name) => params[name as never] ?? null),
          ]),
        'GET /named/:name': ({ params }) => `${params.name} ${Object.keys(params).length}`,
      }),
    ],
  });
  const client = await connect();
  const none = names.map(() => null);
  client.send(request('GET /seen'));
  t.deepEqual(JSON.parse((await client.response()).body), [none, none, none]);

  const sent = names.map((name) => `${name}: x`);
  client.send(request(`GET /seen?${names.map((name) => `${name}=y`).join('&')}`, sent));
  const lower = ['x', 'x', null, null]; // the test asks for the other two names in lower case only
  t.deepEqual(JSON.parse((await client.response()).body), [lower, names.map(() => 'y'), none]);

  for (const name of names) {
    client.send(request(`${name} /`) + request(`GET /${name}`) + request(`GET /named/${name}`));
    t.is((await client.response()).status, 405, name);
    t.is((await client.response()).status, 404, name);
    t.is((await client.response()).body, `${name} 1`);
  }
});
