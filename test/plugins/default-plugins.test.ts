/** Removes each default plugin in turn: its methods and paths are gone, and nothing else. */
import test, { type ExecutionContext } from 'ava';
import { definePlugin } from '../../core/api/plugin.js';
import { RawClient } from '../support/raw-client.js';
import { classicRequest } from '../transcript/classic-request.js';
import { listing, pluginsWithout, type Server, served } from './served.js';

const without = (t: ExecutionContext, name: string) => served(t, { plugins: pluginsWithout(name) });

async function isNotAllowed(
  t: ExecutionContext,
  server: Server,
  method: string,
  target: string,
): Promise<void> {
  const { status, text, headers } = await server.inject({ method, target });
  t.is(status, 405, `${method} ${target}`);
  // An empty Allow would be allowed too: RFC 9110 §15.5.6 requires the field, §10.2.1 allows an empty one.
  t.is(typeof headers.allow, 'string', `${method} ${target}`);
  t.false(String(headers.allow).split(', ').includes(method), `${method} ${target}`);
  t.is(text, method === 'HEAD' ? '' : `Method not allowed: ${method}`);
}

async function keepsListing(t: ExecutionContext, server: Server): Promise<void> {
  t.is(await listing(server), 'No data in DB');
}

test('with all of them, a method that none registers is 405', async (t) => {
  const server = await served(t);
  for (const target of ['/', '/create', '/nothing']) await isNotAllowed(t, server, 'PRRT', target);
});

for (const [name, method, path] of [
  ['post', 'POST', '/create'],
  ['put', 'PUT', '/update'],
] as const) {
  test(`without ${name}, ${method} is 405, also at ${path}`, async (t) => {
    const server = await without(t, name);
    await isNotAllowed(t, server, method, '/');
    t.is((await server.inject({ method, target: path, body: 'a: 1' })).status, 405);
    await keepsListing(t, server);
  });
}

test('without get, GET and HEAD of the root are 405', async (t) => {
  const server = await without(t, 'get');
  await isNotAllowed(t, server, 'GET', '/');
  await isNotAllowed(t, server, 'HEAD', '/');
  t.is((await server.inject({ method: 'POST', target: '/create', body: 'a: 1' })).status, 200);
});

test('without head, HEAD is 405', async (t) => {
  const server = await without(t, 'head');
  await isNotAllowed(t, server, 'HEAD', '/');
  await keepsListing(t, server);
});

for (const [name, method, sentence] of [
  ['create', 'POST', 'Create mode is not configured'],
  ['update', 'PUT', 'Update mode is not configured'],
] as const) {
  test(`without ${name}, /${name} does not exist`, async (t) => {
    const server = await without(t, name);
    t.is((await server.inject({ method: 'GET', target: `/${name}` })).status, 404);
    const answer = await server.inject({ method, target: `/${name}`, body: 'a: 1' });
    t.is(answer.status, 404);
    t.is(answer.text, sentence);
    t.is(answer.headers.allow, undefined);
    await keepsListing(t, server);
  });
}

test('without end, END is 405', async (t) => {
  const server = await without(t, 'end');
  await isNotAllowed(t, server, 'END', '/');
  await keepsListing(t, server);
});

test('without classic, a classic address is refused and standard requests are answered', async (t) => {
  const server = await without(t, 'classic');
  const { port } = await server.listen();
  const classic = await RawClient.connect(port);
  classic.send(classicRequest('GET', '127.0.0.1/'));
  t.regex((await classic.next()) ?? '', /^HTTP\/1\.1 400 Bad Request\r\n/);
  classic.destroy();
  const standard = await RawClient.connect(port);
  standard.send('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  t.regex((await standard.next()) ?? '', /^HTTP\/1\.1 200 OK\r\n/);
  standard.destroy();
});

/** Handles the requests of `create` in its own way. */
const mine = definePlugin({
  name: 'mine',
  setup({ handle, storage }) {
    handle('POST', '/create', async (request) => {
      await storage.commit({ puts: [{ key: 'mine', value: await request.text() }] });
      return { status: 201, body: 'stored' };
    });
  },
});

test('a user’s plugin can replace create, for standard and classic clients', async (t) => {
  const server = await served(t, { plugins: pluginsWithout('create', mine) });
  const { status, text } = await server.inject({ method: 'POST', target: '/create', body: 'anything' });
  t.deepEqual([status, text], [201, 'stored']);
  t.is(await listing(server), 'The data in DB is as follows. \n\nmine:anything');

  const { port } = await server.listen();
  const client = await RawClient.connect(port);
  t.teardown(() => client.destroy());
  client.send(classicRequest('POST', '127.0.0.1/create', 'other'));
  t.regex((await client.next()) ?? '', /^HTTP\/1\.1 201 CREATED\r\n/);
  t.is(await listing(server), 'The data in DB is as follows. \n\nmine:other');
});

test('a user’s plugin that names a method comes before create, which handles all methods', async (t) => {
  const server = await served(t, { plugins: pluginsWithout('', mine) });
  t.is((await server.inject({ method: 'POST', target: '/create', body: 'x' })).text, 'stored');
  const { text } = await server.inject({ method: 'PUT', target: '/create', body: 'x' });
  t.is(text, 'Select the appropriate method(Create mode => POST)');
});
