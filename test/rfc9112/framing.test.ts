/** RFC 9112 §6 and §7 over a socket: where a request ends, and requests whose end cannot be known. */
import test, { type ExecutionContext } from 'ava';
import type { Limits } from '../../core/config/limits.js';
import { chunked, field, handlers, request, type Served, serve, withBody } from '../support/raw-client.js';

/** Echoes bodies and counts the calls of the handler. */
async function echo(
  t: ExecutionContext,
  limits: Partial<Limits> = {},
): Promise<Served & { readonly ran: () => number }> {
  let count = 0;
  const served = await serve(t, {
    limits,
    plugins: [
      handlers({
        'POST /': async (incoming) => {
          count++;
          return `${incoming.method}:${Buffer.from(await incoming.bytes()).toString('latin1')}`;
        },
        'GET /': () => {
          count++;
          return 'next';
        },
        'POST /early': () => 'early',
      }),
    ],
  });
  return { ...served, ran: () => count };
}

/** Checks for one framed and dated answer, then nothing: octets after the fault are never served. */
async function isRefused(
  t: ExecutionContext,
  octets: string,
  status: number,
  limits: Partial<Limits> = {},
): Promise<void> {
  const { connect, ran } = await echo(t, limits);
  const client = await connect();
  client.send(octets + request('GET /'));
  const response = await client.response();
  t.is(response.status, status);
  t.is(field(response, 'connection'), 'close');
  t.truthy(field(response, 'date'));
  t.is(response.framing, 'length');
  t.is(await client.closed(), '');
  t.is(ran(), 0, 'no handler runs');
}

// Choice of framing

test('§6.3: Transfer-Encoding with Content-Length is refused and closes', (t) =>
  isRefused(t, request('POST /', ['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'), 400));

test('§6.3: a transfer coding that does not end in chunked is refused and closes', (t) =>
  isRefused(t, request('POST /', ['Transfer-Encoding: chunked, gzip'], '0\r\n\r\n'), 400));

test('§6.1: an unknown transfer coding is answered 501 and closes', (t) =>
  isRefused(t, request('POST /', ['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'), 501));

test('§6.1: Transfer-Encoding in an HTTP/1.0 request is refused and closes', (t) =>
  isRefused(t, request('POST / HTTP/1.0', ['Transfer-Encoding: chunked'], '0\r\n\r\n'), 400));

test('§6.3: a Content-Length that is not a number is refused and closes', (t) =>
  isRefused(t, request('POST /', ['Content-Length: +5'], 'hello'), 400));

test('§6.3: two different Content-Length values are refused and close', (t) =>
  isRefused(t, request('POST /', ['Content-Length: 5', 'Content-Length: 6'], 'hello!'), 400));

test('§6.2: a Content-Length too large for a number is refused and never wraps round', (t) =>
  isRefused(t, request('POST /', ['Content-Length: 18446744073709551621'], 'hello'), 400));

test('§6.3: a request without framing fields has no body', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(request('POST /') + request('GET /'));
  t.is((await client.response()).body, 'POST:');
  t.is((await client.response()).body, 'next');
});

test('§6.3: a body with Content-Length is read to its last octet, and the next request begins after it', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(withBody('POST /', 'GET / HTTP/1.1\r\n') + request('GET /'));
  t.is((await client.response()).body, 'POST:GET / HTTP/1.1\r\n');
  t.is((await client.response()).body, 'next');
});

test('§6.3: a body that the client ends too early is refused, and the handler never gets it as complete', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(request('POST /', ['Content-Length: 10'], 'hello'));
  client.end();
  const response = await client.response();
  t.is(response.status, 400);
  t.is(field(response, 'connection'), 'close');
  t.is(await client.closed(), '');
});

