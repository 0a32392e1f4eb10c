/** RFC 9112 §6 and §7 over a socket: where a request ends, and what becomes of one whose end cannot be known. */
import test, { type ExecutionContext } from 'ava';
import { chunked, field, handlers, request, type Served, serve, withBody } from '../support/raw-client.js';

/** Echoes bodies and counts how often a handler ran. */
async function echo(t: ExecutionContext): Promise<Served & { readonly ran: () => number }> {
  let count = 0;
  const served = await serve(t, {
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
      }),
    ],
  });
  return { ...served, ran: () => count };
}

/** One framed and dated answer, then nothing: what follows the fault is never served. */
async function isRefused(t: ExecutionContext, octets: string, status: number): Promise<void> {
  const { connect, ran } = await echo(t);
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

test('§6.3: Transfer-Encoding with Content-Length is refused and closes', (t) =>
  isRefused(t, request('POST /', ['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'), 400));

test('§6.3: a body of Content-Length is read to its last octet and the next request begins behind it', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(withBody('POST /', 'GET / HTTP/1.1\r\n') + request('GET /'));
  t.is((await client.response()).body, 'POST:GET / HTTP/1.1\r\n');
  t.is((await client.response()).body, 'next');
});

test('§7.1: a chunked body is read to its last chunk and the next request begins behind it', async (t) => {
  const { connect } = await echo(t);
  const client = await connect();
  client.send(chunked('POST /', ['one ', 'GET / HTTP/1.1\r\n']) + request('GET /'));
  t.is((await client.response()).body, 'POST:one GET / HTTP/1.1\r\n');
  t.is((await client.response()).body, 'next');
});
