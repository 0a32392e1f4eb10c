/** From JavaScript, without types and without a compiler: a function, a class, an adapter in a file, a test. */
import assert from 'node:assert/strict';
import { createServer } from 'jackfield';
import { testPlugin } from 'jackfield/testing';

function hello({ handle }) {
  handle('HELLO', '/:name', ({ params }) => `hello ${params.name}`);
}

const server = createServer({ storage: 'memory', plugins: ['get', hello] });
assert.equal((await server.inject({ method: 'HELLO', target: '/you' })).text, 'hello you');
assert.equal((await server.inject()).text, 'No data in DB');
await server.close();

const { inject, report, close } = await testPlugin(hello, { prefix: '/de' });
assert.deepEqual(report.claims, [{ method: 'HELLO', pattern: '/de/:name' }]);
assert.equal((await inject({ method: 'HELLO', target: '/de/du' })).text, 'hello du');
await close();
console.log('JavaScript needs nothing else');
