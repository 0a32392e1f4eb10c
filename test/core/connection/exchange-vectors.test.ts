/** Every exchange vector against a whole server: in memory, however its octets are split, and over a socket. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Handler } from '../../../core/api/plugin.js';
import { DEFAULT_LIMITS } from '../../../core/config/limits.js';
import { Connections } from '../../../core/connection/connections.js';
import type { Transport } from '../../../core/connection/transport.js';
import type { ExchangeRequest } from '../../../core/exchange/exchange-request.js';
import { AllowedHosts } from '../../../core/handlers/allowed-hosts.js';
import { Dispatcher } from '../../../core/handlers/dispatcher.js';
import { noHooks } from '../../../core/handlers/hooks.js';
import { makeRoute, Registry } from '../../../core/handlers/registry.js';
import { silentLog } from '../../../core/log.js';
import {
  field,
  plugin,
  type RawClient,
  serve,
  takeResponse,
  type WireResponse,
} from '../../support/raw-client.js';
import { cut, LIMITS, octetByOctet } from '../http/judge.js';
import { type ExchangeVector, parseExchangeVectors, readExchangeVectors } from './exchange-vectors.js';

const HOSTS = ['localhost', '127.0.0.1', '[::1]'];
const SENTINEL = 'GET /sentinel HTTP/1.1\r\nHost: localhost\r\n\r\n';
const SERVED = 'the sentinel was served';

/** The handlers of the vectors; the README describes them. */
const HANDLERS: Readonly<Record<string, Handler>> = {
  'GET /hello': () => 'hello',
  'GET /later': async () => {
    await nextTurn();
    return 'later';
  },
  'GET /stream': async function* () {
    yield 'one ';
    await nextTurn();
    yield 'two';
  },
  'GET /cut': async function* () {
    yield 'one ';
    await nextTurn();
    throw new Error('on purpose');
  },
  'GET /large': () => Buffer.alloc(100_000, 'x'),
  'GET /204': () => ({ status: 204 }),
  'GET /205': () => ({ status: 205 }),
  'GET /304': () => ({ status: 304 }),
  'GET /close': () => ({ headers: { Connection: 'close' }, body: 'bye' }),
  'GET /hints': (request) => {
    request.inform({ status: 103, headers: { Link: '</a>' } });
    return 'hinted';
  },
  'GET /tag': () => ({
    headers: { ETag: '"a"', 'Last-Modified': 'Sun, 06 Nov 1994 08:49:37 GMT' },
    body: 'tagged',
  }),
  'GET /switch': () => ({
    status: 101,
    headers: { Upgrade: 'x' },
    takeOver: (stream) => void stream.pipe(stream),
  }),
  'GET /key/:key': ({ params: { key } }) => `key ${key}`,
  'GET /sentinel': () => SERVED,
  'POST /echo': async (request) => request.bytes(),
  'POST /ignore': () => 'ignored',
  'POST /ignore-late': async () => {
    await nextTurn();
    return 'ignored';
  },
  'POST /throw': () => {
    throw new Error('on purpose');
  },
  'FROB /frob': ({ method }) => method,
  'OPTIONS *': () => ({ status: 204 }),
  'CONNECT *': ({ target }) =>
    target === 'localhost:1'
      ? { status: 403 }
      : { status: 200, takeOver: (stream) => void stream.pipe(stream) },
};

const routes = Object.entries(HANDLERS).map(([route, handler]) => {
  const [method = '', path = ''] = route.split(' ');
  return makeRoute('under-test', method, path, handler);
});
/** Like the plugin `head`; the argument of a handler is such a request. */
const asGet: Handler = (request) => dispatcher.forward(request as ExchangeRequest, 'GET');
routes.push(makeRoute('under-test', 'HEAD', '*', asGet, { fallback: true }));
const registry = new Registry(routes);
const dispatcher = new Dispatcher(
  { registry, hooks: noHooks(), dialects: [], taken: new Map() },
  new AllowedHosts(HOSTS),
  silentLog,
);
const { maxTargetOctets, maxHeaderSectionOctets, maxHeaderFields, maxBodyOctets } = LIMITS;
/** No deadline can end, however busy the machine is. */
const limits = {
  ...{ maxTargetOctets, maxHeaderSectionOctets, maxHeaderFields, maxBodyOctets },
  ...{
    headerTimeoutMs: 600_000,
    requestTimeoutMs: 600_000,
    handlerTimeoutMs: 600_000,
    writeTimeoutMs: 600_000,
  },
};
const connections = new Connections({ ...DEFAULT_LIMITS, ...limits }, dispatcher, silentLog);

/** A peer in memory that accepts everything. */
class Memory implements Transport {
  readonly protocol = 'http';
  readonly remoteAddress = '127.0.0.1';
  written = '';
  isOver = false;

  write(octets: string | Uint8Array): boolean {
    this.written += typeof octets === 'string' ? octets : Buffer.from(octets).toString('latin1');
    return true;
  }
  writeAll(parts: readonly (string | Uint8Array)[]): boolean {
    for (const part of parts) this.write(part);
    return true;
  }
  pause(): void {}
  resume(): void {}
  end(): void {
    this.isOver = true;
  }
  reset(): void {
    this.destroy();
  }

  destroySoon(): void {
    this.isOver = true;
  }
  destroy(): void {
    this.isOver = true;
  }
}

