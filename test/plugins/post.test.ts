import test from 'ava';
import { served } from './served.js';

test('POST names /create, whatever the path and the body', async (t) => {
  const server = await served(t);
  for (const target of ['/', '/nothing', '/create/x', '/?limit=1']) {
    const { status, reason, text } = await server.inject({ method: 'POST', target, body: 'a: 1' });
    t.is(status, 404, target);
    t.is(reason, 'Not Found', target);
    t.is(text, 'Select the appropriate path(Create mode => /create)', target);
  }
});
