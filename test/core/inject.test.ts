import test from 'ava';
import { createServer } from '../../core/server.js';

const server = createServer({
  storage: 'memory',
  plugins: [
    {
      name: 'mirror',
      setup({ handle }) {
        handle('*', '*', async (request) => ({
          headers: { 'X-One': 'a', 'Set-Cookie': ['b=1', 'c=2'] },
          json: [request.method, request.target, request.headers.host, await request.text()],
        }));
      },
    },
  ],
});
test.after.always(() => server.close());

test('a request without parts is GET / to the loopback host', async (t) => {
  const response = await server.inject();
  t.is(response.status, 200);
  t.is(response.reason, 'OK');
  t.deepEqual(response.json(), ['GET', '/', '127.0.0.1', '']);
});

test('every part is sent unchanged', async (t) => {
  const { headers, json } = await server.inject({
    method: 'FROBNICATE',
    target: '/a?b=c',
    headers: { Host: 'localhost' },
    body: 'grüße',
  });
  t.deepEqual(json(), ['FROBNICATE', '/a?b=c', 'localhost', 'grüße']);
  t.is(headers['x-one'], 'a');
  t.is(headers['set-cookie'], 'b=1, c=2');
});

test('an empty body gets a length, and a missing one does not', async (t) => {
  const framed = createServer({
    storage: 'memory',
    plugins: [
      {
        name: 'framed',
        setup({ handle }) {
          handle('*', '*', ({ headers }) => headers['content-length'] ?? 'none');
        },
      },
    ],
  });
  t.teardown(() => framed.close());
  t.is((await framed.inject({ method: 'PUT' })).text, 'none');
  t.is((await framed.inject({ method: 'PUT', body: '' })).text, '0');
  t.is((await framed.inject({ method: 'PUT', body: new Uint8Array(0) })).text, '0');
  t.is((await framed.inject({ method: 'PUT', body: 'ab' })).text, '2');
});

test('an unknown part, or one of a wrong type, is refused by name', async (t) => {
  const refused = (request: object) =>
    t.throwsAsync(server.inject(request as never), { instanceOf: TypeError });
  t.is(
    (await refused({ path: '/x' }))?.message,
    'inject takes method, target, headers and body, not "path". The path is called target.',
  );
  t.is(
    (await refused({ verb: 'GET' }))?.message,
    'inject takes method, target, headers and body, not "verb".',
  );
  t.is(
    (await refused({ body: { a: 1 } }))?.message,
    'The body of inject must be a string or bytes; for JSON pass JSON.stringify(value).',
  );
  t.is((await refused({ method: 'NO SUCH' }))?.message, 'The method "NO SUCH" is not a token.');
  t.is((await refused({ headers: { a: 'b\r\nc: d' } }))?.message, 'The field "a" has a line break.');
});

test('RFC 9112 §8: a response that is cut is an error, not a shorter response', async (t) => {
  const cut = createServer({
    storage: 'memory',
    plugins: [
      {
        name: 'cut',
        setup({ handle }) {
          async function* failing() {
            yield 'begun';
            // After the head: before it, the failure would still be answered.
            await new Promise((resolve) => setTimeout(resolve, 5));
            throw new Error('on purpose');
          }
          handle('GET', '/stream', () => failing());
          handle('GET', '/length', () => ({ headers: { 'Content-Length': '20' }, body: failing() }));
          handle('GET', '/whole', () => ({ headers: { 'Content-Length': '5' }, body: 'whole' }));
        },
      },
    ],
  });
  t.teardown(() => cut.close());
  for (const target of ['/stream', '/length'])
    await t.throwsAsync(cut.inject({ target }), { code: 'RESPONSE_INCOMPLETE' }, target);
  t.is((await cut.inject({ target: '/whole' })).text, 'whole');
});
