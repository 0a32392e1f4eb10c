/** A plugin, a class plugin and an adapter, each from a package of another author. Runs in the user's project. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { ask, whileServing } from './running.js';

const [, , config, schema] = process.argv;
await whileServing(config, async (url) => {
  assert.deepEqual(await ask(`${url}/tea/Ada`), [200, 'Good afternoon, Ada!\n']);
  assert.deepEqual(await ask(`${url}/cage/perch`, 'SAY', 'hello'), [200, 'hello hello']);
  // This error comes from the plugin's own copy of jackfield.
  assert.deepEqual(await ask(`${url}/cage/perch`, 'SAY', ''), [422, 'Nothing was said.']);
  assert.deepEqual(await ask(`${url}/steep/Ada`), [200, 'Hello, Ada!\n']);
  const refused = [422, 'An address begins with https:\n'];
  assert.deepEqual(await ask(`${url}/go/tea`, 'LINK', 'ftp://example.com/'), refused);
  assert.deepEqual(await ask(`${url}/create`, 'POST', 'a: 1'), [200, 'a:1\r\nPost Successfully OK']);
  // The adapter's option allows one entry.
  assert.equal((await ask(`${url}/create`, 'POST', 'b: 1'))[0], 507);
});
const described = await readFile(schema, 'utf8');
for (const option of ['greeting', 'times', 'maxEntries'])
  assert.ok(described.includes(`"${option}"`), option);
console.log('plugins and an adapter of others serve, and the schema has their options');
