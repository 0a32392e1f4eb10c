import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import type { ResponseValue } from '../../../core/api/answer.js';
import type { PluginContext } from '../../../core/api/plugin.js';
import { HttpError } from '../../../core/handlers/http-error.js';
import { loaded } from './loaded-transport.js';
import { logged, prepared, type Serving, serving, turns } from './serving.js';

const PIECE = Buffer.alloc(16_384, 'x');

/** Calls to a source. */
interface Calls {
  pulls: number;
  ends: number;
}

/** Endless sources of every kind; each counts its reads and its cancellations. */
const ENDLESS: Readonly<Record<string, (calls: Calls, part?: Uint8Array) => ResponseValue>> = {
  'an async generator': async function* (calls, part = PIECE) {
    try {
      for (;;) {
        calls.pulls++;
        yield part;
        await turns(1);
      }
    } finally {
      calls.ends++;
    }
  },
  'a custom async iterable': (calls, part = PIECE) => ({
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        calls.pulls++;
        await turns(1);
        return { done: false, value: part };
      },
      return: async () => {
        calls.ends++;
        return { done: true, value: undefined };
      },
    }),
  }),
  'a Node stream': (calls, part = PIECE) =>
    new Readable({
      read() {
        calls.pulls++;
        this.push(part);
      },
      destroy(error, done) {
        calls.ends++;
        done(error);
      },
    }),
  'a web stream': (calls, part = PIECE) => ({
    body: webStream(calls, part) as unknown as AsyncIterable<Uint8Array>,
  }),
  'a web Response': (calls, part = PIECE) => new Response(webStream(calls, part)),
};

function webStream(calls: Calls, part: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    pull: (controller) => {
      calls.pulls++;
      controller.enqueue(part);
    },
    cancel: () => {
      calls.ends++;
    },
  });
}

const get =
  (handler: Parameters<PluginContext['handle']>[2]) =>
  ({ handle }: PluginContext): void =>
    handle('GET', '/', handler);

const REQUEST = ['GET / HTTP/1.1'] as const;

async function wireTo(t: ExecutionContext, value: () => ResponseValue, options?: Serving) {
  return (await serving(t, get(value), options))();
}

for (const [kind, make] of Object.entries(ENDLESS)) {
  test(`${kind} is read no further than the buffers allow while the peer reads nothing`, async (t) => {
    const calls: Calls = { pulls: 0, ends: 0 };
    const { connection, peer } = loaded(() => make(calls), { maxBufferedOctets: 65_536 });
    connection.received(Buffer.from('GET / HTTP/1.0\r\nHost: a\r\n\r\n'));
    await turns(200);
    t.true(peer.written <= 65_536 + 2 * PIECE.length, `${peer.written} octets were written`);
    // Node's and web streams read a little ahead of their reader.
    t.true(calls.pulls <= 65_536 / PIECE.length + 4, `${calls.pulls} parts were asked for`);
    t.is(calls.ends, 0);
    const before = calls.pulls;
    connection.drained();
    await turns(20);
    t.true(calls.pulls > before, 'it went on when there was room');
    connection.closed();
    await turns(20);
    t.is(calls.ends, 1, 'it was let go once');
    const end = calls.pulls;
    await turns(20);
    t.is(calls.pulls, end, 'nobody asked it again');
  });

  test(`${kind} is cancelled once if the peer disconnects in the middle`, async (t) => {
    const calls: Calls = { pulls: 0, ends: 0 };
    const ended = new EventTarget();
    const watched = new Proxy(calls, {
      set: (target, name, value) => {
        target[name as keyof Calls] = value;
        if (name === 'ends') ended.dispatchEvent(new Event('ended'));
        return true;
      },
    });
    for (const sharedReadBuffer of [true, false]) {
      calls.ends = 0;
      const isOver = once(ended, 'ended');
      const wire = await wireTo(t, () => make(watched), { sharedReadBuffer });
      wire.request(...REQUEST);
      await wire.head();
      wire.destroy();
      await isOver;
      await turns();
      t.is(calls.ends, 1);
    }
  });

  test(`${kind} is cancelled unread if the answer to HEAD has no body`, async (t) => {
    const calls: Calls = { pulls: 0, ends: 0 };
    const server = await prepared(t, ({ handle }) => handle('HEAD', '/', () => make(calls)));
    const { status, body } = await server.inject({ method: 'HEAD' });
    t.is(status, 200);
    t.is(body.length, 0);
    await turns();
    // A generator or iterable that was never begun has nothing to release.
    t.is(calls.ends, kind.includes('async') ? 0 : 1);
  });
}

