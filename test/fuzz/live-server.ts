/**
 * Random and mutated octets in random pieces against a separate server process. For any input: the server stays alive,
 * all its output is well-formed responses, it ends its sending side when the client has ended, valid requests before
 * the noise are answered in order, and a new connection is served.
 */
import { DEFAULT_CONFIG, type PluginEntry } from '../../core/config/server-config.js';
import { type Held, Measured } from '../support/measured.js';
import { Random } from '../support/random.js';
import { chunked, RawClient, request, type WireResponse, withBody } from '../support/raw-client.js';

const CLIENTS = 12;

/** For a server that answers only in standard form. */
export const STANDARD: readonly PluginEntry[] = ['get', 'post', 'put', 'create', 'update'];
/** With the classic dialect, which answers in its own form; without `end`, which would stop the server. */
export const WITH_CLASSIC: readonly PluginEntry[] = DEFAULT_CONFIG.plugins.filter((name) => name !== 'end');

interface Valid {
  readonly octets: string;
  readonly body: string;
  /** Its answer is a stream of its own body, so the server may not know yet whether all of that will be read. */
  readonly mayClose?: boolean;
}

/** The same, but never answered with a stream of its own body: if the body is cut short, so is the stream. */
function whole(random: Random): Valid {
  for (;;) {
    const one = valid(random);
    if (one.mayClose !== true) return one;
  }
}

/** A valid request and the expected body of its answer. */
function valid(random: Random): Valid {
  const at = random.below(1_000_000);
  const text = Array.from({ length: random.below(40) }, () => `${at} `).join('');
  const fields = random.of([
    [],
    ['X-A: b'],
    ['Accept: text/plain', 'Cookie: a=b'],
    ['X-Long: '.padEnd(3_000, 'y')],
  ]);
  const pieces = Array.from({ length: 1 + random.below(4) }, () => `${text}.`);
  return random.of<Valid>([
    { octets: request(`GET /marker/${at}`, fields), body: `marker ${at}` },
    { octets: request(`FROB /marker/${at}`, fields), body: `{"at":"${at}"}` },
    { octets: request(`GET http://localhost/marker/${at}`, fields), body: `marker ${at}` },
    { octets: withBody('POST /echo', text, fields), body: text },
    { octets: withBody('POST /copy', `${text}!`, fields), body: `${text}!`, mayClose: true },
    { octets: chunked('POST /echo', pieces, fields), body: pieces.join('') },
    { octets: withBody('POST /ignore', text, fields), body: 'not read' },
  ]);
}

/** Octets that often break parsers. */
const ODD = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  '\x80\xff',
  '0\r\n\r\n',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Connection: close\r\n',
  'Expect: 100-continue\r\n',
  'Host: b\r\n',
  'HTTP/1.0',
  '-1',
  'ffffffffffffffff',
  'GET / HTTP/1.1\r\n',
  '%00',
  '//',
  'x'.repeat(9_000),
];

function mutated(octets: string, random: Random): string {
  let text = octets;
  for (let times = 1 + random.below(4); times > 0; times--) {
    const from = random.below(text.length + 1);
    const to = from + random.below(20);
    text = random.of([
      () => text.slice(0, from) + random.of(ODD) + text.slice(from),
      () => text.slice(0, from) + random.of(ODD) + text.slice(to),
      () => text.slice(0, from) + text.slice(to),
      () => text.slice(0, to) + text.slice(from),
      () => text.slice(0, from) + random.octets(1 + random.below(3)) + text.slice(from + 1),
      () => text.slice(0, from),
    ])();
  }
  // The test cannot recognise the answers to methods without a body or with a tunnel.
  return text.replaceAll(/HEAD|CONNECT/g, 'FROB');
}

async function sendSplit(client: RawClient, octets: string, random: Random): Promise<void> {
  const size = random.of([1, 7, 64, 1_000, 100_000]);
  // Sending octet by octet costs a turn of the event loop for each.
  await client.sendInPieces(octets, Math.max(size, Math.ceil(octets.length / 400)));
}

/** All responses until the server has ended its sending side. Throws if an octet belongs to no response. */
async function responses(client: RawClient): Promise<WireResponse[]> {
  await client.closed();
  const all: WireResponse[] = [];
  while (client.unread !== '') all.push(await client.response());
  return all;
}

async function onConnection(port: number, use: (client: RawClient) => Promise<void>): Promise<void> {
  const client = await RawClient.connect(port);
  try {
    await use(client);
  } finally {
    client.destroy();
  }
}

function insist(isSo: boolean, what: string): void {
  if (!isSo) throw new Error(what);
}

/** Valid requests, then noise, then the end. */
async function attack(port: number, random: Random, isStandard: boolean): Promise<string> {
  const before = Array.from({ length: random.below(4) }, () => valid(random));
  const begin = before.map(({ octets }) => octets).join('');
  const noise = random.of([
    () => '',
    () => random.octets(1 + random.below(300)),
    () => mutated(whole(random).octets, random),
    () => mutated(whole(random).octets + whole(random).octets, random) + whole(random).octets,
  ])();
  const wasSent = JSON.stringify((begin + noise).slice(0, 4_000));
  await onConnection(port, async (client) => {
    await sendSplit(client, begin + noise, random);
    if (random.below(8) === 0) {
      client.reset();
      return;
    }
    client.end();
    if (!isStandard) {
      await client.closed();
      return;
    }
    const came = await responses(client).catch((cause: unknown) => {
      throw new Error(`Not answered as it has to be: ${wasSent}`, { cause });
    });
    const final = came.filter(({ status }) => status >= 200);
    for (const [at, { body, mayClose }] of before.entries()) {
      const answer = final[at];
      insist(answer?.body === body, `${JSON.stringify(answer?.body)} instead of ${body}: ${wasSent}`);
      if (mayClose === true && answer?.fields.get('connection')?.includes('close')) {
        insist(final.length === at + 1, `An answer behind the last: ${wasSent}`);
        return;
      }
    }
    if (noise === '') insist(final.length === before.length, `${final.length} answers: ${wasSent}`);
  });
  return wasSent;
}

/** A correct request on its own connection. */
async function marker(port: number, random: Random): Promise<void> {
  const { octets, body } = valid(random);
  await onConnection(port, async (client) => {
    client.send(octets);
    const response = await client.response();
    insist(
      response.status === 200 && response.body === body,
      `${response.status} ${response.body} to ${octets}`,
    );
  });
}

export interface FuzzResult {
  readonly connections: number;
  readonly atQuarter: Held;
  readonly atEnd: Held;
  readonly log: Measured['log'];
  readonly exitCode: number | null;
}

/** Rejects with the octets that broke a rule. The same seed makes the same octets. */
export async function fuzzServer(
  connections: number,
  seed: number,
  plugins: readonly PluginEntry[],
): Promise<FuzzResult> {
  const server = await Measured.start({ plugins });
  const isStandard = plugins === STANDARD;
  let next = 0;
  const until = async (count: number): Promise<Held> => {
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (next < count) {
          // One generator per connection, so that the order of the clients does not matter.
          const random = new Random(seed * 1_000_003 + next++);
          const wasSent = await attack(server.port, random, isStandard);
          await marker(server.port, random).catch((cause: unknown) => {
            throw new Error(`A fresh connection is not served after ${wasSent}`, { cause });
          });
        }
      }),
    );
    return server.settled();
  };
  try {
    const atQuarter = await until(connections / 4);
    const atEnd = await until(connections);
    const exitCode = await server.stop();
    return { connections: next, atQuarter, atEnd, log: server.log, exitCode };
  } finally {
    server.kill();
  }
}
