/** The life of a stream: clients that are silent, slow or gone, lost connections, and servers that stop. */
import net from 'node:net';
import test from 'ava';
import { StorageError, type WatchedChange } from '../../core/storage/contract.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import { request } from '../support/raw-client.js';
import { Counted, changeFrom, polled, watched } from './watched.js';

test('without changes there are heartbeats, with the position of the client', async (t) => {
  const { connect, put } = await watched(t, new MemoryAdapter(), { heartbeatMs: 20 });
  const client = await connect('?prefix=in');
  t.like(await client.next(), { id: '0', event: 'position', data: '{"revision":0}' });
  t.deepEqual(await client.next(), { comment: true });
  await put('out', 'x');
  for (;;) {
    const event = await client.next();
    if (event?.comment !== true) {
      t.deepEqual(event, { id: '1', event: 'position', data: '{"revision":1}' });
      break;
    }
  }
});

test('a client of a quiet prefix gets heartbeats while others write all the time', async (t) => {
  const { connect, adapter } = await watched(t, new MemoryAdapter(), { heartbeatMs: 20 });
  const client = await connect('?prefix=in');
  await client.next();
  let isOver = false;
  const writing = (async () => {
    while (!isOver) {
      adapter.commit({ puts: [{ key: 'out', value: 'x' }] });
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  const seen: number[] = [];
  while (seen.length < 2) {
    const event = await client.next();
    if (event?.comment !== true) seen.push(Number(event?.id));
  }
  isOver = true;
  await writing;
  t.true(seen[0]! > 0 && seen[1]! > seen[0]!, seen.join());
});

test('if a client ends its direction, its stream ends at once and complete', async (t) => {
  const store = new Counted();
  // No heartbeat within this test.
  const { port } = await watched(t, store, { heartbeatMs: 3_600_000 });
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  t.teardown(() => socket.destroy());
  socket.write(request('GET /watch'));
  let got = '';
  for await (const part of socket) {
    got += part;
    if (got.includes('id: 0') && !socket.writableEnded) {
      t.is(store.readers, 1);
      socket.end();
    }
  }
  // The last chunk, and then the end of the connection.
  t.regex(got, /\r\n0\r\n\r\n$/);
  t.is(store.readers, 0);
});

test('a client that ends its direction with its request is answered, and leaves no reader behind', async (t) => {
  const store = new Counted();
  const { port } = await watched(t, store, { heartbeatMs: 3_600_000 });
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  socket.end(request('GET /watch'));
  let got = '';
  for await (const part of socket) got += part;
  t.regex(got, /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n0\r\n\r\n$/);
  t.is(store.readers, 0);
});

test('a client that is gone leaves no reader behind', async (t) => {
  const store = new Counted();
  const { connect } = await watched(t, store, { heartbeatMs: 3_600_000 });
  const client = await connect();
  await client.next();
  t.is(store.readers, 1);
  client.close();
  await polled(() => store.readers === 0);
  t.pass();
});

test('HEAD is answered and leaves no reader behind', async (t) => {
  const store = new Counted();
  const { url } = await watched(t, store);
  const { status, headers } = await fetch(url, { method: 'HEAD' });
  t.is(status, 200);
  t.is(headers.get('content-type'), 'text/event-stream');
  await polled(() => store.readers === 0);
});

test('changes are not buffered for a client that does not read, and it loses none', async (t) => {
  class Long extends Counted {
    constructor() {
      super({ historyOctets: 1_000_000_000 });
    }
  }
  const store = new Long();
  const { port, put } = await watched(t, store);
  const socket = net.connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.write(request('GET /watch?after=0'));
  await polled(() => store.readers === 1);
  const CHANGES = 400;
  for (let n = 0; n < CHANGES; n += 1) await put('a', `${n} ${'x'.repeat(100_000)}`);
  // The plugin reads the feed until the buffers of the system are full, which takes some turns, and then stops.
  for (let before = -1, still = 0; still < 40; still = before === store.reads ? still + 1 : 0) {
    before = store.reads;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.true(store.reads < CHANGES / 2, `${store.reads} changes were read`);
  const ids: number[] = [];
  let rest = '';
  for await (const octets of socket) {
    rest += String(octets);
    // Only whole lines; the last one may still be arriving.
    const end = rest.lastIndexOf('\n') + 1;
    ids.push(...Array.from(rest.slice(0, end).matchAll(/^id: (\d+)-[0-9a-f]+$/gm), ([, id]) => Number(id)));
    rest = rest.slice(end);
    if (ids.at(-1) === CHANGES) break;
  }
  t.deepEqual(
    ids,
    Array.from({ length: CHANGES + 1 }, (_, n) => n),
  );
});

test('a stop ends the streams cleanly and does not wait for them', async (t) => {
  // Longer than a test may take: a stop that waited for the stream would not end here.
  const { server, connect } = await watched(t, new MemoryAdapter(), {
    limits: { shutdownTimeoutMs: 600_000 },
  });
  const client = await connect();
  await client.next();
  const closing = server.close();
  t.is(await client.next(), undefined);
  await closing;
});

test('the deadlines of handlers and requests do not apply to streams', async (t) => {
  const limits = { handlerTimeoutMs: 1_000, requestTimeoutMs: 1_000, writeTimeoutMs: 1_000 };
  const { connect, put } = await watched(t, new MemoryAdapter(), { heartbeatMs: 400, limits });
  const client = await connect();
  await client.next();
  // Deadlines are checked once a second.
  for (let signs = 0; signs < 10; signs += 1) t.deepEqual(await client.next(), { comment: true });
  await put('a', '1');
  t.is((await changeFrom(client)).revision, 1);
});

test('a feed that fails later sends a failure and ends; the client gets the status when it connects again', async (t) => {
  class Failing extends MemoryAdapter {
    override watch(after: number): AsyncIterable<WatchedChange> {
      const changes = super.watch(after);
      return {
        async *[Symbol.asyncIterator]() {
          for await (const change of changes) {
            yield change;
            throw new StorageError('STORAGE_UNAVAILABLE', 'lost');
          }
        },
      };
    }
  }
  const { connect, put } = await watched(t, new Failing());
  const client = await connect();
  await client.next();
  await put('a', '1');
  t.is((await changeFrom(client)).revision, 1);
  const failure = await client.until('failure');
  t.deepEqual(failure?.data, {
    code: 'STORAGE_UNAVAILABLE',
    status: 503,
    message: 'The store cannot be reached; nothing was changed.',
  });
  t.is(failure?.id, undefined, 'the client goes on from the last change');
  t.is(await client.next(), undefined);
});

test('many clients that often lose their connection under load see every change once, in order', async (t) => {
  const { connect, adapter } = await watched(t);
  const WRITES = 600;
  const CLIENTS = 4;
  const follow = async (at: number) => {
    const seen: number[] = [];
    let lastEventId: string | undefined;
    for (let round = 0; seen.length < WRITES; round += 1) {
      const client = await connect(lastEventId === undefined ? '?after=0' : '', lastEventId);
      // Cut the connection after a different number of changes each time, also after none.
      for (let take = (round * 7 + at) % 40; take > 0 && seen.length < WRITES; take -= 1) {
        const { revision, puts } = await changeFrom(client);
        t.is(puts.length, 2);
        t.true(puts.every((entry) => entry.revision === revision));
        seen.push(revision);
      }
      lastEventId = client.lastEventId ?? lastEventId;
      client.close();
    }
    return seen;
  };
  const following = Promise.all(Array.from({ length: CLIENTS }, (_, at) => follow(at)));
  for (let n = 0; n < WRITES; n += 1) {
    adapter.commit({
      puts: [
        { key: `one ${n % 9}`, value: `${n}` },
        { key: `other ${n % 9}`, value: `${n}` },
      ],
    });
    if (n % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const expected = Array.from({ length: WRITES }, (_, n) => n + 1);
  for (const seen of await following) t.deepEqual(seen, expected);
});
