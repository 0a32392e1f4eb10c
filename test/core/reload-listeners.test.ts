/** Reloads of listeners and their certificates, and reloads during a start or a stop. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import type tls from 'node:tls';
import test from 'ava';
import { plainSource } from '../../core/config/config-file.js';
import { createServer, definePlugin, type ServerConfig } from '../../core/index.js';
import { ONE, TWO } from '../support/certificates.js';
import { RawClient } from '../support/raw-client.js';
import { GET_WHO, who } from '../support/who.js';
import { deadPort } from './client/canned-server.js';
import { gate, IN_MEMORY, lively, serverOf } from './reloadable.js';
import { tempFolder } from './temp-folder.js';

test('a new listener is opened and a removed one closed, and its open connections continue', async (t) => {
  const folder = await tempFolder(t);
  const source = plainSource(folder);
  const a = lively('a', []);
  const { server } = serverOf(t, { plugins: [a] });
  const { port } = await server.listen();
  const socket = net.connect(port, '127.0.0.1');
  t.teardown(() => void socket.destroy());
  const ask = async (over: net.Socket): Promise<string> => {
    over.write('GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const [octets]: Buffer[] = await once(over, 'data');
    return String(octets);
  };
  t.true((await ask(socket)).endsWith('a0 1'));
  const listen = [{ socket: 'new.sock' }];
  await server.reload({ ...IN_MEMORY, listen, plugins: [a] }, source);
  t.deepEqual(
    server.addresses.map(({ url }) => url),
    [`unix:${path.join(folder, 'new.sock')}`],
  );
  t.true((await ask(socket)).endsWith('a0 2'));
  const other = net.connect(path.join(folder, 'new.sock'));
  t.teardown(() => void other.destroy());
  t.true((await ask(other)).endsWith('a0 3'));
  const refused = net.connect(port, '127.0.0.1');
  const [error]: NodeJS.ErrnoException[] = await once(refused, 'error');
  t.is(error?.code, 'ECONNREFUSED');
});

test('new connections get the certificates of the new configuration; a wrong certificate changes nothing', async (t) => {
  const subjectOf = ({ socket }: RawClient): string =>
    String((socket as tls.TLSSocket).getPeerCertificate().subject.CN);
  const config = (secrets: typeof ONE | typeof TWO | { cert: string; key: string }) => ({
    ...IN_MEMORY,
    listen: { port: 0, tls: secrets },
    plugins: [who],
  });
  const { server } = serverOf(t, config(ONE));
  const { port } = await server.listen();
  const open = await RawClient.secure(t, { port });
  await server.reload(config(TWO));
  t.is(subjectOf(await RawClient.secure(t, { port })), 'jackfield test two');
  await t.throwsAsync(server.reload(config({ cert: ONE.cert, key: TWO.key })), { code: 'TLS_INVALID' });
  await t.throwsAsync(server.reload({ ...config(ONE), listen: { port: 0 } }), {
    code: 'RELOAD_NEEDS_RESTART',
  });
  t.is(subjectOf(await RawClient.secure(t, { port })), 'jackfield test two');
  open.send(GET_WHO);
  t.deepEqual(await open.answers(1), ['200']);
  t.is(subjectOf(open), 'jackfield test one');
});

test('adding or removing an authority applies to new connections, also with an old session', async (t) => {
  const config = (more: object) => ({
    ...IN_MEMORY,
    listen: { port: 0, tls: { ...ONE, ...more } },
    plugins: [who],
  });
  const { server } = serverOf(t, config({}));
  const { port } = await server.listen();
  const open = await RawClient.secure(t, { port, maxVersion: 'TLSv1.2' });
  const session = (open.socket as tls.TLSSocket).getSession();
  const resumed = async (): Promise<boolean> => {
    const peer = await RawClient.secure(t, { port, maxVersion: 'TLSv1.2', session });
    return (peer.socket as tls.TLSSocket).isSessionReused();
  };
  t.true(await resumed());
  // A change that does not concern TLS keeps sessions.
  await server.reload({ ...config({}), allowedHosts: '*' });
  t.true(await resumed());
  await server.reload(config({ ca: TWO.cert }));
  const refused = await RawClient.secure(t, { port, maxVersion: 'TLSv1.3' });
  refused.send(GET_WHO);
  await refused.gone();
  t.is(refused.unread, '');
  await t.throwsAsync(resumed());
  const known = await RawClient.secure(t, { port, ...TWO });
  known.send(GET_WHO);
  t.deepEqual(await known.answers(1), ['200']);
  open.send(GET_WHO);
  t.deepEqual(await open.answers(1), ['200']);
  await server.reload(config({}));
  const anybody = await RawClient.secure(t, { port });
  anybody.send(GET_WHO);
  t.deepEqual(await anybody.answers(1), ['200']);
});

test('connections that a removed listener has accepted can finish, even in the middle of their handshake', async (t) => {
  const counting = definePlugin({
    name: 'counting',
    setup: ({ handle, stats }) => handle('GET', '/count', () => String(stats().connections)),
  });
  const plugins = [who, counting];
  const { server, get } = serverOf(t, { listen: { port: 0, tls: ONE }, plugins });
  const { port } = await server.listen();
  const [first, second] = [await RawClient.to(t, { port }), await RawClient.to(t, { port })];
  // Those two, and the one that asks.
  while ((await get('/count')) !== '3') await new Promise(setImmediate);
  const listen = { port: 0, host: '127.0.0.2' };
  await server.reload({ ...IN_MEMORY, listen, plugins });
  await server.reload({ ...IN_MEMORY, listen, plugins, allowedHosts: '*' });
  const peer = await RawClient.secure(t, { socket: first.socket });
  peer.send(GET_WHO);
  t.deepEqual(await peer.answers(1), ['200']);
  // A stop does not wait for the other connection.
  await server.close();
  await second.closed();
});

test('a listener that cannot be opened changes nothing', async (t) => {
  const life: string[] = [];
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => void taken.close());
  const { port } = taken.address() as net.AddressInfo;
  const [a, b] = [lively('a', life), lively('b', life)];
  const { server, get } = serverOf(t, { plugins: [a] });
  const first = await server.listen();
  await t.throwsAsync(server.reload({ ...IN_MEMORY, listen: [{ port: 0 }, { port }], plugins: [b] }), {
    code: 'PORT_IN_USE',
  });
  t.deepEqual(
    life.filter((line) => line.startsWith('b')),
    ['b0 up', 'b0 told', 'b0 closed'],
  );
  t.is(await get('/a'), 'a0 1');
  t.deepEqual(server.addresses, [first]);
});

test('a server that closes during a reload closes everything once', async (t) => {
  const life: string[] = [];
  const hold = gate();
  const [a, slow] = [lively('a', life), lively('slow', life, () => hold.opened)];
  const { server } = serverOf(t, { plugins: [a] });
  await server.ready();
  const reloading = server.reload({ ...IN_MEMORY, plugins: [slow] });
  while (!life.includes('slow0 up')) await new Promise(setImmediate);
  const closing = server.close();
  hold.open();
  await t.throwsAsync(reloading, { code: 'SERVER_CLOSING' });
  await closing;
  t.deepEqual(
    life.filter((line) => line.endsWith('closed')),
    ['slow0 closed', 'a0 closed'],
  );
  await t.throwsAsync(server.reload(IN_MEMORY), { code: 'SERVER_CLOSING' });
});

test('a reload and a listen at once: it listens only on the addresses of the new configuration', async (t) => {
  const folder = await tempFolder(t);
  const source = plainSource(folder);
  const at = (name: string): ServerConfig => ({ storage: 'memory', listen: { socket: name } });
  for (const first of ['listen', 'reload'] as const) {
    const server = createServer(at('old.sock'), { source });
    t.teardown(() => server.close());
    await server.ready();
    const steps = {
      listen: () => server.listen(),
      reload: () => server.reload(at('new.sock'), source),
    };
    await Promise.all([steps[first](), steps[first === 'listen' ? 'reload' : 'listen']()]);
    t.deepEqual(
      server.addresses.map(({ socket }) => socket),
      [path.join(folder, 'new.sock')],
    );
    t.deepEqual(await readdir(folder), ['new.sock']);
    await server.close();
    t.deepEqual(await readdir(folder), []);
  }
});

test('if a stop ends a reload, clients of its new listeners are disconnected too', async (t) => {
  const life: string[] = [];
  const { server } = serverOf(t, { plugins: [] });
  await server.listen();
  const port = await deadPort();
  const hold = gate();
  const [slow] = [lively('slow', life, () => hold.opened)];
  // The lookup of a name takes a turn of the event loop; then the listener before it is open.
  const listen = [{ port: 0 }, { port }, { host: 'localhost', port: 0 }];
  const reloading = server.reload({ ...IN_MEMORY, listen, plugins: [slow] });
  while (!life.includes('slow0 up')) await new Promise(setImmediate);
  hold.open();
  let client: net.Socket | undefined;
  while (client === undefined) {
    const socket = net.connect(port, '127.0.0.1');
    client = await once(socket, 'connect').then(
      () => socket,
      () => undefined,
    );
  }
  const gone = once(client.resume(), 'close');
  await Promise.all([server.close(), reloading.catch(() => {})]);
  await gone;
  t.pass();
});

test('a reload during a stop is refused', async (t) => {
  const [begun, answer] = [gate(), gate()];
  const slow = lively('slow', [], ({ handle }) =>
    handle('GET', '/wait', async () => {
      begun.open();
      await answer.opened;
      return 'answered';
    }),
  );
  const { server, get } = serverOf(t, { plugins: [slow] });
  const waiting = get('/wait');
  await begun.opened;
  const closing = server.close();
  await t.throwsAsync(server.reload(IN_MEMORY), { code: 'SERVER_CLOSING' });
  answer.open();
  t.is(await waiting, 'answered');
  await closing;
});
