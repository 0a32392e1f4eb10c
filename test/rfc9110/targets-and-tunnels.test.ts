import test, { type ExecutionContext } from 'ava';
import { createServer, type Server } from '../../core/server.js';

function probed(t: ExecutionContext): Server {
  const server = createServer({
    storage: 'memory',
    plugins: [
      {
        name: 'probe',
        setup({ handle }) {
          handle('GET', '/', ({ path }) => path);
          handle('CONNECT', '*', ({ headers }) => ({
            status: headers['x-refuse'] === undefined ? 200 : 403,
          }));
          handle('HEAD', '/stream', () => ({ headers: { 'Content-Length': '3' }, body: stream() }));
        },
      },
    ],
  });
  t.teardown(() => server.close());
  return server;
}

async function* stream(): AsyncGenerator<string> {
  yield 'abc';
}

test('§7.4: an https target on a connection without TLS is answered 421, an http target is served', async (t) => {
  const server = probed(t);
  const misdirected = await server.inject({ target: 'https://127.0.0.1/' });
  t.is(misdirected.status, 421);
  t.is(misdirected.headers.connection, 'close');
  t.is((await server.inject({ target: 'http://127.0.0.1/' })).text, '/');
});

test('§9.3.6: success for CONNECT would open a tunnel, so a handler can only refuse it or open one', async (t) => {
  const server = probed(t);
  const connect = { method: 'CONNECT', target: '127.0.0.1:80' };
  t.is((await server.inject(connect)).status, 500);
  t.is((await server.inject({ ...connect, headers: { 'X-Refuse': '1' } })).status, 403);
});

test('§9.3.6: CONNECT to port 0 is refused', async (t) => {
  const server = probed(t);
  t.is((await server.inject({ method: 'CONNECT', target: '127.0.0.1:0' })).status, 400);
});

test('§9.3.2: an answer to HEAD has the Content-Length of the stream', async (t) => {
  const server = probed(t);
  const response = await server.inject({ method: 'HEAD', target: '/stream' });
  t.is(response.headers['content-length'], '3');
  t.is(response.body.length, 0);
});