test('§8: a chunked body without its last chunk is refused, and the handler never gets it as complete', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(request('POST /', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n'));
  client.end();
  t.is((await client.response()).status, 400);
  t.is(await client.closed(), '');
});

test('§8: a pipelined body that ends too early is refused too', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'GET /slow': () => new Promise((resolve) => setTimeout(resolve, 50, 'slow')),
        'POST /': async (incoming) => incoming.text(),
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /slow') + request('POST /', ['Content-Length: 10'], 'hello'));
  client.end();
  t.is((await client.response()).body, 'slow');
  t.is((await client.response()).status, 400);
  t.is(await client.closed(), '');
});

// The chunked coding

test('§7.1: a chunked body is read to its last chunk, and the next request begins after it', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(chunked('POST /', ['one ', 'GET / HTTP/1.1\r\n']) + request('GET /'));
  t.is((await client.response()).body, 'POST:one GET / HTTP/1.1\r\n');
  t.is((await client.response()).body, 'next');
});

test('§7.1: a chunk size that is not hexadecimal is refused and closes', async (t) => {
  const { connect, ran } = await echo(t);
  const client = await connect();
  client.send(
    request('POST /', ['Transfer-Encoding: chunked'], '0x5\r\nhello\r\n0\r\n\r\n') + request('GET /'),
  );
  const response = await client.response();
  t.is(response.status, 400);
  t.is(field(response, 'connection'), 'close');
  t.is(await client.closed(), '');
  t.is(ran(), 1, 'the request behind it is not served');
});

test('§7.1: chunk data that is longer than its size is refused and closes', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(
    request('POST /', ['Transfer-Encoding: chunked'], '3\r\nhello\r\n0\r\n\r\n') + request('GET /'),
  );
  t.is((await client.response()).status, 400);
  t.is(await client.closed(), '');
});

test('§7.1: a chunk size that overflows is refused as too large', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(request('POST /', ['Transfer-Encoding: chunked'], 'fffffffffffffffff\r\n'));
  t.is((await client.response()).status, 413);
  t.is(await client.closed(), '');
});

test('§7.1.1: chunk extensions are ignored, quoted ones too', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  const coded = '5;a;b=c;d="e;\\"f"\r\nhello\r\n0;last\r\n\r\n';
  client.send(request('POST /', ['Transfer-Encoding: chunked'], coded));
  t.is((await client.response()).body, 'POST:hello');
});

test('§7.1.1: the chunk extensions of a request have a common limit', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  const coded = `1;${'x'.repeat(1_000)}\r\na\r\n`.repeat(20);
  client.send(request('POST /', ['Transfer-Encoding: chunked'], coded));
  t.is((await client.response()).status, 400);
  t.is(await client.closed(), '');
});

test('§7.1.2: trailer fields are parsed, limited and never merged into the header section', async (t) => {
  const { connect } = await serve(t, {
    plugins: [
      handlers({
        'POST /': async (incoming) => {
          await incoming.bytes();
          return `${incoming.headers['x-late']} ${incoming.headers.host}`;
        },
        'GET /': () => 'next',
      }),
    ],
  });
  const client = await connect();
  const coded = '0\r\nX-Late: yes\r\nHost: evil.example\r\n\r\n';
  client.send(request('POST /', ['Transfer-Encoding: chunked'], coded) + request('GET /'));
  t.is((await client.response()).body, 'undefined localhost');
  t.is((await client.response()).body, 'next');
});

test('§7.1.2: a trailer section beyond the limit is answered 431 and closes', async (t) => {
  const { connect } = await echo(t, { maxHeaderSectionOctets: 256 });
  const client = await connect();
  client.send(
    request('POST /', ['Transfer-Encoding: chunked'], `0\r\nX-Late: ${'x'.repeat(300)}\r\n\r\n`) +
      request('GET /'),
  );
  t.is((await client.response()).status, 431);
  t.is(await client.closed(), '');
});

test('§7: the names of transfer codings are case-insensitive', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(request('POST /', ['Transfer-Encoding: CHUNKED'], '5\r\nhello\r\n0\r\n\r\n'));
  t.is((await client.response()).body, 'POST:hello');
});

