/** Run: node --test examples/guide/plugin.test.js */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pluginContract, testPlugin } from 'jackfield/testing';
import links from './plugin.js';

test('a link redirects to its address until it is deleted', async (t) => {
  const { inject, storage, close } = await testPlugin(links);
  t.after(close);
  const linked = await inject({ method: 'LINK', target: '/tea', body: 'https://example.com/tea' });
  assert.deepEqual([linked.status, linked.headers.location], [201, '/tea']);
  const led = await inject({ target: '/tea' });
  assert.deepEqual([led.status, led.headers.location], [302, 'https://example.com/tea']);
  assert.equal((await storage.get('tea'))?.value, 'https://example.com/tea');
  assert.equal((await inject({ method: 'UNLINK', target: '/tea' })).status, 204);
  assert.equal((await inject({ target: '/tea' })).status, 404);
});

test('a name can be used only once', async (t) => {
  const { inject, close } = await testPlugin(links);
  t.after(close);
  const both = ['https://example.com/1', 'https://example.com/2'].map((body) =>
    inject({ method: 'LINK', target: '/tea', body }),
  );
  const statuses = (await Promise.all(both)).map(({ status }) => status);
  assert.deepEqual(statuses, [201, 409]);
});

test('an invalid address, and one with another scheme, is refused', async (t) => {
  const { inject, close } = await testPlugin(links, { options: { schemes: ['http:'] } });
  t.after(close);
  for (const body of ['tea', 'https://example.com/', '']) {
    const { status, text } = await inject({ method: 'LINK', target: '/tea', body });
    assert.deepEqual([status, text], [422, 'An address begins with http:\n']);
  }
});

pluginContract((title, body) => void test(title, body), links, {
  wrong: [{ schemes: [] }, { schemes: ['https'] }, { schemes: 'https:' }],
});
