import { access } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import test from 'ava';
import { JackfieldError } from '../../../core/errors.js';
import { RawClient } from '../../support/raw-client.js';
import { GET_WHO, serverOf } from '../../support/who.js';
import { deadPort } from '../client/canned-server.js';
import { tempFolder } from '../temp-folder.js';

/** Whether this machine can listen on `::1`. */
const hasIPv6 = await new Promise<boolean>((resolve) => {
  const probe = net.createServer();
  probe.on('error', () => resolve(false));
  probe.listen(0, '::1', () => probe.close(() => resolve(true)));
});
const withIPv6 = hasIPv6 ? test : test.skip;

test('a server listens on several addresses at once, and plugins need no change', async (t) => {
  const socket = path.join(await tempFolder(t), 'a.sock');
  const server = serverOf(t, { listen: [{ port: 0 }, { socket }, { port: 0, host: '127.0.0.2' }] });
  t.deepEqual(server.addresses, []);
  const first = await server.listen();
  const [one, two, three] = server.addresses;
  t.is(one, first);
  t.is(two?.socket, socket);
  t.is(three?.url, `http://127.0.0.2:${three?.port}`);
  for (const where of [
    { port: one?.port ?? 0, host: '127.0.0.1' },
    { path: socket },
    { port: three?.port ?? 0, host: '127.0.0.2' },
  ]) {
    const peer = await RawClient.to(t, where);
    peer.send(GET_WHO);
    await peer.receive('200 OK');
  }
  await server.close();
  await t.throwsAsync(RawClient.to(t, { port: first.port, host: '127.0.0.1' }), { code: 'ECONNREFUSED' });
});

test('if one of several listeners fails, none listens', async (t) => {
  const socket = path.join(await tempFolder(t), 'a.sock');
  const { port: taken } = await serverOf(t).listen();
  const free = await deadPort();
  const server = serverOf(t, { listen: [{ port: free }, { socket }, { port: taken }] });
  const error = await t.throwsAsync(server.listen(), { instanceOf: JackfieldError });
  t.is(error?.code, 'PORT_IN_USE');
  t.deepEqual(server.addresses, []);
  await t.throwsAsync(RawClient.to(t, { port: free, host: '127.0.0.1' }), { code: 'ECONNREFUSED' });
  await t.throwsAsync(access(socket), { code: 'ENOENT' });
});

withIPv6('"::" takes IPv4 too, and an IPv4 client keeps its IPv4 address', async (t) => {
  const { port, url } = await serverOf(t, { listen: { host: '::', port: 0 } }).listen();
  t.is(url, `http://[::]:${port}`);
  for (const host of ['127.0.0.1', '::1']) {
    const peer = await RawClient.to(t, { port, host });
    peer.send(GET_WHO);
    await peer.receive(`"remoteAddress":"${host}"`);
  }
});

test('a server listens on every address of a name, at one port', async (t) => {
  const server = serverOf(t, { listen: { host: 'localhost', port: 0 } });
  const { port } = await server.listen();
  t.true(server.addresses.length >= 1);
  for (const { host, port: own } of server.addresses) {
    t.is(own, port);
    const peer = await RawClient.to(t, { port, host });
    peer.send(GET_WHO);
    await peer.receive(`"remoteAddress":"${host}"`);
  }
});

test('an unknown name and an address of another machine are reported', async (t) => {
  for (const host of ['name.invalid', '192.0.2.1']) {
    const error = await t.throwsAsync(serverOf(t, { listen: { host, port: 0 } }).listen(), {
      instanceOf: JackfieldError,
    });
    t.is(error?.code, 'ADDRESS_NOT_AVAILABLE', host);
    t.true(error?.message.includes(`${host}.`), error?.message);
  }
});