// Answers

test('§6.1: an answer of unknown length is chunked for HTTP/1.1', async (t) => {
  const { connect } = await streaming(t);
  const client = await connect();
  client.send(request('GET /stream') + request('GET /probe'));
  const response = await client.response();
  t.is(response.framing, 'chunked');
  t.is(response.body, 'one two ');
  t.is(field(response, 'content-length'), undefined);
  t.is((await client.response()).body, 'alive');
});

test('§6.1: an answer of unknown length to HTTP/1.0 has no transfer coding and ends with the connection', async (t) => {
  const { connect } = await streaming(t);
  const client = await connect();
  client.send(request('GET /stream HTTP/1.0', ['Connection: keep-alive']));
  await client.closed();
  const response = await client.response();
  t.is(response.framing, 'close');
  t.is(response.body, 'one two ');
  t.is(field(response, 'connection'), 'close');
});

test('§6.2: an answer with Content-Length has exactly that many octets, whatever its characters', async (t) => {
  const { connect } = await streaming(t);
  const client = await connect();
  client.send(request('GET /wide') + request('GET /probe'));
  const response = await client.response();
  t.is(field(response, 'content-length'), '8');
  t.is(Buffer.from(response.body, 'latin1').toString(), 'aé漢\u{e9}');
  t.is((await client.response()).body, 'alive');
});

test('§7.1: an empty part of a streamed answer does not end it', async (t) => {
  const { connect } = await streaming(t);
  const client = await connect();
  client.send(request('GET /gaps'));
  t.is((await client.response()).body, 'ab');
});

const streaming = (t: ExecutionContext): Promise<Served> =>
  serve(t, {
    plugins: [
      handlers({
        'GET /stream': async function* () {
          yield 'one ';
          yield Buffer.from('two ');
        },
        'GET /gaps': async function* () {
          yield '';
          yield 'a';
          yield new Uint8Array();
          yield 'b';
        },
        'GET /wide': () => 'aé漢\u{e9}',
      }),
    ],
  });

// Limits

test('§6.3: a Content-Length beyond the limit is answered 413 at once, without its body', async (t) => {
  const { connect, ran } = await echo(t, { maxBodyOctets: 100 });
  const client = await connect();
  client.send(request('POST /', ['Content-Length: 101']));
  const response = await client.response();
  t.is(response.status, 413);
  t.is(field(response, 'connection'), 'close');
  t.is(await client.closed(), '');
  t.is(ran(), 0);
});

test('§7.1: a chunked body beyond the limit is answered 413 at the chunk size that exceeds it, without its data', async (t) => {
  const { connect } = await echo(t, { maxBodyOctets: 100 });
  const client = await connect();
  client.send(request('POST /', ['Transfer-Encoding: chunked'], `64\r\n${'x'.repeat(100)}\r\n1`));
  const response = await client.response();
  t.is(response.status, 413);
  t.is(field(response, 'connection'), 'close');
  t.is(await client.closed(), '');
});

test('§6.3: a body exactly at the limit is accepted in both framings', async (t) => {
  const { connect } = await echo(t, { maxBodyOctets: 100 });
  const client = await connect();
  const body = 'x'.repeat(100);
  client.send(withBody('POST /', body) + chunked('POST /', [body.slice(0, 60), body.slice(60)]));
  t.is((await client.response()).body, `POST:${body}`);
  t.is((await client.response()).body, `POST:${body}`);
});

// Every split

test('§6.3: bodies that arrive octet by octet are the same bodies', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  await client.sendInPieces(
    withBody('POST /', 'by length') + chunked('POST /', ['in', ' chunks']) + request('GET /'),
  );
  t.is((await client.response()).body, 'POST:by length');
  t.is((await client.response()).body, 'POST:in chunks');
  t.is((await client.response()).body, 'next');
});

