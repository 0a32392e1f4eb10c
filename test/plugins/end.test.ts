import test from 'ava';
import { served } from './served.js';

test('END is answered, then the server closes', async (t) => {
  const server = await served(t);
  const { status, body } = await server.inject({ method: 'END', target: '/' });
  t.is(status, 204);
  t.is(body.length, 0);
  await server.closed;
  t.pass();
});

test('END at another path does not stop the server', async (t) => {
  const server = await served(t);
  t.is((await server.inject({ method: 'END', target: '/nothing' })).status, 404);
  t.is((await server.inject({ target: '/' })).status, 200);
});

test('an unknown option is an error before anything listens', async (t) => {
  const error = await t.throwsAsync(served(t, { plugins: [{ use: 'end', options: { from: 'here' } }] }));
  t.like(error, { code: 'PLUGIN_OPTIONS_INVALID' });
});
