/** RFC 9112 §2, §3 and §5 over a socket: request lines, targets, field lines, and the answers to bad ones. */
import test, { type ExecutionContext } from 'ava';
import type { Limits } from '../../core/config/limits.js';
import { field, handlers, plugin, request, serve } from '../support/raw-client.js';

/** Checks for one framed, dated and closing answer, with nothing served after it. */
async function isRefused(
  t: ExecutionContext,
  octets: string,
  status: number,
  limits: Partial<Limits> = {},
): Promise<void> {
  let ran = 0;
  const { connect } = await serve(t, {
    limits,
    plugins: [plugin('all', ({ handle }) => handle('*', '*', () => `${++ran}`))],
  });
  const client = await connect();
  client.send(octets + request('GET /behind'));
  const response = await client.response();
  t.is(response.status, status);
  t.is(field(response, 'connection'), 'close');
  t.is(response.framing, 'length');
  t.true(response.body.length > 0, 'it says what is wrong');
  t.regex(String(field(response, 'date')), /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/);
  t.is(await client.closed(), '');
  t.is(ran, 0);
}

// §2

test('§2.2: empty lines before a request line are ignored', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(`\r\n${request('GET /probe')}\r\n\r\n${request('GET /probe')}`);
  t.is((await client.response()).body, 'alive');
  t.is((await client.response()).body, 'alive');
});

test('§2.2: an endless sequence of empty lines is refused and closes', (t) =>
  isRefused(t, '\r\n'.repeat(20), 400));

test('§2.2: a bare LF at a line end is refused and closes', (t) =>
  isRefused(t, 'GET / HTTP/1.1\nHost: localhost\n\n', 400));

test('§2.2: a bare CR inside a line is refused and closes', (t) =>
  isRefused(t, request('GET /', ['X-A: a\rb']), 400));

test('§2.2: white space between the request line and the first field is refused and closes', (t) =>
  isRefused(t, 'GET / HTTP/1.1\r\n Host: localhost\r\n\r\n', 400));

test('§2.3: a malformed version is refused and closes', (t) => isRefused(t, request('GET / http/1.1'), 400));

test('§2.3: another major version is answered 505 and closes', (t) =>
  isRefused(t, request('GET / HTTP/2.0'), 505));

test('§2.3: a later minor version is served as HTTP/1.1', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(request('GET /probe HTTP/1.9') + request('GET /probe HTTP/1.9'));
  t.true((await client.response()).head.startsWith('HTTP/1.1 200 '));
  t.is((await client.response()).body, 'alive');
});

test('§2.3: the answer to an HTTP/1.0 request has our own version', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(request('GET /probe HTTP/1.0'));
  t.true((await client.response()).head.startsWith('HTTP/1.1 200 OK\r\n'));
});

// §3

test('§3: a request line with more or fewer than three parts is refused and closes', async (t) => {
  await isRefused(t, request('GET  /  HTTP/1.1'), 400);
  await isRefused(t, 'GET /\r\nHost: localhost\r\n\r\n', 400);
});

test('§3: a target beyond the limit is answered 414 and closes', (t) =>
  isRefused(t, request(`GET /${'x'.repeat(300)}`), 414, { maxTargetOctets: 200 }));

test('§3: a target of 8,000 octets is accepted', async (t) => {
  const { connect } = await serve(t, {
    plugins: [handlers({ 'GET /:long': ({ params }) => `${params.long?.length}` })],
  });
  const client = await connect();
  client.send(request(`GET /${'x'.repeat(7_999)}`));
  t.is((await client.response()).body, '7999');
});

test('§3: a method longer than 64 octets is answered 501 and closes', (t) =>
  isRefused(t, request(`${'M'.repeat(70)} /`), 501));

test('§3.2: a fragment or white space in a target is refused and closes', async (t) => {
  await isRefused(t, request('GET /a#b'), 400);
  await isRefused(t, request('GET /a\tb'), 400);
});

test('§3.2: an HTTP/1.1 request without Host is refused and closes', (t) =>
  isRefused(t, 'GET / HTTP/1.1\r\n\r\n', 400));

test('§3.2: more than one Host is refused and closes', (t) =>
  isRefused(t, request('GET /', ['Host: localhost']), 400));

