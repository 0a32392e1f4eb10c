/** RFC 9110 §5 to §8 over a socket: fields of requests and answers. */
import test from 'ava';
import { field, handlers, plugin, request, serve } from '../support/raw-client.js';

const IMF_FIXDATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

test('§6.6.1: every final answer has one Date, in the preferred form', async (t) => {
  const { connect } = await serve(t, {
    limits: { maxBodyOctets: 10 },
    plugins: [
      'head',
      handlers({
        'GET /204': () => ({ status: 204 }),
        'GET /304': () => ({ status: 304 }),
        'GET /stream': async function* () {
          yield 'a';
        },
        'GET /fails': () => {
          throw new Error('x');
        },
        'POST /read': async (incoming) => incoming.text(),
      }),
    ],
  });
  const client = await connect();
  for (const [line, status] of [
    ['GET /probe', 200],
    ['HEAD /probe', 200],
    ['GET /204', 204],
    ['GET /304', 304],
    ['GET /stream', 200],
    ['GET /fails', 500],
    ['GET /absent', 404],
    ['NEVER /', 405],
  ] as const) {
    client.send(request(line));
    const response = await client.response(line.split(' ')[0]);
    t.is(response.status, status, line);
    t.is(response.fields.get('date')?.length, 1, line);
    t.regex(String(field(response, 'date')), IMF_FIXDATE);
  }
  for (const [octets, status] of [
    ['BAD\r\n\r\n', 400],
    [request('POST /read', ['Content-Length: 11']), 413],
    [request('POST /read', ['Expect: magic']), 417],
    [request('GET / HTTP/3.0'), 505],
  ] as const) {
    const refused = await connect();
    refused.send(octets);
    const response = await refused.response();
    t.is(response.status, status);
    t.regex(String(field(response, 'date')), IMF_FIXDATE);
  }
});

test('§6.6.1: a Date from the handler is not sent a second time', async (t) => {
  const date = 'Tue, 03 May 2022 03:11:44 GMT';
  const { get } = await serve(t, {
    plugins: [handlers({ 'GET /': () => ({ headers: { date }, body: '' }) })],
  });
  t.deepEqual((await get('/')).fields.get('date'), [date]);
});

test('§5.1: field names of requests are case-insensitive', async (t) => {
  const { connect } = await serve(t, {
    plugins: [handlers({ 'GET /': ({ headers }) => `${headers['x-mixed']}` })],
  });
  const client = await connect();
  client.send('GET / HTTP/1.1\r\nhOST: localhost\r\nX-mIxEd: yes\r\n\r\n');
  t.is((await client.response()).body, 'yes');
});

test('§5.3: field lines with the same name are joined to one list in order', async (t) => {
  const { connect } = await serve(t, {
    plugins: [handlers({ 'GET /': ({ headers }) => `${headers['x-a']}|${headers.cookie}` })],
  });
  const client = await connect();
  client.send(request('GET /', ['X-A: 1', 'Cookie: a=1', 'x-a: 2, 3', 'cookie: b=2']));
  t.is((await client.response()).body, '1, 2, 3|a=1; b=2');
});

test('§5.3: several values of one field are sent as separate lines in order', async (t) => {
  const { get } = await serve(t, {
    plugins: [handlers({ 'GET /': () => ({ headers: { 'Set-Cookie': ['a=1', 'b=2'] }, body: '' }) })],
  });
  t.deepEqual((await get('/')).fields.get('set-cookie'), ['a=1', 'b=2']);
});

test('§5.5: octets beyond ASCII in a field value are opaque and unchanged', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      handlers({ 'GET /': ({ headers }) => ({ headers: { 'X-A': headers['x-a'] ?? '' }, body: '' }) }),
    ],
  });
  const client = await connect();
  client.send(request('GET /', ['X-A: caf\xe9 \xff']));
  t.is(field(await client.response(), 'x-a'), 'caf\xe9 \xff');
});

test('§5.5: a control character in a field value is refused and closes', async (t) => {
  for (const octet of ['\0', '\x01', '\x0b', '\x1b', '\x7f']) {
    const { connect } = await serve(t);
    const client = await connect();
    client.send(request('GET /probe', [`X-A: a${octet}b`]) + request('GET /probe'));
    t.is((await client.response()).status, 400, JSON.stringify(octet));
    t.is(await client.closed(), '');
  }
});

test('§5.5: a handler cannot inject lines into an answer, by name, value or status', async (t) => {
  const bad: readonly Record<string, unknown>[] = [
    { headers: { 'X-A': 'a\r\nX-Evil: 1' } },
    { headers: { 'X-A': 'a\nX-Evil: 1' } },
    { headers: { 'X-A': 'a\rX-Evil: 1' } },
    { headers: { 'X-A': 'a\0' } },
    { headers: { 'X-A': ['fine', 'a\r\nX-Evil: 1'] } },
    { headers: { 'X-A\r\nX-Evil': '1' } },
    { headers: { 'X-A: 1\r\nX-Evil': '1' } },
    { headers: { 'X A': '1' } },
    { headers: { '': '1' } },
    { headers: { 'X-A': 'wide \u560d\u560aX-Evil: 1' } },
    { headers: new Map([['X-A', 'a\r\nX-Evil: 1']]) },
    { status: '200 OK\r\nX-Evil: 1' },
    { headers: { 'Content-Type': 'text/plain\r\nX-Evil: 1' } },
  ];
  const { connect, log } = await serve(t, {
    plugins: [handlers({ 'GET /:at': ({ params }) => ({ ...bad[Number(params.at)], body: 'x' }) })],
  });
  const client = await connect();
  for (const at of bad.keys()) {
    client.send(request(`GET /${at}`));
    const response = await client.response();
    t.is(response.status, 500, `${at}`);
    t.false(/evil/i.test(response.head));
  }
  t.is(log.length, bad.length);
});

