import diagnostics from 'node:diagnostics_channel';
import type net from 'node:net';
import test from 'ava';
import { WireConnection } from '../../../core/client/wire-connection.js';
import { cannedServer } from './canned-server.js';

const REQUEST = Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
const MANNER = { method: 'GET', wire: 'standard' } as const;
const UNFRAMED = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nabc';

test.serial('RFC 9112 §8: a body without length that ends with a reset is not complete', async (t) => {
  const { port } = await cannedServer(t, (_, socket) => {
    socket.write(UNFRAMED);
    // After the client has read it: a reset may discard data that was not read.
    read.then(() => socket.resetAndDestroy());
  });
  const read = new Promise<void>((resolve) => {
    const seen = (message: unknown): void => {
      const { socket } = message as { socket: net.Socket };
      socket.once('data', () => resolve());
    };
    diagnostics.subscribe('net.client.socket', seen);
    t.teardown(() => diagnostics.unsubscribe('net.client.socket', seen));
  });
  const connection = await WireConnection.open({ port });
  const outcome = await connection.exchange(REQUEST, MANNER);
  t.is(outcome.kind, 'closed');
});

test.serial('a body without length that ends with a close is complete', async (t) => {
  const { port } = await cannedServer(t, (_, socket) => socket.end(UNFRAMED));
  const connection = await WireConnection.open({ port });
  const outcome = await connection.exchange(REQUEST, MANNER);
  t.is(outcome.kind, 'response');
});
