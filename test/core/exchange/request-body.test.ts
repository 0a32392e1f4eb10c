import test from 'ava';
import type { PluginContext } from '../../../core/api/plugin.js';
import type { Request } from '../../../core/api/request.js';
import { fieldsOf, logged, prepared, serving, turns } from '../connection/serving.js';

/** Answers POST with the result of this function, as JSON. */
const post =
  (read: (request: Request) => Promise<unknown>) =>
  ({ handle }: PluginContext): void =>
    handle('POST', '/', async (request) => ({ json: await read(request) }));

const CHUNKED = 'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n';

test('RFC 9110 §6.5: trailers are available when the body is complete, and never among the headers', async (t) => {
  let begun: () => void = () => {};
  const hasBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const connect = await serving(
    t,
    post(async (request) => {
      begun();
      const before = { ...request.trailers };
      const text = await request.text();
      const { trailers } = request;
      return {
        before,
        text,
        trailers,
        headers: Object.keys(request.headers),
        frozen: Object.isFrozen(trailers),
      };
    }),
  );
  const wire = await connect();
  wire.send(`${CHUNKED}3\r\nabc\r\n`);
  await hasBegun;
  wire.send('0\r\nDigest: one\r\nX-A: 1\r\nx-a: 2\r\n__proto__: 3\r\nHost: elsewhere\r\n\r\n');
  const { 'content-length': length } = fieldsOf(await wire.head());
  const answer = JSON.parse(await wire.octets(Number(length)));
  t.deepEqual(answer.before, {});
  t.is(answer.text, 'abc');
  t.is(answer.trailers.digest, 'one');
  t.is(answer.trailers['x-a'], '1, 2');
  t.is(Object.getOwnPropertyDescriptor(answer.trailers, '__proto__')?.value, '3');
  t.deepEqual(answer.headers, ['host', 'transfer-encoding']);
  t.true(answer.frozen);
  // The next request has no trailers.
  wire.send('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx');
  const next = fieldsOf(await wire.head());
  t.deepEqual(JSON.parse(await wire.octets(Number(next['content-length']))).trailers, {});
});

test('RFC 9110 §6.5: trailers are available after an iteration, and for a request forwarded under another method', async (t) => {
  const connect = await serving(t, ({ handle, forward }) => {
    handle('PUT', '/', async (request) => {
      let octets = 0;
      for await (const part of request.body) octets += part.length;
      return `${octets} ${request.trailers.digest}`;
    });
    handle('POST', '/', (request) => forward(request, 'PUT'));
  });
  const wire = await connect();
  wire.send(`${CHUNKED}3\r\nabc\r\n0\r\nDigest: one\r\n\r\n`);
  await wire.head();
  t.is(await wire.octets(5), '3 one');
});

test('a request without a body has no trailers', async (t) => {
  const server = await prepared(t, ({ handle }) =>
    handle('GET', '/', ({ trailers }) =>
      String(Object.getPrototypeOf(trailers) === null && Object.keys(trailers).length),
    ),
  );
  t.is((await server.inject()).text, '0');
});

test('reading a body twice is BODY_ALREADY_READ, whichever way it is read', async (t) => {
  for (const first of ['text', 'json', 'bytes'] as const) {
    for (const second of ['text', 'json', 'bytes', 'body'] as const) {
      const server = await prepared(
        t,
        post(async (request) => {
          await request[first]();
          try {
            if (second === 'body') for await (const _ of request.body);
            else await request[second]();
          } catch (error) {
            return (error as { code: string }).code;
          }
          return 'read';
        }),
      );
      const { text } = await server.inject({ method: 'POST', body: '1' });
      t.is(text, '"BODY_ALREADY_READ"', `${first}, ${second}`);
    }
  }
});

test('an empty body is empty text and no bytes, and invalid JSON', async (t) => {
  const read = (how: 'text' | 'json' | 'bytes') => async (request: Request) => String(await request[how]());
  t.is((await (await prepared(t, post(read('text')))).inject({ method: 'POST' })).text, '""');
  t.is((await (await prepared(t, post(read('bytes')))).inject({ method: 'POST' })).text, '""');
  const { status, text } = await (await prepared(t, post(read('json')))).inject({ method: 'POST' });
  t.is(status, 400);
  t.regex(text, /^The body is not valid JSON/);
});

test('RFC 9110 §8.3.2: text is decoded by its charset; an unknown charset is 415, and invalid octets are 400', async (t) => {
  const server = await prepared(
    t,
    post(async (request) => request.text()),
  );
  const send = (charset: string, body: Uint8Array) =>
    server.inject({ method: 'POST', headers: { 'Content-Type': `text/plain${charset}` }, body });
  t.is((await send('', Buffer.from('zo\u00eb'))).json(), 'zo\u00eb');
  t.is((await send('; charset=ISO-8859-1', Buffer.from('zo\u00eb', 'latin1'))).json(), 'zo\u00eb');
  t.is((await send('; charset="utf-16le"', Buffer.from('zo\u00eb', 'utf16le'))).json(), 'zo\u00eb');
  t.is((await send('; charset=UTF-8', Buffer.from('\ufeffzo\u00eb'))).json(), 'zo\u00eb');
  t.is((await send('; charset=klingon', Buffer.from('x'))).status, 415);
  t.is((await send('', Buffer.from([0xff]))).status, 400);
  t.is((await send('; charset=utf-16le', Buffer.from([0x00]))).status, 400);
});