test('§5.5: a handler cannot set the framing fields', async (t) => {
  const names = ['Transfer-Encoding', 'transfer-encoding', 'Trailer', 'Keep-Alive'];
  const { get } = await serve(t, {
    plugins: [
      handlers({
        'GET /:name': ({ params }) => ({ headers: { [params.name ?? '']: 'chunked' }, body: 'x' }),
      }),
    ],
  });
  for (const name of names) {
    const response = await get(`/${name}`);
    t.is(response.status, 500, name);
    t.is(response.framing, 'length');
  }
});

test('§7.8: an Upgrade without a handler for it is ignored, and the next pipelined request is served', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(
    request('GET /probe', [
      'Connection: Upgrade, HTTP2-Settings',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABk',
    ]) +
      request('GET /probe', ['Connection: upgrade', 'Upgrade: websocket']) +
      request('GET /absent'),
  );
  t.is((await client.response()).status, 200);
  t.is((await client.response()).status, 200);
  t.is((await client.response()).status, 404);
});

test('§7.6.1: fields that Connection names apply to this connection, and no answer contains them', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(request('GET /probe', ['Connection: X-Hop', 'X-Hop: 1', 'Keep-Alive: timeout=5']));
  const response = await client.response();
  t.is(response.status, 200);
  t.deepEqual([...response.fields.keys()].sort(), [
    'connection',
    'content-length',
    'content-type',
    'date',
    'keep-alive',
  ]);
});

test('§7.2: a host that is not served here is refused before any handler runs', async (t) => {
  let ran = false;
  const { connect } = await serve(t, {
    allowedHosts: ['example.org'],
    plugins: [
      plugin('p', ({ handle }) =>
        handle('GET', '/', () => {
          ran = true;
          return 'x';
        }),
      ),
    ],
  });
  const client = await connect();
  client.send(
    'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\nGET /probe HTTP/1.1\r\nHost: EXAMPLE.org.:8080\r\n\r\n',
  );
  const response = await client.response();
  t.is(response.status, 400);
  t.is(response.body, 'Not allowed host: evil.example');
  t.false(ran);
  t.is((await client.response()).body, 'alive');
});

test('§5.6.1: empty elements of a list are ignored', async (t) => {
  const { connect } = await serve(t);
  const client = await connect();
  client.send(request('GET /probe', ['Connection: , ,,\t,close,']) + request('GET /probe'));
  t.is(field(await client.response(), 'connection'), 'close');
  t.is(await client.closed(), '');
});

test('§8.6: an answer to HEAD or with 304 has the Content-Length of its handler, and no body', async (t) => {
  const { connect } = await serve(t, {
    plugins: [handlers({ 'HEAD /': () => ({ status: 200, headers: { 'Content-Length': '12345' } }) })],
  });
  const client = await connect();
  client.send(request('HEAD /') + request('GET /probe'));
  t.is(field(await client.response('HEAD'), 'content-length'), '12345');
  t.is((await client.response()).body, 'alive');
});

test('§8.3: an answer with a body has a Content-Type', async (t) => {
  const { get } = await serve(t, {
    plugins: [
      handlers({
        'GET /text': () => 'a',
        'GET /bytes': () => new Uint8Array([1]),
        'GET /json': () => ({ json: null }),
        'GET /own': () => ({ headers: { 'content-type': 'text/html' }, body: 'a' }),
        'GET /nothing': () => ({ status: 204 }),
      }),
    ],
  });
  t.is(field(await get('/text'), 'content-type'), 'text/plain; charset=utf-8');
  t.is(field(await get('/bytes'), 'content-type'), 'application/octet-stream');
  t.is(field(await get('/json'), 'content-type'), 'application/json');
  t.is(field(await get('/own'), 'content-type'), 'text/html');
  t.is(field(await get('/nothing'), 'content-type'), undefined);
});

test('§8.6: an answer with 204 has no Content-Length, whatever its handler returns', async (t) => {
  const { connect } = await serve(t, {
    plugins: [handlers({ 'GET /': () => ({ status: 204, headers: { 'Content-Length': '0' } }) })],
  });
  const client = await connect();
  client.send(request('GET /') + request('GET /probe'));
  const response = await client.response();
  t.is(response.framing, 'none');
  t.is((await client.response()).body, 'alive');
});

test('§8.6: a Content-Length that differs from the body is never sent', async (t) => {
  const { connect, log } = await serve(t, {
    plugins: [
      handlers({
        'GET /short': () => ({ headers: { 'Content-Length': '9' }, body: 'abc' }),
        'GET /odd': () => ({ headers: { 'Content-Length': '0x3' }, body: 'abc' }),
        'GET /twice': () => ({ headers: { 'Content-Length': ['3', '4'] }, body: 'abc' }),
        'GET /fits': () => ({ headers: { 'Content-Length': '3' }, body: 'abc' }),
      }),
    ],
  });
  const client = await connect();
  for (const path of ['/short', '/odd', '/twice']) {
    client.send(request(`GET ${path}`));
    t.is((await client.response()).status, 500, path);
  }
  client.send(request('GET /fits'));
  t.deepEqual((await client.response()).fields.get('content-length'), ['3']);
  t.is(log.length, 3);
});
