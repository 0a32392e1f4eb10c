/** The default limits of what a peer may send: exactly the limit, one more, and endless input. */
import test, { type ExecutionContext } from 'ava';
import { DEFAULT_LIMITS } from '../../../core/config/limits.js';
import { field, handlers, type RawClient, request, serve, withBody } from '../../support/raw-client.js';

const { maxBodyOctets, maxHeaderFields, maxHeaderSectionOctets, maxTargetOctets } = DEFAULT_LIMITS;
const routes = {
  'GET /*': () => 'taken',
  'POST /': async (incoming: { bytes(): Promise<Uint8Array> }) => String((await incoming.bytes()).length),
};

/** A header section of this many octets, including the empty line. */
function sectionOf(octets: number): string[] {
  const rest = 'Host: localhost\r\nX: \r\n\r\n'.length;
  return [`X: ${'x'.repeat(octets - rest)}`];
}

const atLimit: Readonly<Record<string, readonly [string, string, string, number]>> = {
  'a request target': [
    'maxTargetOctets',
    request(`GET /${'x'.repeat(maxTargetOctets - 1)}`),
    request(`GET /${'x'.repeat(maxTargetOctets)}`),
    414,
  ],
  'a header section': [
    'maxHeaderSectionOctets',
    request('GET /', sectionOf(maxHeaderSectionOctets)),
    request('GET /', sectionOf(maxHeaderSectionOctets + 1)),
    431,
  ],
  'a number of field lines': [
    'maxHeaderFields',
    request('GET /', Array(maxHeaderFields - 1).fill('X: y')),
    request('GET /', Array(maxHeaderFields).fill('X: y')),
    431,
  ],
  'a body': [
    'maxBodyOctets',
    withBody('POST /', 'x'.repeat(maxBodyOctets)),
    withBody('POST /', 'x'.repeat(maxBodyOctets + 1)),
    413,
  ],
};

for (const [what, [limit, taken, refused, status]] of Object.entries(atLimit)) {
  test(`${what} of exactly ${limit} is accepted, and one more is answered ${status} and closes`, async (t) => {
    const { connect } = await serve(t, { plugins: [handlers(routes)] });
    const client = await connect();
    client.send(taken);
    t.is((await client.response()).status, 200);
    client.send(refused);
    const response = await client.response();
    t.is(response.status, status);
    t.is(field(response, 'connection'), 'close');
    t.is(await client.closed(), '');
  });
}

/** Far more than every limit and the buffers of both kernels. */
const MOST_OCTETS = 32 * 2 ** 20;

/** Sends repeatedly until the server answers. */
async function sendWithoutEnd(t: ExecutionContext, client: RawClient, piece: string): Promise<void> {
  const large = piece.repeat(Math.ceil(16_384 / piece.length));
  let octets = 0;
  for (; client.unread === '' && !client.isOver && octets < MOST_OCTETS; octets += large.length)
    await client.sendInPieces(large, large.length);
  t.true(octets < MOST_OCTETS, 'it was never answered');
}

const CHUNKED = request('POST /', ['Transfer-Encoding: chunked']);
const endless: Readonly<Record<string, readonly [begin: string, piece: string, status: number]>> = {
  'field lines': ['GET / HTTP/1.1\r\nHost: localhost\r\n', 'X-A: b\r\n', 431],
  'one field line': ['GET / HTTP/1.1\r\nHost: localhost\r\nX: ', 'x', 431],
  'one field name': ['GET / HTTP/1.1\r\nHost: localhost\r\nX', 'x', 431],
  'white space around a value': ['GET / HTTP/1.1\r\nHost: localhost\r\nX:', ' ', 431],
  'a request target': ['GET /', 'x', 414],
  'a query': ['GET /?', 'a=b&', 414],
  'chunk extensions': [`${CHUNKED}1`, ';a=b', 400],
  'chunks with an extension each': [CHUNKED, `1;a=${'b'.repeat(100)}\r\nx\r\n`, 400],
  'zeros of a chunk size': [CHUNKED, '0', 400],
  'trailer fields': [`${CHUNKED}0\r\n`, 'X-T: y\r\n', 431],
  'chunks of one octet': [CHUNKED, '1\r\nx\r\n', 413],
};

for (const [what, [begin, piece, status]] of Object.entries(endless)) {
  test(`${what} without end: answered ${status} and closed, and others are served`, async (t) => {
    const { connect, get, log } = await serve(t, { plugins: [handlers(routes)] });
    const client = await connect();
    client.send(begin);
    await sendWithoutEnd(t, client, piece);
    const response = await client.response();
    t.is(response.status, status);
    t.is(field(response, 'connection'), 'close');
    t.is(await client.closed(), '');
    t.is((await get('/probe')).body, 'alive');
    t.deepEqual(log, []);
  });
}

test('a method without end is refused and closed', async (t) => {
  const { connect, get } = await serve(t);
  const client = await connect();
  await sendWithoutEnd(t, client, 'X');
  const { status } = await client.response();
  t.true(status >= 400 && status < 600, String(status));
  t.is(await client.closed(), '');
  t.is((await get('/probe')).body, 'alive');
});
