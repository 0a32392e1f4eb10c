/** Starts the installed command with the given configuration, sends a request, stops it. Runs in the user's project. */
import assert from 'node:assert/strict';
import { ask, whileServing } from './running.js';

await whileServing(process.argv[2], async (url) => {
  assert.deepEqual(await ask(url, 'SHOUT', 'from a package'), [200, 'FROM A PACKAGE?!']);
  assert.deepEqual(await ask(`${url}/create`, 'POST', 'a: 1'), [200, 'a:1\r\nPost Successfully OK']);
  assert.deepEqual(await ask(`${url}/keys/a`, 'PURGE'), [204, '']);
});
console.log('the installed command serves a plugin beside its configuration');