test('§6.3: whatever a body contains, the next pipelined request is found at every cut', async (t) => {
  const { connect } = await echo(t);
  const octets = chunked('POST /', ['\r\n0\r\n\r\n', 'GET']) + request('GET /');
  for (let cut = 1; cut < octets.length; cut += 3) {
    const client = await connect();
    await client.sendInPieces(octets, cut);
    t.is((await client.response()).body, 'POST:\r\n0\r\n\r\nGET', `in pieces of ${cut}`);
    t.is((await client.response()).body, 'next', `in pieces of ${cut}`);
    client.destroy();
  }
});

// Bodies that nobody reads

test('§9.3: a small body that no handler reads is skipped, and the next request is served', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(withBody('POST /early', 'GET / HTTP/1.1\r\n\r\n') + request('GET /'));
  t.is((await client.response()).body, 'early');
  t.is((await client.response()).body, 'next');
});

test('§9.3: a small unread body that arrives after its answer is skipped too', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(request('POST /early', ['Content-Length: 6'], 'abc'));
  t.is((await client.response()).body, 'early');
  client.send(`def${request('GET /')}`);
  t.is((await client.response()).body, 'next');
});

test('§9.3: after an unread body beyond the limit the connection closes', async (t) => {
  const { connect, ran } = await echo(t, { maxBufferedOctets: 1_024 });
  const client = await connect();
  client.send(request('POST /early', ['Content-Length: 5000'], 'abc'));
  const response = await client.response();
  t.is(response.body, 'early');
  t.is(field(response, 'connection'), 'close');
  client.send('x'.repeat(4_997) + request('GET /'));
  t.is(await client.closed(), '');
  t.is(ran(), 0);
});

test('§9.3: after an unread chunked body that has not arrived yet the connection closes', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(request('POST /early', ['Transfer-Encoding: chunked'], '3\r\nabc\r\n'));
  const response = await client.response();
  t.is(response.body, 'early');
  t.is(field(response, 'connection'), 'close');
  t.is(await client.closed(), '');
});

test('§9.3: an unread chunked body that has arrived completely is skipped', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(chunked('POST /early', ['abc', 'def']) + request('GET /'));
  t.is((await client.response()).body, 'early');
  t.is((await client.response()).body, 'next');
});

test('§6.3: a fault in a body that nobody reads closes the connection after the answer', async (t) => {
  const { connect, ran } = await echo(t);
  const client = await connect();
  client.send(request('POST /early', ['Transfer-Encoding: chunked'], 'zz\r\n') + request('GET /'));
  const response = await client.response();
  t.is(response.body, 'early');
  t.is(field(response, 'connection'), 'close');
  t.is(await client.closed(), '');
  t.is(ran(), 0);
});

test('§6.1: empty elements around chunked are ignored, and nothing after such a body is served', async (t) => {
  for (const codings of [', chunked', 'chunked,', ',\t, chunked ,']) {
    const { connect } = await serve(t, {
      plugins: [handlers({ 'POST /': async (incoming) => incoming.text() })],
    });
    const client = await connect();
    const smuggled = request('GET /probe');
    client.send(request('POST /', [`Transfer-Encoding: ${codings}`], '5\r\nhello\r\n0\r\n\r\n') + smuggled);
    const response = await client.response();
    t.is(response.body, 'hello', codings);
    t.is(field(response, 'connection'), 'close');
    t.is(await client.closed(), '');
  }
});

test('§6.1: only empty elements, too many of them, or any in HTTP/1.0 are refused and close', async (t) => {
  for (const codings of [',', ', ,', `${','.repeat(5)}chunked`, 'chunked,,chunked'])
    await isRefused(t, request('POST /', [`Transfer-Encoding: ${codings}`], '0\r\n\r\n'), 400);
  await isRefused(t, request('POST / HTTP/1.0', ['Transfer-Encoding: ,chunked'], '0\r\n\r\n'), 400);
});
