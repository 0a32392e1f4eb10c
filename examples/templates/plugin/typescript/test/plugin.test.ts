import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pluginContract, testPlugin } from 'jackfield/testing';
import plugin from '../src/plugin.js';

const options = { greeting: 'Good morning' };

test('it greets the name in the path', async (t) => {
  const { inject, close } = await testPlugin(plugin, { options });
  t.after(close);
  const { status, text } = await inject({ target: '/__name__/Ada' });
  assert.deepEqual([status, text], [200, 'Good morning, Ada!\n']);
  assert.equal((await inject({ target: '/__name__' })).status, 404);
});

// The contract of every plugin: its options are checked, and closing leaves nothing open.
pluginContract((title, body) => void test(title, body), plugin, {
  options,
  wrong: [{ greeting: '' }, { greeting: 1 }],
});
