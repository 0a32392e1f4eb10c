import { once } from 'node:events';
import { unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import zlib from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { definePlugin, type Handler } from '../../core/api/plugin.js';
import type { InjectResponse } from '../../core/inject.js';
import { file } from '../../core/plugin-api.js';
import { tempFolder } from '../core/temp-folder.js';
import { handlers, request, serve } from '../support/raw-client.js';
import { served } from './served.js';

const TEXT = 'the quick brown fox jumps over the lazy dog, '.repeat(200);
const DECODERS = { br: zlib.brotliDecompressSync, gzip: zlib.gunzipSync, deflate: zlib.inflateSync } as const;

type Ask = (headers?: Record<string, string>, method?: string) => Promise<InjectResponse>;

/** Sends a request to a server with this one handler. */
async function compressing(t: ExecutionContext, handler: Handler, options = {}): Promise<Ask> {
  const server = await served(t, {
    plugins: [{ use: 'compress', options }, handlers({ 'GET /': handler, 'PUT /': handler }), 'head'],
  });
  return (headers = { 'Accept-Encoding': 'gzip' }, method = 'GET') => server.inject({ method, headers });
}

function decoded({ headers, body }: InjectResponse): string {
  const coding = headers['content-encoding'];
  if (coding === undefined) return body.toString();
  return DECODERS[coding as keyof typeof DECODERS](body).toString();
}

for (const [accept, coding] of [
  ['br', 'br'],
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['GZip', 'gzip'],
  ['deflate', 'deflate'],
  ['gzip, deflate, br, zstd', 'br'],
  ['gzip;q=0.9, br;q=0.5', 'gzip'],
  ['gzip;q=0.5, *;q=0.8', 'br'],
  ['*', 'br'],
  ['br;q=0, *;q=0.1', 'gzip'],
  ['br;q=0, gzip;q=0, deflate;q=0', undefined],
  ['identity;q=0, deflate', 'deflate'],
  ['identity, gzip;q=0.5', undefined],
  ['identity;q=0.5, gzip;q=0.5', 'gzip'],
  ['zstd', undefined],
  ['', undefined],
  ['*;q=0', undefined],
  ['gzip;q=0.1', 'gzip'],
  [';;;, =, unknown', undefined],
  [`${'gzip;q=0,'.repeat(300)}br`, 'br'],
] as const) {
  test(`Accept-Encoding "${accept.slice(0, 40)}" gets ${coding ?? 'no coding'}`, async (t) => {
    const answer = await (await compressing(t, () => TEXT))({ 'Accept-Encoding': accept });
    t.is(answer.headers['content-encoding'], coding);
    t.is(answer.headers.vary, 'Accept-Encoding');
    t.is(answer.headers['content-length'], String(answer.body.length));
    t.is(decoded(answer), TEXT);
    if (coding !== undefined) t.true(answer.body.length < TEXT.length / 10);
  });
}

test('without Accept-Encoding the answer is not compressed, and has Vary', async (t) => {
  const answer = await (await compressing(t, () => TEXT))({});
  t.is(answer.headers['content-encoding'], undefined);
  t.is(answer.headers.vary, 'Accept-Encoding');
  t.is(answer.text, TEXT);
});

test('bytes and streams of every kind are compressed', async (t) => {
  const bodies: Record<string, () => ReturnType<Handler>> = {
    bytes: () => ({ headers: { 'Content-Type': 'text/plain' }, body: Buffer.from(TEXT) }),
    json: () => ({ json: { TEXT } }),
    node: () => ({ headers: { 'Content-Type': 'text/plain' }, body: Readable.from([TEXT]) }),
    web: () =>
      new Response(ReadableStream.from([Buffer.from(TEXT)]), { headers: { 'Content-Type': 'text/plain' } }),
    response: () => new Response(TEXT),
    generator: () => ({
      headers: { 'Content-Type': 'text/plain', 'Content-Length': String(TEXT.length) },
      body: (async function* () {
        for (const character of TEXT) yield character;
      })(),
    }),
  };
  for (const [kind, handler] of Object.entries(bodies)) {
    const answer = await (await compressing(t, handler))();
    t.is(answer.headers['content-encoding'], 'gzip', kind);
    t.true(decoded(answer).includes(TEXT), kind);
    t.true(answer.body.length < TEXT.length, kind);
  }
});

test('a short answer is not compressed, unless the client refuses identity', async (t) => {
  const ask = await compressing(t, () => 'short');
  t.is((await ask()).headers['content-encoding'], undefined);
  t.is((await ask()).headers.vary, 'Accept-Encoding');
  const refused = await ask({ 'Accept-Encoding': 'gzip, identity;q=0' });
  t.is(refused.headers['content-encoding'], 'gzip');
  t.is(decoded(refused), 'short');
  const eager = await compressing(t, () => 'short', { thresholdOctets: 0 });
  t.is((await eager()).headers['content-encoding'], 'gzip');
});

for (const [what, headers, status] of [
  ['is already encoded', { 'Content-Encoding': 'br' }, 200],
  ['is identity by name', { 'Content-Encoding': 'identity' }, 200],
  ['has no-transform', { 'Cache-Control': 'public, No-Transform, max-age=1' }, 200],
  ['has a digest', { 'Content-Digest': 'sha-256=:AAAA:' }, 200],
  ['is a picture', { 'Content-Type': 'image/png' }, 200],
  ['is a part of a file', { 'Content-Range': 'bytes 0-8999/20000' }, 206],
] as const) {
  test(`an answer that ${what} is not compressed`, async (t) => {
    const type: Record<string, string> = { 'Content-Type': 'text/plain' };
    const answer = await (
      await compressing(t, () => ({ status, headers: { ...type, ...headers }, body: TEXT }))
    )();
    t.is(answer.text, TEXT);
    t.is(answer.headers['content-encoding'], Reflect.get(headers, 'Content-Encoding'));
  });
}

test('an answer with trailers is not compressed, because they may describe its octets', async (t) => {
  const ask = await compressing(t, () => ({ body: TEXT, trailers: { 'Repr-Digest': 'sha-256=:AAAA:' } }));
  t.is((await ask()).text, TEXT);
});

test('errors are compressed like other answers, and answers without a body are not changed', async (t) => {
  const ask = await compressing(t, () => ({ status: 404, body: TEXT }));
  t.is((await ask()).status, 404);
  t.is(decoded(await ask()), TEXT);
  for (const status of [204, 304]) {
    const answer = await (await compressing(t, () => ({ status })))();
    t.is(answer.status, status);
    t.is(answer.headers['content-encoding'], undefined);
  }
});

test('types are selected by name, by kind and by suffix', async (t) => {
  const of = async (type: string, options = {}): Promise<string | undefined> => {
    const ask = await compressing(t, () => ({ headers: { 'Content-Type': type }, body: TEXT }), options);
    return (await ask()).headers['content-encoding'];
  };
  for (const type of [
    'text/x-any; charset=utf-8',
    'Application/JSON',
    'image/svg+xml',
    'application/problem+json',
  ])
    t.is(await of(type), 'gzip', type);
  for (const type of ['application/zip', 'application/octet-stream', 'textual/plain'])
    t.is(await of(type), undefined, type);
  t.is(await of('image/png', { types: ['image/png'] }), 'gzip');
  t.is(await of('text/plain', { types: ['image/png'] }), undefined);
  t.is(await of('a/b', { types: ['*/*'] }), 'gzip');
});

test('a strong tag becomes weak, other fields stay, and a conditional request with it is 304', async (t) => {
  const headers = { ETag: '"1"', 'Content-Type': 'text/plain', Vary: 'Origin', 'Set-Cookie': ['a=1', 'b=2'] };
  const ask = await compressing(t, () => ({ headers, body: TEXT }));
  const answer = await ask();
  t.is(answer.headers.etag, 'W/"1"');
  t.is(answer.headers.vary, 'Origin, Accept-Encoding');
  t.is(answer.headers['set-cookie'], 'a=1, b=2');
  t.is((await ask({})).headers.etag, '"1"');
  for (const tag of ['"1"', 'W/"1"']) {
    const same = await ask({ 'Accept-Encoding': 'gzip', 'If-None-Match': tag });
    t.is(same.status, 304);
    t.is(same.headers.etag, 'W/"1"');
    t.is(same.headers.vary, 'Origin, Accept-Encoding');
    t.is(same.headers['content-encoding'], undefined);
  }
});

test('HEAD has the fields of GET except the length', async (t) => {
  let isLetGo = false;
  const source = (): Readable =>
    new Readable({
      read() {},
      destroy: (error, done) => {
        isLetGo = true;
        done(error);
      },
    });
  for (const body of [() => TEXT, source]) {
    const ask = await compressing(t, () => ({
      headers: { 'Content-Type': 'text/plain', ETag: '"1"' },
      body: body(),
    }));
    const { headers, body: none } = await ask(undefined, 'HEAD');
    t.is(headers['content-encoding'], 'gzip');
    t.is(headers.etag, 'W/"1"');
    t.is(headers['content-length'], undefined);
    t.is(none.length, 0);
  }
  t.true(isLetGo);
});

test('with static-files: whole files are compressed, parts and small files are not', async (t) => {
  const root = await tempFolder(t, { 'a.txt': TEXT, 'small.txt': 'x' });
  const server = await served(t, {
    plugins: ['compress', { use: 'static-files', options: { mounts: [{ root }] } }],
  });
  const ask = (target: string, headers = {}) =>
    server.inject({ target, headers: { 'Accept-Encoding': 'br', ...headers } });
  const whole = await ask('/a.txt');
  t.is(decoded(whole), TEXT);
  t.is(whole.headers['content-encoding'], 'br');
  t.is(whole.headers['accept-ranges'], undefined);
  t.true(whole.headers.etag?.startsWith('W/"'));
  const part = await ask('/a.txt', { Range: 'bytes=0-2' });
  t.is(part.status, 206);
  t.is(part.text, 'the');
  // RFC 9110 §15.3.7: the fields of the whole file.
  t.is(part.headers.vary, 'Accept-Encoding');
  t.is((await ask('/a.txt', { Range: 'bytes=0-2', 'If-Range': whole.headers.etag ?? '' })).status, 200);
  t.is((await ask('/small.txt')).headers['content-encoding'], undefined);
});

test('a file that is deleted or replaced before it is compressed is answered as without compress', async (t) => {
  for (const [change, status] of [
    [(place: string) => unlink(place), 404],
    [(place: string) => writeFile(place, 'another'), 503],
  ] as const) {
    const folder = await tempFolder(t, { 'a.txt': TEXT });
    const place = path.join(folder, 'a.txt');
    const server = await served(t, {
      plugins: [
        'compress',
        definePlugin({
          name: 'swap',
          setup({ handle }) {
            handle('GET', '/', async () => {
              const answer = await file(place);
              await change(place);
              return answer;
            });
          },
        }),
      ],
    });
    const answer = await server.inject({ headers: { 'Accept-Encoding': 'br' } });
    t.is(answer.status, status);
    t.is(answer.headers['content-encoding'], undefined);
  }
});

test('the events of a stream arrive while the stream pauses', async (t) => {
  for (const coding of ['br', 'gzip', 'deflate'] as const) {
    const events = new PassThrough();
    const { port } = await serve(t, {
      plugins: [
        'compress',
        handlers({ 'GET /': () => ({ headers: { 'Content-Type': 'text/event-stream' }, body: events }) }),
      ],
    });
    const { default: http } = await import('node:http');
    const asking = http.get({ port, headers: { 'Accept-Encoding': coding } });
    const [response] = (await once(asking, 'response')) as [import('node:http').IncomingMessage];
    t.is(response.headers['content-encoding'], coding);
    const decoder = { br: zlib.createBrotliDecompress, gzip: zlib.createGunzip, deflate: zlib.createInflate }[
      coding
    ]();
    response.pipe(decoder);
    for (const event of ['data: one\n\n', 'data: two\n\n']) {
      events.write(event);
      const [octets] = await once(decoder, 'data');
      t.is(String(octets), event);
    }
    events.end();
    await once(decoder, 'end');
  }
});

test('the source is closed if the client leaves', async (t) => {
  const sources = [
    () => new PassThrough(),
    () =>
      Readable.from(
        (async function* () {
          for (;;) yield Buffer.alloc(65_536, 'x');
        })(),
      ),
  ];
  for (const make of sources) {
    const source = make();
    const { connect } = await serve(t, {
      plugins: [
        'compress',
        handlers({ 'GET /': () => ({ headers: { 'Content-Type': 'text/plain' }, body: source }) }),
      ],
    });
    if (source instanceof PassThrough) source.write('x');
    const client = await connect();
    client.send(request('GET /', ['Accept-Encoding: gzip']));
    await client.receive('Content-Encoding: gzip'.toLowerCase());
    const closed = once(source, 'close').catch(() => {});
    client.reset();
    await closed;
    t.true(source.destroyed);
  }
});

test('a web stream that waits is cancelled when the client leaves', async (t) => {
  let tell: () => void = () => {};
  const cancelled = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const { connect } = await serve(t, {
    plugins: [
      'compress',
      handlers({
        'GET /': () =>
          new Response(
            new ReadableStream({
              start: (controller) => controller.enqueue(Buffer.from('x')),
              cancel: () => tell(),
            }),
            { headers: { 'Content-Type': 'text/plain' } },
          ),
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /', ['Accept-Encoding: gzip']));
  await client.receive('content-encoding: gzip');
  client.reset();
  await cancelled;
  t.pass();
});

test('a source that fails midway breaks off its answer and affects no other', async (t) => {
  const { connect, get, log } = await serve(t, {
    plugins: [
      'compress',
      handlers({
        'GET /': () => ({
          headers: { 'Content-Type': 'text/plain' },
          body: (async function* () {
            yield TEXT;
            await new Promise(setImmediate);
            throw new Error('half-way');
          })(),
        }),
      }),
    ],
  });
  const client = await connect();
  client.send(request('GET /', ['Accept-Encoding: gzip']));
  t.false((await client.closed()).endsWith('0\r\n\r\n'));
  t.is((await get('/probe')).body, 'alive');
  t.true(log.some((line) => JSON.stringify(line).includes('half-way')));
});

test('a client that reads nothing pauses the source', async (t) => {
  let given = 0;
  const { connect } = await serve(t, {
    plugins: [
      'compress',
      handlers({
        'GET /': () => ({
          headers: { 'Content-Type': 'text/plain' },
          body: (async function* () {
            // Random octets, so that compression does not make them smaller.
            const { randomBytes } = await import('node:crypto');
            for (;;) {
              given += 65_536;
              yield randomBytes(65_536);
            }
          })(),
        }),
      }),
    ],
  });
  const client = await connect();
  client.stopReading();
  client.send(request('GET /', ['Accept-Encoding: gzip']));
  // The source has stopped: nothing was read for that many turns.
  for (let turns = 0, before = -1; turns < 2_000; turns++) {
    if (given !== before) turns = 0;
    before = given;
    await new Promise(setImmediate);
    if (given > 200_000_000) break;
  }
  t.true(given < 200_000_000, `${given}`);
});

test('invalid options are refused', async (t) => {
  for (const options of [
    { codings: [] },
    { codings: ['zstd'] },
    { types: ['TEXT'] },
    { level: 0 },
    { threshold: 1 },
  ]) {
    const error = await t.throwsAsync(served(t, { plugins: [{ use: 'compress', options }] }));
    t.is(Reflect.get(error, 'code'), 'PLUGIN_OPTIONS_INVALID', JSON.stringify(options));
  }
});