/** Whether nothing more can come. */
const isThrough = ({ written, isOver }: Memory): boolean =>
  isOver || written.endsWith(SERVED) || written.endsWith(SENTINEL);

/** @param isShared The octets are overwritten as soon as they were read. */
async function exchange(pieces: readonly Buffer[], isShared: boolean): Promise<Memory> {
  const peer = new Memory();
  const connection = connections.open(peer);
  const buffer = Buffer.alloc(Math.max(...pieces.map(({ length }) => length)));
  for (const piece of pieces) {
    piece.copy(buffer);
    connection.received(isShared ? buffer : Buffer.from(piece), piece.length, isShared);
    buffer.fill('\n');
    await nextTurn();
  }
  while (!isThrough(peer)) await nextTurn();
  connection.destroy();
  return peer;
}

/** Checks the output against the vector, and against the rules for every answer. */
function judge(t: ExecutionContext, { answers, end }: ExchangeVector, written: string, how: string): void {
  let rest = written;
  const take = (isHead: boolean): WireResponse => {
    // After the head of an answer that hands the connection over, nothing belongs to it.
    const taken = takeResponse(rest, isHead || end === 'taken' ? 'HEAD' : 'GET', true);
    if (taken === undefined)
      throw new Error(`${how}: no whole answer in ${JSON.stringify(rest.slice(0, 500))}`);
    rest = rest.slice(taken.octets);
    return taken.response;
  };
  for (const [at, { status, isHead, maybe }] of answers.entries()) {
    if (maybe && !rest.startsWith(`HTTP/1.1 ${status} `)) continue;
    const answer = take(isHead);
    t.is(answer.status, status, how);
    if (status < 200 && status !== 101) continue;
    t.regex(field(answer, 'date') ?? '', /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/, how);
    const options = (field(answer, 'connection') ?? '').split(', ');
    const isLast = at === answers.length - 1 && end === 'closes';
    t.is(options.includes('close'), isLast, `${how}: whether it says that it is the last`);
    if (status >= 400 && !isHead) t.is(answer.framing, 'length', how);
    if (status === 405) t.truthy(field(answer, 'allow'), how);
  }
  if (end === 'stays') t.is(take(false).body, SERVED, how);
  if (end === 'taken') t.is(rest, SENTINEL, `${how}: what is behind the head is another protocol's`);
  else if (end === 'cut') t.false(rest.endsWith('0\r\n\r\n'), how);
  else t.is(rest, '', how);
}

const vectors = readExchangeVectors();

for (const vector of vectors) {
  test(`${vector.file} › ${vector.title}`, async (t) => {
    for (const octets of vector.cases) {
      const followed = Buffer.from(octets + SENTINEL, 'latin1');
      // Near line ends, and everywhere in short input; the parser's own vectors are cut everywhere.
      const places = [...followed.keys()].filter(
        (at) =>
          followed.length < 5_000 && (at % 13 === 0 || followed.subarray(at - 1, at + 1).includes('\n')),
      );
      const readings: readonly (readonly [string, readonly Buffer[]])[] = [
        ['whole', [followed]],
        ['octet by octet', octetByOctet(followed)],
        ...places.map((at): [string, Buffer[]] => [`cut at ${at}`, cut(followed, [at])]),
      ];
      const runs = readings.flatMap(([how, pieces]) =>
        [true, false].map(async (isShared) => {
          const { written } = await exchange(pieces, isShared);
          judge(
            t,
            vector,
            written,
            `${JSON.stringify(octets.slice(0, 300))} ${how}${isShared ? ', shared' : ''}`,
          );
        }),
      );
      await Promise.all(runs);
    }
  });
}

test('over a socket every case is answered as in memory', async (t) => {
  const vectorHandlers = plugin('vectors', ({ handle }) => {
    for (const [route, handler] of Object.entries(HANDLERS)) {
      const [method = '', path = ''] = route.split(' ');
      handle(method, path, handler);
    }
  });
  const { connect } = await serve(t, { plugins: ['head', vectorHandlers], limits, allowedHosts: HOSTS });
  for (const vector of vectors) {
    for (const octets of vector.cases) {
      const client: RawClient = await connect();
      client.send(octets + SENTINEL);
      if (vector.end === 'stays') await client.receive(SERVED);
      else if (vector.end === 'taken') await client.receive(SENTINEL);
      else await client.closed();
      judge(t, vector, client.unread, JSON.stringify(octets.slice(0, 300)));
      client.destroy();
    }
  }
});

test('there are hundreds of cases, and each vector has a unique title that names a section', (t) => {
  t.true(vectors.flatMap(({ cases }) => cases).length > 400);
  t.is(new Set(vectors.map(({ title }) => title)).size, vectors.length);
  t.deepEqual(
    vectors.filter(({ title }) => !/^RFC \d{4} §[\d.]+: \S/.test(title)),
    [],
  );
});

test('a vector with missing or unknown lines is an error', (t) => {
  for (const block of [
    '> a\n< 200',
    '> a\\{}\n< 200\n< stays',
    '> a\n| b\n< 200\n< stays',
    '> a\n< what\n< stays',
    '> a\nwhat\n< stays',
    '< stays',
  ])
    t.throws(() => parseExchangeVectors('x.txt', `== RFC 1 §1: a\n${block}\n`), undefined, block);
});