test("a peer that does not read stops an endless source, and the server's memory does not grow", async (t) => {
  const calls: Calls = { pulls: 0, ends: 0 };
  const wire = await wireTo(t, () => ENDLESS['an async generator']!(calls));
  wire.socket.pause();
  wire.request(...REQUEST);
  // Until nothing moves any more: the kernel's buffers on both sides are full.
  for (let before = -1; before < calls.pulls || calls.pulls === 0; ) {
    before = calls.pulls;
    await turns(500);
  }
  t.true(calls.pulls * PIECE.length < 64 * 1024 * 1024, `${calls.pulls} parts were asked for`);
  t.is(calls.ends, 0);
});

test('RFC 9112 §8: a source that fails in the middle aborts the connection, and the log names the plugin', async (t) => {
  const { log, errors } = logged();
  const failing = async function* () {
    yield 'some';
    await turns(3);
    throw new Error('the disk is gone');
  };
  const wire = await wireTo(t, failing, { log });
  wire.request(...REQUEST);
  t.regex(await wire.head(), /^HTTP\/1\.1 200 OK\r\n/);
  const rest = await wire.closed();
  t.is(rest, '4\r\nsome\r\n');
  t.is(errors.length, 1);
  t.is(errors[0]?.plugin, 'under-test');
});

test('a Node stream and a web stream that fail in the middle abort the connection', async (t) => {
  const node = (): Readable =>
    Readable.from(
      (async function* () {
        yield Buffer.from('some');
        await turns(3);
        throw new Error('gone');
      })(),
    );
  const web = (): Response =>
    new Response(
      new ReadableStream({
        async pull(controller) {
          controller.enqueue(Buffer.from('some'));
          await turns(3);
          controller.error(new Error('gone'));
        },
      }),
    );
  for (const make of [node, web]) {
    const { log, errors } = logged();
    const wire = await wireTo(t, make, { log });
    wire.request(...REQUEST);
    await wire.head();
    t.is(await wire.closed(), '4\r\nsome\r\n');
    t.is(errors.length, 1);
  }
});

test('a source that fails before its first part is answered with 500, or with the HttpError that it throws', async (t) => {
  const missing = path.join(import.meta.dirname, 'no-such-file');
  const { log, errors } = logged();
  const server = await prepared(
    t,
    ({ handle }) => {
      handle('GET', '/file', () => createReadStream(missing));
      // biome-ignore lint/correctness/useYield: it fails before there is anything to give.
      handle('GET', '/own', async function* (): AsyncGenerator<string> {
        throw new HttpError(404, 'No such thing');
      });
      // biome-ignore lint/correctness/useYield: as above.
      handle('GET', '/last', async function* (): AsyncGenerator<string> {
        throw new HttpError(429, 'Enough', { Connection: 'close' });
      });
    },
    { log },
  );
  t.is((await server.inject({ target: '/own' })).text, 'No such thing');
  const last = await server.inject({ target: '/last' });
  t.is(last.text, 'Enough');
  t.is(last.headers.connection, 'close', 'its wish to close is heard as that of any answer');
  t.deepEqual(errors, []);
  // The file system takes its own time: the head may already be sent, and then the connection must be aborted.
  await server.inject({ target: '/file' }).catch((error: unknown) => {
    t.like(error, { code: 'RESPONSE_INCOMPLETE' });
  });
  t.is(errors.length, 1);
});

