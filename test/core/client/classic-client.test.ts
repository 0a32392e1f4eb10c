import { once } from 'node:events';
import test from 'ava';
import { ClassicClient, classicRequestOctets } from '../../../core/client/classic-client.js';
import { JackfieldError } from '../../../core/errors.js';
import { cannedServer, classicAnswer, deadPort } from './canned-server.js';

const request = { method: 'POST', host: '127.0.0.1', path: 'create', body: 'ключ: 값' };

test('a request has the fields of the original client, and its length in octets', (t) => {
  t.is(
    classicRequestOctets(request).toString(),
    'POST / HTTP/1.1\r\nHost: 127.0.0.1/create\r\nContent-Type: text/html\r\nConnection: keep-alive\r\n' +
      'Content-Length: 13\r\n\r\nключ: 값',
  );
});

test('one line of a request may end in LF alone, as in the original client', (t) => {
  const request = { method: 'GET', host: '127.0.0.1', path: '', body: '' };
  const head = 'GET / HTTP/1.1\r\nHost: 127.0.0.1/\r\nContent-Type: text/html\r\nConnection: keep-alive';
  for (const [line, octets] of [
    ['connection', `${head}\nContent-Length: 0\r\n\r\n`],
    ['content-length', `${head}\r\nContent-Length: 0\n\r\n`],
    ['empty-line', `${head}\r\nContent-Length: 0\r\n\n`],
  ] as const) {
    t.is(classicRequestOctets(request, line).toString(), octets);
    t.is(octets.length, 103, 'as in the published capture');
  }
});

test('an answer that arrives octet by octet is read completely', async (t) => {
  const answer = classicAnswer(200, 'OK', '127.0.0.1/create', 'ключ:값');
  const { port } = await cannedServer(t, async (_request, socket) => {
    socket.setNoDelay(true);
    for (const octet of Buffer.from(answer)) {
      await new Promise<void>((resolve) => socket.write(new Uint8Array([octet]), () => resolve()));
    }
  });
  const client = await ClassicClient.connect({ port });
  const outcome = await client.exchange(request);
  client.close();
  t.is(outcome.kind, 'response');
  t.is(outcome.octets.toString(), answer);
  t.is(outcome.kind === 'response' && outcome.response.body.toString(), 'ключ:값');
});

test('several exchanges use one connection', async (t) => {
  const { port, received } = await cannedServer(t, (_request, socket, count) => {
    socket.write(classicAnswer(200, 'OK', '127.0.0.1/', `answer ${count}`));
  });
  const client = await ClassicClient.connect({ port });
  for (let count = 0; count < 3; count++) {
    const outcome = await client.exchange({ ...request, body: `${count}` });
    t.is(outcome.kind === 'response' && outcome.response.body.toString(), `answer ${count}`);
  }
  client.close();
  t.is(received.length, 1);
});

test('a connection that closes is an outcome, with the octets received before', async (t) => {
  const { port } = await cannedServer(t, (_request, socket, count) => {
    if (count === 0) socket.end();
    else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi');
  });
  for (const octets of ['', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi']) {
    const client = await ClassicClient.connect({ port });
    t.deepEqual(await client.exchange(request), { kind: 'closed', octets: Buffer.from(octets) });
    // The connection is closed, so the next exchange is answered at once.
    t.is((await client.exchange(request)).kind, 'closed');
    client.close();
  }
});

test('an exchange without an answer times out', async (t) => {
  const { port } = await cannedServer(t, () => {});
  // Connecting has the same deadline; on loopback it takes far less.
  const hasty = await ClassicClient.connect({ port, timeoutMs: 500 });
  t.deepEqual(await hasty.exchange(request), { kind: 'timeout', afterMs: 500, octets: Buffer.alloc(0) });
  hasty.close();
});

test('a signal cancels the exchange in progress', async (t) => {
  const stop = new AbortController();
  const { port } = await cannedServer(t, () => stop.abort(new Error('enough')));
  const client = await ClassicClient.connect({ port, signal: stop.signal });
  await t.throwsAsync(client.exchange(request), { message: 'enough' });
  client.close();
  await t.throwsAsync(ClassicClient.connect({ port, signal: stop.signal }), { message: 'enough' });
});

test('octets after the answer are counted, and another protocol is reported', async (t) => {
  const { port } = await cannedServer(t, (_request, socket, count) => {
    socket.write(count === 0 ? `${classicAnswer(200, 'OK', 'h/', '')}more` : '220 ready\r\n');
  });
  const client = await ClassicClient.connect({ port });
  const outcome = await client.exchange(request);
  t.is(outcome.kind === 'response' && outcome.surplusOctets, 4);
  t.is((await client.exchange(request)).kind, 'malformed');
  client.close();
});

test('an unreachable server is SERVER_UNREACHABLE', async (t) => {
  const port = await deadPort();
  await t.throwsAsync(ClassicClient.connect({ port }), {
    instanceOf: JackfieldError,
    code: 'SERVER_UNREACHABLE',
    message: `The server cannot be reached: 127.0.0.1:${port}: nothing listens there.`,
  });
});

test('closing releases the socket', async (t) => {
  const closed = new Promise((resolve) => {
    cannedServer(t, (_request, socket) => {
      resolve(once(socket, 'close'));
      socket.write(classicAnswer(200, 'OK', 'h/', ''));
    }).then(async ({ port }) => {
      const client = await ClassicClient.connect({ port });
      await client.exchange(request);
      client.close();
    }, t.fail);
  });
  await closed;
  t.pass();
});