test('§3.2: an invalid Host is refused and closes', async (t) => {
  for (const host of ['a b', 'user@localhost', 'localhost:x', '[::1', 'lo\xe9'])
    await isRefused(t, `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 400);
});

test('§3.2: an HTTP/1.0 request needs no Host', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send('GET /probe HTTP/1.0\r\n\r\n');
  t.is((await client.response()).body, 'alive');
});

test('§3.2.1: the path of the origin form may have empty segments, escapes and a query', async (t) => {
  const { connect } = await seen(t);
  const client = await connect();
  client.send(request('GET //a/%7eb/%2f?x=1?y'));
  t.is((await client.response()).body, 'GET //a/%7eb/%2f?x=1?y > //a/~b/%2F ?x=1%3Fy');
});

test('§3.2.2: the absolute form is served, and its authority replaces Host', async (t) => {
  const { connect } = await seen(t, ['localhost']);
  const client = await connect();
  client.send(
    'GET http://LocalHost:80/a?b HTTP/1.1\r\nHost: evil.example\r\n\r\n' +
      'GET http://evil.example/a HTTP/1.1\r\nHost: localhost\r\n\r\n' +
      'GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n',
  );
  t.is((await client.response()).body, 'GET http://LocalHost:80/a?b > /a ?b=');
  t.is((await client.response()).body, 'Not allowed host: evil.example');
  t.is((await client.response()).body, 'GET http://localhost > / ?');
});

test('§3.2.2: an absolute form still needs a valid Host', (t) =>
  isRefused(t, 'GET http://localhost/ HTTP/1.1\r\n\r\n', 400));

test('§3.2.3: only CONNECT has the authority form, and it has no other form', async (t) => {
  await isRefused(t, request('GET localhost:80'), 400);
  await isRefused(t, request('CONNECT /path'), 400);
  await isRefused(t, request('CONNECT localhost'), 400);
});

test('§3.2.4: OPTIONS * reaches a handler of the whole server, not one of a path', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      plugin('options', ({ handle }) => {
        handle('OPTIONS', '*', ({ path }) => ({ status: 204, headers: { Allow: 'GET', 'X-Path': path } }));
        handle('OPTIONS', '/', () => 'the root');
      }),
    ],
  });
  const client = await connect();
  client.send(request('OPTIONS *') + request('OPTIONS /') + request('OPTIONS http://localhost'));
  const whole = await client.response();
  t.is(whole.status, 204);
  t.is(field(whole, 'x-path'), '*');
  t.is((await client.response()).body, 'the root');
  t.is((await client.response()).body, 'the root');
});

test('§3.2.4: OPTIONS * without a handler is 405 and keeps the connection open', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(request('OPTIONS *') + request('GET /probe'));
  const response = await client.response();
  t.is(response.status, 405);
  t.not(field(response, 'allow'), undefined);
  t.is((await client.response()).body, 'alive');
});

test('§3.2.4: the asterisk form with another method is refused and closes', (t) =>
  isRefused(t, request('GET *'), 400));

const seen = (t: ExecutionContext, allowedHosts: readonly string[] = ['localhost']) =>
  serve(t, {
    allowedHosts,
    plugins: [
      plugin('seen', ({ handle }) =>
        handle('*', '*', ({ method, target, path, query }) => `${method} ${target} > ${path} ?${query}`),
      ),
    ],
  });

// §5

test('§5.1: white space between a field name and its colon is refused and closes', (t) =>
  isRefused(t, request('GET /', ['X-A : a']), 400));

test('§5.1: white space around a field value is not part of it', async (t) => {
  const { connect } = await serve(t, {
    plugins: [handlers({ 'GET /': ({ headers }) => `[${headers['x-a']}][${headers['x-b']}]` })],
  });
  const client = await connect();
  client.send(request('GET /', ['X-A:\t a b\t ', 'x-b:']));
  t.is((await client.response()).body, '[a b][]');
});

test('§5.2: a folded field line is refused and closes', (t) =>
  isRefused(t, request('GET /', ['X-A: a', ' b']), 400));

test('§5: a header section beyond its octets or lines is answered 431 and closes, and no field is dropped', async (t) => {
  await isRefused(t, request('GET /', [`X-A: ${'x'.repeat(300)}`]), 431, { maxHeaderSectionOctets: 256 });
  await isRefused(t, request('GET /', Array(12).fill('X-A: a')), 431, { maxHeaderFields: 10 });
});

test('§5: octets that are not a request are refused at once', (t) => isRefused(t, '\x16\x03\x01', 400));

// RFC 9112 §3: a line is parsed before its method is used, so HEAD is recognised by its method alone

test('§3.2: the refusal of a HEAD request has no body either', async (t) => {
  const { connect } = await serve(t);
  const faults = [
    'HEAD / HTTP/1.1\r\n\r\n',
    request('HEAD /', ['Bad Name: x']),
    request('HEAD /%zz'),
    request('HEAD / HTTP/2.0'),
    request('HEAD /', ['Expect: nothing']),
  ];
  for (const octets of faults) {
    const client = await connect();
    client.send(octets);
    const response = await client.response('HEAD');
    t.true(response.status >= 400, octets);
    t.is(field(response, 'connection'), 'close');
    t.is(await client.closed(), '', octets);
  }
});
