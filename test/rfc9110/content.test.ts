/** RFC 9110 §8 over a socket: the content of requests as handlers read it. */
import test, { type ExecutionContext } from 'ava';
import { chunked, handlers, request, type Served, serve, withBody } from '../support/raw-client.js';

const readers = (t: ExecutionContext): Promise<Served> =>
  serve(t, {
    limits: { maxBufferedOctets: 4_096, maxBodyOctets: 2_000_000 },
    plugins: [
      handlers({
        'POST /text': async (incoming) => incoming.text(),
        'POST /json': async (incoming) => ({ json: { got: await incoming.json() } }),
        'POST /bytes': async (incoming) => incoming.bytes(),
        'POST /iterate': async (incoming) => {
          let octets = 0;
          let parts = 0;
          for await (const part of incoming.body) {
            octets += part.length;
            parts++;
            await new Promise((resolve) => setImmediate(resolve));
          }
          return `${octets} ${parts > 1}`;
        },
        'POST /twice': async (incoming) => {
          await incoming.text();
          return incoming.text();
        },
        'POST /some': async (incoming) => {
          for await (const part of incoming.body) return `only ${part.length > 0}`;
          return 'nothing';
        },
      }),
    ],
  });

test('§8.3: the content is read as text, JSON and bytes, in both framings', async (t) => {
  const { connect } = await readers(t);
  const client = await connect();
  for (const send of [withBody, (line: string, body: string) => chunked(line, body.split(/(?<=\W)/))]) {
    client.send(
      send('POST /text', 'caf\xc3\xa9') + send('POST /json', '{"a": [1]}') + send('POST /bytes', '\0\xff'),
    );
    t.is((await client.response()).body, 'caf\xc3\xa9');
    t.deepEqual(JSON.parse((await client.response()).body), { got: { a: [1] } });
    t.is((await client.response()).body, '\0\xff');
  }
});

test('§8.3: content that arrives octet by octet is the same content', async (t) => {
  const { connect } = await readers(t);
  const client = await connect();
  await client.sendInPieces(
    chunked('POST /text', ['caf\xc3', '\xa9']) + withBody('POST /json', '"\xe2\x82\xac"'),
  );
  t.is((await client.response()).body, 'caf\xc3\xa9');
  t.deepEqual(JSON.parse(Buffer.from((await client.response()).body, 'latin1').toString()), { got: '€' });
});

test('§8.3: large content is iterated in parts, in both framings', async (t) => {
  const { connect } = await readers(t);
  const body = 'x'.repeat(1_000_000);
  const client = await connect();
  client.send(withBody('POST /iterate', body));
  t.is((await client.response()).body, '1000000 true');
  client.send(chunked('POST /iterate', body.match(/.{1,70000}/g) ?? []));
  t.is((await client.response()).body, '1000000 true');
  client.send(withBody('POST /bytes', body));
  t.is((await client.response()).body.length, 1_000_000);
});

test('§8.3: a handler that does not read makes the sender wait, and memory stays bounded', async (t) => {
  let goOn = (): void => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let most = 0;
  const { connect } = await serve(t, {
    limits: { maxBufferedOctets: 4_096, maxBodyOctets: 100_000_000 },
    plugins: [
      handlers({
        'POST /': async (incoming) => {
          let octets = 0;
          for await (const part of incoming.body) {
            if (octets === 0) await held;
            octets += part.length;
            most = Math.max(most, part.length);
          }
          return String(octets);
        },
      }),
    ],
  });
  const client = await connect();
  const size = 30_000_000;
  client.send(request('POST /', [`Content-Length: ${size}`]));
  client.send('x'.repeat(size));
  // Another connection is served; meanwhile the sender fills the kernel's buffers and no more.
  const other = await connect();
  for (let n = 0; n < 50; n++) {
    other.send(request('GET /probe'));
    await other.response();
  }
  t.true(client.unsent > size / 2, `${client.unsent} octets are held up`);
  goOn();
  t.is((await client.response()).body, String(size));
  t.true(most <= 65_536);
});

test('§8.3: if a handler reads only the beginning of the content, the next request is not affected', async (t) => {
  const { connect } = await readers(t);
  const client = await connect();
  client.send(withBody('POST /some', 'x'.repeat(3_000)) + request('GET /probe'));
  t.is((await client.response()).body, 'only true');
  t.is((await client.response()).body, 'alive');
});

test('§8.3: content is read once; a second reading is a fault of the handler', async (t) => {
  const { connect, log } = await readers(t);
  const client = await connect();
  client.send(withBody('POST /twice', 'abc') + request('GET /probe'));
  t.is((await client.response()).status, 500);
  t.is((await client.response()).body, 'alive');
  t.is(log[0]?.plugin, 'handlers');
});

test('§8.3.2: text is decoded by its charset, any case, quoted or not', async (t) => {
  const { connect } = await readers(t);
  const client = await connect();
  for (const [type, octets] of [
    ['text/plain; charset=ISO-8859-1', 'caf\xe9'],
    ['text/plain;charset="iso-8859-1"', 'caf\xe9'],
    ['text/plain; charset=utf-16le', 'c\0a\0f\0\xe9\0'],
    ['text/plain; charset=UTF-8', 'caf\xc3\xa9'],
    ['text/plain', '\xef\xbb\xbfcaf\xc3\xa9'],
  ] as const) {
    client.send(withBody('POST /text', octets, [`Content-Type: ${type}`]));
    t.is((await client.response()).body, 'caf\xc3\xa9', type);
  }
});

test('§8.3.2: text with octets invalid in its charset is refused with 400, an unknown charset with 415', async (t) => {
  const { connect } = await readers(t);
  const client = await connect();
  client.send(
    withBody('POST /text', '\xff') +
      withBody('POST /text', '\0\xd8\0\0', ['Content-Type: text/plain; charset=utf-16le']) +
      withBody('POST /text', 'a', ['Content-Type: text/plain; charset=klingon']) +
      withBody('POST /json', '{"a":}') +
      request('GET /probe'),
  );
  t.is((await client.response()).status, 400);
  t.is((await client.response()).status, 400);
  t.is((await client.response()).status, 415);
  t.is((await client.response()).status, 400);
  t.is((await client.response()).body, 'alive');
});

test('§8.3: an answer made from the content while it arrives contains all of it', async (t) => {
  const { connect } = await serve(t, {
    limits: { maxBufferedOctets: 4_096 },
    plugins: [
      handlers({
        'POST /echo': (incoming) => incoming.body,
        'POST /upper': async function* (incoming) {
          for await (const part of incoming.body) yield Buffer.from(part).toString('latin1').toUpperCase();
        },
      }),
    ],
  });
  for (const path of ['/echo', '/upper']) {
    const client = await connect();
    client.send(request(`POST ${path}`, ['Content-Length: 300000'], 'X'.repeat(100_000)));
    await client.receive('XXX');
    client.send('X'.repeat(200_000));
    t.is((await client.response()).body, 'X'.repeat(300_000), path);
    const waits = await connect();
    waits.send(request(`POST ${path}`, ['Content-Length: 3', 'Expect: 100-continue']));
    t.is((await waits.response()).status, 100, path);
    waits.send('ABC');
    t.is((await waits.response()).body, 'ABC');
  }
});