test('RFC 9112 §9.3: the unread rest of an iteration is skipped up to the limit, and the next pipelined request is served', async (t) => {
  const connect = await serving(t, ({ handle }) => {
    handle('POST', '/', async ({ body }) => {
      for await (const _ of body) break;
      return 'enough';
    });
    handle('GET', '/', () => 'next');
  });
  const wire = await connect();
  const body = 'x'.repeat(20_000);
  wire.send(`POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20000\r\n\r\n${body}`);
  wire.request('GET / HTTP/1.1');
  t.notRegex(await wire.head(), /Connection: close/);
  await wire.until('enough');
  await wire.head();
  t.is(await wire.octets(4), 'next');
});

test('a body that arrived completely can be read, even after its client is gone', async (t) => {
  let read: () => void = () => {};
  const mayRead = new Promise<void>((resolve) => {
    read = resolve;
  });
  let tell: (text: string) => void = () => {};
  const heard = new Promise<string>((resolve) => {
    tell = resolve;
  });
  const connect = await serving(t, ({ handle }) =>
    handle('POST', '/', async (request) => {
      request.signal.addEventListener('abort', read);
      await mayRead;
      const text = await request.text();
      tell(text);
      return text;
    }),
  );
  const wire = await connect();
  wire.send('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nwhole');
  await turns();
  wire.socket.resetAndDestroy();
  t.is(await heard, 'whole');
});

test('RFC 9112 §9.3: the part of an unread body that was here does not count when the rest arrives', async (t) => {
  let answer: (text: string) => void = () => {};
  const connect = await serving(
    t,
    ({ handle }) => {
      handle(
        'POST',
        '/',
        () =>
          new Promise<string>((resolve) => {
            answer = resolve;
          }),
      );
      handle('GET', '/', () => 'next');
    },
    { limits: { maxBufferedOctets: 1_024 } },
  );
  const [wire, other] = [await connect(), await connect()];
  wire.send(`POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1900\r\n\r\n${'x'.repeat(1_000)}`);
  other.request('GET / HTTP/1.1');
  await other.until('next');
  answer('unread');
  t.notRegex(await wire.head(), /Connection: close/);
  await wire.until('unread');
  // Both parts together exceed the limit.
  wire.send('x'.repeat(900));
  wire.request('GET / HTTP/1.1');
  await wire.head();
  t.is(await wire.octets(4), 'next');
});

test('RFC 9112 §9.6: a stream that begins before the body is complete is the last answer, because it may read the body', async (t) => {
  const connect = await serving(t, ({ handle }) =>
    handle('POST', '/', async function* () {
      yield 'unread';
    }),
  );
  const wire = await connect();
  wire.send('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\nhello');
  t.regex(await wire.head(), /\r\nConnection: close\r\n/);
  t.is(await wire.closed(), '6\r\nunread\r\n0\r\n\r\n');
});

test('RFC 9112 §9.6: if the unread rest exceeds the limit, the connection closes after the answer', async (t) => {
  const connect = await serving(
    t,
    ({ handle }) =>
      handle('POST', '/', async ({ body }) => {
        for await (const _ of body) break;
        return 'enough';
      }),
    { limits: { maxBufferedOctets: 1_024 } },
  );
  const wire = await connect();
  wire.send('POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000\r\n\r\nsome');
  t.regex(await wire.head(), /\r\nConnection: close\r\n/);
  t.is(await wire.closed(), 'enough');
});

test('RFC 9110 §15.5.14: a handler may set a smaller or larger body limit than the server', async (t) => {
  const { log, errors } = logged();
  const connect = await serving(
    t,
    ({ handle }) => {
      const length = async (request: Request) => String((await request.bytes()).length);
      handle('POST', '/little', length, { maxBodyOctets: 4 });
      handle('POST', '/much/:name', length, { maxBodyOctets: 1_000 });
      handle('POST', '/usual', length);
    },
    { limits: { maxBodyOctets: 10 }, log },
  );
  const send = async (target: string, octets: number, chunked: boolean): Promise<string> => {
    const wire = await connect();
    const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${octets}`;
    const body = 'x'.repeat(octets);
    wire.request(`POST ${target} HTTP/1.1`, framing);
    wire.send(chunked ? `${octets.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body);
    return (await wire.head()).slice(9, 12);
  };
  for (const chunked of [false, true]) {
    t.is(await send('/little', 4, chunked), '200');
    t.is(await send('/little', 5, chunked), '413');
    t.is(await send('/much/a%2Fb', 1_000, chunked), '200');
    t.is(await send('/much/%ff', 1_000, chunked), '400', 'the path is at fault, not the body');
    t.is(await send('/much/a', 1_001, chunked), '413');
    t.is(await send('/usual', 10, chunked), '200');
    t.is(await send('/usual', 11, chunked), '413');
    t.is(await send('/nowhere', 11, chunked), chunked ? '404' : '413');
  }
  t.deepEqual(errors, []);
});

test('a limit that is not a number of octets is an error at set-up', async (t) => {
  for (const maxBodyOctets of [-1, 1.5, Number.NaN]) {
    const setup = ({ handle }: PluginContext): void => handle('POST', '/', () => '', { maxBodyOctets });
    await t.throwsAsync(prepared(t, setup), { message: /maxBodyOctets of POST \/ is not a whole number/ });
  }
});
