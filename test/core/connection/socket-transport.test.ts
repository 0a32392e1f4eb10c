/** Both read paths side by side: the behaviour at the ends of the socket is the same. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';
import type { PluginContext } from '../../../core/api/plugin.js';
import type { ServerConfig } from '../../../core/config/server-config.js';
import { RawClient } from '../../support/raw-client.js';
import { GET_WHO, KeptLog, serverOf, who } from '../../support/who.js';

const HOST = '127.0.0.1';
const LARGE = 8_000_000;

const body = {
  name: 'body',
  setup({ handle }: PluginContext) {
    handle('POST', '/count', async (request) => String((await request.bytes()).length));
    handle('POST', '/slow', async (request) => {
      let octets = 0;
      for await (const part of request.body) {
        octets += part.length;
        // Others are read meanwhile, into the same buffer if it is shared.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return String(octets);
    });
    handle('POST', '/copy', async (request) => ({ body: await request.bytes() }));
    handle('GET', '/large', () => 'x'.repeat(LARGE));
    // Short text and bytes in turn: they reach the socket on different ways and must stay in order.
    handle('GET', '/nth/:n', ({ params: { n } }) => {
      const text = `<${n}>${'-'.repeat(3_000)}`;
      return Number(n) % 100 === 0 ? Buffer.from(text) : text;
    });
  },
};

for (const sharedReadBuffer of [true, false]) {
  const path = sharedReadBuffer ? 'shared' : 'portable';
  const config: ServerConfig = {
    listen: { port: 0, sharedReadBuffer },
    plugins: [who, body],
    limits: { maxBodyOctets: LARGE },
  };

  test(`${path}: a client that ends its sending side after the request is answered`, async (t) => {
    const { port } = await serverOf(t, config).listen();
    const peer = await RawClient.to(t, { port, host: HOST });
    peer.socket.end(GET_WHO + GET_WHO);
    await peer.gone();
    t.deepEqual(await peer.answers(2), ['200', '200']);
    t.is(peer.error, undefined);
  });

  test(`${path}: a client that ends its sending side without a request is closed`, async (t) => {
    const { port } = await serverOf(t, config).listen();
    const peer = await RawClient.to(t, { port, host: HOST });
    peer.socket.end();
    await peer.gone();
    t.is(peer.unread, '');
    t.is(peer.error, undefined);
  });

  test(`${path}: the last answer is complete even if more octets arrive after its request`, async (t) => {
    const { port } = await serverOf(t, config).listen();
    const peer = await RawClient.to(t, { port, host: HOST });
    peer.send(`GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n${'x'.repeat(100_000)}`);
    await peer.closed();
    peer.socket.end();
    await peer.gone();
    t.is(peer.unread.length - peer.unread.indexOf('\r\n\r\n') - 4, LARGE);
    t.is(peer.error, undefined);
  });

  test(`${path}: reading waits for a handler that reads slowly, and loses nothing`, async (t) => {
    const { port } = await serverOf(t, config).listen();
    const peers = await Promise.all([1, 2, 3].map(() => RawClient.to(t, { port, host: HOST })));
    for (const peer of peers) {
      peer.send(`POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${LARGE}\r\n\r\n`);
      peer.send('x'.repeat(LARGE));
    }
    for (const peer of peers) await peer.receive(`\r\n\r\n${LARGE}`);
    t.pass();
  });

  test(`${path}: octets are echoed unchanged while each side waits for the other`, async (t) => {
    const { port } = await serverOf(t, config).listen();
    const sent = Array.from({ length: 200_000 }, (_, at) => `${at},`).join('');
    const peer = await RawClient.to(t, { port, host: HOST });
    peer.send(`POST /copy HTTP/1.0\r\nHost: localhost\r\nContent-Length: ${sent.length}\r\n\r\n${sent}`);
    await peer.closed();
    t.true(peer.unread.endsWith(`\r\n\r\n${sent}`));
  });

  test(`${path}: octets that wait for an answer outlive their read buffer`, async (t) => {
    const { port } = await serverOf(t, config).listen();
    const peers = await Promise.all([1, 2, 3, 4].map(() => RawClient.to(t, { port, host: HOST })));
    for (const [at, peer] of peers.entries()) {
      const text = String(at).repeat(1_000 + at);
      peer.send(
        `POST /slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${text.length}\r\n\r\n${text}`.repeat(20),
      );
    }
    for (const [at, peer] of peers.entries()) {
      await peer.answers(20);
      t.is(peer.unread.split(`\r\n\r\n${1_000 + at}`).length, 21);
    }
  });

  test(`${path}: thousands of answers to a peer that reads late arrive complete and in order`, async (t) => {
    const { port } = await serverOf(t, config).listen();
    const peer = await RawClient.to(t, { port, host: HOST });
    const count = 4_000;
    peer.socket.pause();
    // Another connection is served in between, so that each read has few requests and answers are short.
    const other = await RawClient.to(t, { port, host: HOST });
    for (let n = 0; n < count; n++) {
      const close = n === count - 1 ? 'Connection: close\r\n' : '';
      peer.send(`GET /nth/${n} HTTP/1.1\r\nHost: localhost\r\n${close}\r\n`);
      if (n % 4 !== 0) continue;
      other.skip(other.unread.length);
      other.send(GET_WHO);
      await other.answers(1);
    }
    peer.socket.resume();
    await peer.closed();
    const order = [...peer.unread.matchAll(/<(\d+)>-{3000}/g)].map(([, n]) => Number(n));
    t.deepEqual(
      order,
      Array.from({ length: count }, (_, n) => n),
    );
  });

  test(`${path}: a reset by a peer that has read nothing leaves nothing open`, async (t) => {
    const log = new KeptLog();
    const server = serverOf(t, config, log);
    const { port } = await server.listen();
    const peer = await RawClient.to(t, { port, host: HOST });
    peer.socket.pause();
    for (let n = 0; n < 4_000; n++) peer.send(`GET /nth/${n} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const other = await RawClient.to(t, { port, host: HOST });
    for (let n = 1; n <= 50; n++) {
      other.send(GET_WHO);
      await other.answers(n);
    }
    peer.socket.resetAndDestroy();
    other.socket.end();
    await server.close();
    t.deepEqual(
      log.lines.filter(({ level }) => level === 'error'),
      [],
    );
  });

  test(`${path}: a reset in the middle costs only that connection`, async (t) => {
    const log = new KeptLog();
    const { port } = await serverOf(t, config, log).listen();
    const peer = await RawClient.to(t, { port, host: HOST });
    peer.send(`POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${LARGE}\r\n\r\nabc`);
    const other = await RawClient.to(t, { port, host: HOST });
    other.send(GET_WHO);
    await other.receive('200 OK');
    peer.socket.resetAndDestroy();
    other.send(GET_WHO);
    t.deepEqual(await other.answers(2), ['200', '200']);
    t.deepEqual(
      log.lines.filter(({ level }) => level === 'error'),
      [],
    );
  });

  test(`${path}: a stop waits for exchanges in progress and leaves nothing open`, async (t) => {
    const server = serverOf(t, config);
    const { port } = await server.listen();
    const idle = await RawClient.to(t, { port, host: HOST });
    idle.send(GET_WHO);
    await idle.receive('200 OK');
    const busy = await RawClient.to(t, { port, host: HOST });
    busy.send('POST /count HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab');
    const next = await RawClient.to(t, { port, host: HOST });
    next.send(GET_WHO);
    await next.receive('200 OK');
    const closed = server.close();
    await idle.closed();
    busy.send('cd');
    await busy.receive('\r\n\r\n4');
    busy.socket.end();
    await closed;
    t.true(busy.unread.includes('Connection: close'));
  });

  test(`${path}: a peer that is gone before it is accepted never counts as local`, async (t) => {
    const server = serverOf(t, { ...config, plugins: ['end', who] });
    const { port } = await server.listen();
    // The server's event loop is blocked until the other process has sent, reset and ended.
    execFileSync(process.execPath, [
      '-e',
      `const socket = require('net').connect(${port}, '${HOST}', () =>
         socket.write('END / HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n', () => socket.resetAndDestroy()));`,
    ]);
    const peer = await RawClient.to(t, { port, host: HOST });
    peer.send(GET_WHO);
    t.deepEqual(await peer.answers(1), ['200']);
  });
}

test('on each path, the connection count of the listening socket stays right', async (t) => {
  for (const sharedReadBuffer of [true, false]) {
    const server = serverOf(t, {
      listen: { port: 0, sharedReadBuffer },
      limits: { maxConnections: 2 },
    });
    const { port } = await server.listen();
    for (let round = 0; round < 5; round++) {
      const peers = [
        await RawClient.to(t, { port, host: HOST }),
        await RawClient.to(t, { port, host: HOST }),
      ];
      for (const peer of peers) {
        peer.send(GET_WHO);
        await peer.receive('200 OK');
      }
      for (const { socket } of peers) {
        socket.end();
        await once(socket, 'close');
      }
    }
  }
  t.pass();
});
