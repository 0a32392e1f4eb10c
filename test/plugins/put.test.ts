import test from 'ava';
import { served } from './served.js';

test('PUT names /update, whatever the path and the body', async (t) => {
  const server = await served(t);
  for (const target of ['/', '/nothing', '/update/x']) {
    const { status, reason, text } = await server.inject({ method: 'PUT', target, body: 'a: 1' });
    t.is(status, 404, target);
    t.is(reason, 'Not Found', target);
    t.is(text, 'Select the appropriate path(Update mode => /update)', target);
  }
});
