import test from 'ava';
import head from '../../../plugins/head.js';
import post from '../../../plugins/post.js';
import put from '../../../plugins/put.js';
import { settled, setUp } from '../fakes.js';

test('head, post and put handle their method only if no other handler does', (t) => {
  for (const [plugin, method] of [
    [head, 'HEAD'],
    [post, 'POST'],
    [put, 'PUT'],
  ] as const) {
    const [registered, ...others] = setUp(plugin).handlers;
    t.like(registered, { method, pattern: '*', options: { fallback: true } });
    t.deepEqual(others, []);
  }
});

test('HEAD is answered like GET on the same path', async (t) => {
  t.is((await settled(setUp(head).call({ method: 'HEAD', target: '/some/path' }))).text, 'GET /some/path');
});

test('POST and PUT name the path for them', async (t) => {
  t.like(await settled(setUp(post).call({ method: 'POST' })), {
    status: 404,
    text: 'Select the appropriate path(Create mode => /create)',
  });
  t.like(await settled(setUp(put).call({ method: 'PUT', target: '/x' })), {
    status: 404,
    text: 'Select the appropriate path(Update mode => /update)',
  });
});

test('POST and PUT do not name a path that no plugin handles', async (t) => {
  t.like(await settled(setUp(post).call({ method: 'POST', target: '/create' })), {
    status: 404,
    text: 'Create mode is not configured',
  });
  t.like(await settled(setUp(put).call({ method: 'PUT', target: '/update' })), {
    status: 404,
    text: 'Update mode is not configured',
  });
});
