import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, lstat, mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { plainSource } from '../../../core/config/config-file.js';
import { JackfieldError } from '../../../core/errors.js';
import { createServer } from '../../../core/server.js';
import { RawClient } from '../../support/raw-client.js';
import { GET_WHO, serverOf } from '../../support/who.js';
import { tempFolder } from '../temp-folder.js';

for (const sharedReadBuffer of [true, false]) {
  test(`a Unix socket is served, shared reads ${sharedReadBuffer}`, async (t) => {
    const socket = path.join(await tempFolder(t), 'a.sock');
    const server = serverOf(t, { listen: { socket, sharedReadBuffer } });
    t.deepEqual(await server.listen(), { host: '', port: 0, url: `unix:${socket}`, socket });
    t.deepEqual(server.addresses, [{ host: '', port: 0, url: `unix:${socket}`, socket }]);
    const peer = await RawClient.to(t, { path: socket });
    peer.send(GET_WHO);
    await peer.receive('{"remoteAddress":"","protocol":"http","host":"localhost"}');
    peer.socket.end();
    await peer.gone();
    t.is(peer.error, undefined);
    await server.close();
    await t.throwsAsync(access(socket), { code: 'ENOENT' });
  });
}

test('a relative path starts at the folder of the configuration', async (t) => {
  const folder = await tempFolder(t);
  const config = { listen: { socket: 'a.sock' }, storage: 'memory', plugins: [] };
  const server = createServer(config, { source: plainSource(folder) });
  t.teardown(() => server.close());
  t.is((await server.listen()).socket, path.join(folder, 'a.sock'));
});

test('owner and group may connect, or the users that socketMode allows', async (t) => {
  const folder = await tempFolder(t);
  const usual = path.join(folder, 'usual.sock');
  const own = path.join(folder, 'own.sock');
  await serverOf(t, { listen: [{ socket: usual }, { socket: own, socketMode: '600' }] }).listen();
  t.is((await lstat(usual)).mode & 0o777, 0o660);
  t.is((await lstat(own)).mode & 0o777, 0o600);
});

test('a socket that a killed process left behind is replaced', async (t) => {
  const socket = path.join(await tempFolder(t), 'a.sock');
  const child = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(process.argv[1], () => console.log('listening'))`,
    socket,
  ]);
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
  t.true((await lstat(socket)).isSocket());

  await serverOf(t, { listen: { socket } }).listen();
  const peer = await RawClient.to(t, { path: socket });
  peer.send(GET_WHO);
  await peer.receive('200 OK');
});

test('a socket with a live server is left alone', async (t) => {
  const socket = path.join(await tempFolder(t), 'a.sock');
  await serverOf(t, { listen: { socket } }).listen();
  const error = await t.throwsAsync(serverOf(t, { listen: { socket } }).listen(), {
    instanceOf: JackfieldError,
  });
  t.is(error?.code, 'SOCKET_IN_USE');
  t.is(
    error?.message,
    `The Unix socket is in use: ${socket}. Stop the program that listens there, or choose another path with "listen.socket".`,
  );
  const peer = await RawClient.to(t, { path: socket });
  peer.send(GET_WHO);
  await peer.receive('200 OK');
});

test('any other file in place of the socket stays', async (t) => {
  const folder = await tempFolder(t, { 'a.txt': 'precious' });
  await mkdir(path.join(folder, 'folder'));
  await symlink('nowhere', path.join(folder, 'link'));
  for (const name of ['a.txt', 'folder', 'link']) {
    const socket = path.join(folder, name);
    const error = await t.throwsAsync(serverOf(t, { listen: { socket } }).listen(), {
      instanceOf: JackfieldError,
    });
    t.is(error?.code, 'SOCKET_UNAVAILABLE', name);
    t.regex(error?.message ?? '', /The path is a file that is not a socket\.$/);
    await t.notThrowsAsync(lstat(socket));
  }
});

test('a missing folder and a path that is too long are reported', async (t) => {
  const folder = await tempFolder(t);
  const missing = path.join(folder, 'none', 'a.sock');
  const long = path.join(folder, 'x'.repeat(120));
  const sentences = {
    [missing]: 'Its folder must exist, and this user must have write permission.',
    [long]: `The path has ${Buffer.byteLength(long)} octets; the system allows`,
  };
  for (const [socket, sentence] of Object.entries(sentences)) {
    const error = await t.throwsAsync(serverOf(t, { listen: { socket } }).listen(), {
      instanceOf: JackfieldError,
    });
    t.is(error?.code, 'SOCKET_UNAVAILABLE');
    t.true(error?.message.includes(sentence), error?.message);
  }
});

test('the peer of a Unix socket counts as local', async (t) => {
  const socket = path.join(await tempFolder(t), 'a.sock');
  const server = serverOf(t, { listen: { socket }, plugins: ['end'] });
  await server.listen();
  const peer = await RawClient.to(t, { path: socket });
  peer.send('END / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  t.deepEqual(await peer.answers(1), ['204']);
  await server.closed;
});
