import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createServer, readConfig, type Server } from 'jackfield';

/** The server of the configuration file, with its own store and without a socket. */
async function serverOf(file: string): Promise<Server> {
  const { config, source } = await readConfig(file);
  return createServer({ ...config, storage: 'memory' }, { source });
}

test('it greets the name in the path, and stores entries', async (t) => {
  const server = await serverOf('jackfield.config.json');
  t.after(() => server.close());
  const greeted = await server.inject({ method: 'GREET', target: '/Ada' });
  assert.deepEqual([greeted.status, greeted.text], [200, 'Welcome, Ada!\n']);
  await server.inject({ method: 'POST', target: '/create', body: 'tea: green' });
  const { text } = await server.inject({ target: '/', headers: { Accept: 'application/json' } });
  assert.deepEqual(JSON.parse(text), { tea: 'green' });
});