test('a file stream that fails unread does not end the process', async (t) => {
  const missing = path.join(import.meta.dirname, 'no-such-file');
  let stream: Readable | undefined;
  const server = await prepared(t, ({ handle }) => {
    handle('HEAD', '/', () => {
      stream = createReadStream(missing);
      return stream;
    });
  });
  t.is((await server.inject({ method: 'HEAD' })).status, 200);
  await new Promise<void>((resolve) => (stream?.closed ? resolve() : stream?.on('close', resolve)));
  t.true(stream?.destroyed);
});

test('a source with more or fewer octets than its Content-Length is cancelled and the connection aborted', async (t) => {
  const calls: Calls = { pulls: 0, ends: 0 };
  const { log, errors } = logged();
  const connect = await serving(
    t,
    ({ handle }) => {
      handle('GET', '/more', () => ({
        headers: { 'Content-Length': '20000' },
        body: ENDLESS['an async generator']!(calls) as AsyncIterable<Uint8Array>,
      }));
      handle('GET', '/fewer', () => ({
        headers: { 'Content-Length': '3' },
        body: (async function* () {
          yield 'ab';
        })(),
      }));
    },
    { log },
  );
  const more = await connect();
  more.request('GET /more HTTP/1.1');
  t.notRegex(await more.closed(), /x{20000}/);
  t.is(calls.ends, 1);
  const fewer = await connect();
  fewer.request('GET /fewer HTTP/1.1');
  await fewer.head();
  t.is(await fewer.closed(), 'ab');
  t.deepEqual(
    errors.map(({ err }) => (err as { code: string }).code),
    ['HANDLER_ANSWER_INVALID', 'HANDLER_ANSWER_INVALID'],
  );
});

test('a part that is neither text nor bytes is a fault of the plugin, and the source is cancelled once', async (t) => {
  let ends = 0;
  const { log, errors } = logged();
  const wire = await wireTo(
    t,
    async function* () {
      try {
        yield 'fine';
        yield 42 as unknown as string;
      } finally {
        ends++;
      }
    },
    { log },
  );
  wire.request(...REQUEST);
  await wire.closed();
  t.is(ends, 1);
  t.is((errors[0]!.err as { code: string }).code, 'HANDLER_ANSWER_INVALID');
});

test('a source that fails while it is cancelled is logged and does no other harm', async (t) => {
  const { log, errors } = logged();
  const calls: Calls = { pulls: 0, ends: 0 };
  const connect = await serving(
    t,
    ({ handle }) => {
      handle('GET', '/', async function* () {
        try {
          for (;;) {
            calls.pulls++;
            yield PIECE;
            await turns(1);
          }
        } finally {
          calls.ends++;
          // biome-ignore lint/correctness/noUnsafeFinally: that is the fault.
          throw new Error('cannot let go');
        }
      });
      handle('GET', '/other', () => 'fine');
    },
    { log },
  );
  const wire = await connect();
  wire.request(...REQUEST);
  await wire.head();
  wire.destroy();
  while (errors.length === 0) await turns(1);
  t.is(calls.ends, 1);
  const other = await connect();
  other.request('GET /other HTTP/1.1');
  t.regex(await other.head(), /200 OK/);
});

test('RFC 9112 §6.3: for an HTTP/1.0 client a stream ends with the connection', async (t) => {
  const wire = await wireTo(t, async function* () {
    yield 'one ';
    yield '';
    yield 'two';
  });
  wire.send('GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  const head = await wire.head();
  t.regex(head, /\r\nConnection: close\r\n/);
  t.notRegex(head, /Transfer-Encoding|Content-Length/);
  t.is(await wire.closed(), 'one two');
});
