/** The mixed traffic of the soak: well-behaved clients and others. */
import { setTimeout as rest } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import { chunked, type RawClient, request, withBody } from '../support/raw-client.js';

/** One visit of a client. @returns the number of exchanges. Throws if an answer is wrong. */
export type Visit = (client: RawClient, random: Random) => Promise<number>;

function expect(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(`Not as it has to be: ${what}`);
}

async function answered(client: RawClient, status: number, body?: string): Promise<void> {
  const response = await client.response();
  expect(
    response.status === status,
    `${response.status} instead of ${status}: ${response.body.slice(0, 200)}`,
  );
  if (body !== undefined) expect(response.body === body, response.body.slice(0, 200));
}

/** Expects an error answer and then the end. */
async function refused(client: RawClient, status: number): Promise<number> {
  await answered(client, status);
  expect((await client.closed()) === '', 'something behind the last answer');
  return 1;
}

const MALFORMED: readonly (readonly [string, number])[] = [
  ['GET / HTTP/1.1\r\n\r\n', 400],
  ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['GET / HTTP/3.0\r\nHost: localhost\r\n\r\n', 505],
  [request('POST /echo', ['Content-Length: +1'], 'x'), 400],
  [request('POST /echo', ['Transfer-Encoding: chunked'], 'zz\r\n'), 400],
  [request('POST /echo', ['Transfer-Encoding: chunked', 'Content-Length: 3'], '0\r\n\r\n'), 400],
  [request('POST /echo', ['Content-Length: 99999999'], 'x'), 413],
  [request(`GET /${'x'.repeat(9_000)}`), 414],
  [request('GET /', [`X: ${'x'.repeat(20_000)}`]), 431],
];

export const VISITS: Readonly<Record<string, Visit>> = {
  async 'keep-alive'(client, random) {
    const count = 1 + random.below(12);
    for (let at = 0; at < count; at++) {
      client.send(request(`GET /marker/${at}`));
      await answered(client, 200, `marker ${at}`);
    }
    return count;
  },
  async pipelined(client, random) {
    const count = 2 + random.below(30);
    const all = Array.from({ length: count }, (_, at) => request(`GET /marker/${at}`)).join('');
    if (random.below(2) === 0) client.send(all);
    else await client.sendInPieces(all, 1 + random.below(400));
    for (let at = 0; at < count; at++) await answered(client, 200, `marker ${at}`);
    return count;
  },
  async upload(client, random) {
    const body = random.octets(random.below(20_000)).replaceAll(/[\x80-\xff]/g, 'x');
    client.send(withBody('POST /echo', body));
    await answered(client, 200, body);
    return 1;
  },
  async 'chunked upload'(client, random) {
    const chunks = Array.from({ length: random.below(20) }, () => 'y'.repeat(1 + random.below(3_000)));
    await client.sendInPieces(chunked('POST /echo', chunks), 1 + random.below(9_000));
    await answered(client, 200, chunks.join(''));
    client.send(chunked('POST /copy', chunks));
    await answered(client, 200, chunks.join(''));
    return 2;
  },
  async 'aborted upload'(client, random) {
    client.send(
      request(random.of(['POST /echo', 'POST /copy']), ['Content-Length: 50000'], 'x'.repeat(20_000)),
    );
    if (random.below(2) === 0) client.reset();
    else client.end();
    await client.closed();
    return 1;
  },
  async 'aborted download'(client, random) {
    client.send(request('GET /endless'));
    await client.receive(1 + random.below(200_000));
    client.reset();
    return 1;
  },
  async 'slow reader'(client) {
    client.readSlowly(1);
    client.send(request('GET /stream'));
    await answered(client, 200);
    return 1;
  },
  async 'never reads'(client) {
    client.stopReading();
    client.send(request('GET /endless'));
    // A client that does not read notices the end only by sending.
    while (!client.isOver) {
      client.send('x');
      await rest(20);
    }
    return 1;
  },
  async stream(client) {
    client.send(request('GET /stream') + request('GET /later'));
    const { body } = await client.response();
    expect(body.length === 16 * 8_192, `${body.length} octets of a stream`);
    await answered(client, 200, 'later');
    return 2;
  },
  async store(client, random) {
    const key = `key${random.below(50)}`;
    client.send(withBody('PUT /update', `${key}: ${'v'.repeat(random.below(500))}`));
    const put = await client.response();
    expect(put.status === 200 || put.status === 201 || put.status === 204, `PUT /update: ${put.status}`);
    client.send(request('GET /'));
    await answered(client, 200);
    return 2;
  },
  async malformed(client, random) {
    const [octets, status] = random.of(MALFORMED);
    client.send(request('GET /marker/1') + octets);
    await answered(client, 200, 'marker 1');
    return 1 + (await refused(client, status));
  },
  async unread(client) {
    client.send(withBody('POST /ignore', 'x'.repeat(3_000)) + request('GET /marker/2'));
    await answered(client, 200, 'not read');
    await answered(client, 200, 'marker 2');
    return 2;
  },
  async fault(client) {
    client.send(request('GET /throw') + request('GET /marker/3'));
    await answered(client, 500);
    await answered(client, 200, 'marker 3');
    return 2;
  },
  async 'hanging handler'(client) {
    client.send(request('GET /hang'));
    return refused(client, 503);
  },
  async 'half a head'(client, random) {
    client.send('GET /marker/1 HTTP/1.1\r\nHost: localhost\r\nX-'.slice(0, 3 + random.below(40)));
    return refused(client, 408);
  },
  async 'half a body'(client) {
    client.send(request('POST /echo', ['Content-Length: 10'], 'abc'));
    return refused(client, 408);
  },
  async idle(client) {
    client.send(request('GET /marker/4'));
    await answered(client, 200, 'marker 4');
    expect((await client.closed()) === '', 'something from an idle connection');
    return 1;
  },
};
