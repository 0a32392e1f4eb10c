/**
 * RFC 9112 §8 from the server's side: a request is incomplete only if octets of it are missing. The end of the client's
 * sending side counts after all octets before it, including those that back-pressure holds back.
 */
import { createHash } from 'node:crypto';
import ava, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { ServerConfig } from '../../../core/config/server-config.js';
import type { PluginContext, Request } from '../../../core/plugin-api.js';
import type { RawClient } from '../../support/raw-client.js';
import { WAYS } from '../../support/ways.js';
import { serverOf } from '../../support/who.js';
import { loaded } from './loaded-transport.js';
import { turns } from './serving.js';

/** Serial: each test has many connections. */
const test = ava.serial;

const KIB = 1_024;
const SIZES = [1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, 100_000, 128 * KIB, KIB * KIB];
const MAX_BODY = 2 * KIB * KIB;

const digest = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

async function digestOfParts(request: Request, between: () => Promise<void>): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of request.body) {
    hash.update(part);
    await between();
  }
  return hash.digest('hex');
}

/** Handlers that read the body, by path; each does something else before or meanwhile. */
const READERS: Readonly<Record<string, (request: Request) => Promise<string>>> = {
  '/at-once': async (request) => digest(await request.bytes()),
  '/after-a-turn': async (request) => {
    await turn();
    return digest(await request.bytes());
  },
  '/after-a-timer': async (request) => {
    await pause();
    return digest(await request.bytes());
  },
  '/after-a-hook': async (request) => digest(await request.bytes()),
  '/in-parts': (request) => digestOfParts(request, turn),
  '/in-parts-later': async (request) => {
    await pause();
    return digestOfParts(request, turn);
  },
};

const plugin = {
  name: 'readers',
  setup({ handle, hook }: PluginContext) {
    hook('request', (request) => (request.path === '/after-a-hook' ? pause() : undefined));
    for (const [path, reader] of Object.entries(READERS)) handle('POST', path, reader);
    handle('POST', '/unread', async () => {
      await turn();
      return 'unread';
    });
    handle('POST', '/echo', async (request) => {
      await turn();
      return request.body;
    });
    handle('GET', '/next', () => 'the next');
  },
};

const CONFIG: ServerConfig = { plugins: [plugin], limits: { maxBodyOctets: MAX_BODY } };

const PATTERN = Buffer.from(Array.from({ length: MAX_BODY }, (_, at) => (at * 7 + (at >> 8)) & 0xff));

const bodyOf = (size: number): Buffer => PATTERN.subarray(0, size);

const inChunks = (body: Buffer, chunkOctets: number): Buffer => {
  const parts: Buffer[] = [];
  for (let at = 0; at < body.length; at += chunkOctets) {
    const chunk = body.subarray(at, at + chunkOctets);
    parts.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
};

type Framing = 'length' | 'one chunk' | 'chunks';
const FRAMINGS: readonly Framing[] = ['length', 'one chunk', 'chunks'];

function requestOf(target: string, body: Buffer, framing: Framing): Buffer {
  const field = framing === 'length' ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked';
  const content =
    framing === 'length' ? body : inChunks(body, framing === 'chunks' ? 10_000 : Math.max(1, body.length));
  return Buffer.concat([
    Buffer.from(`POST ${target} HTTP/1.1\r\nHost: localhost\r\n${field}\r\n\r\n`),
    content,
  ]);
}

const NEXT = Buffer.from('GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n');

/** All output of the server until it ends; the client's sending side has ended by then. */
async function answersTo(peer: RawClient): Promise<string> {
  await peer.closed();
  peer.socket.destroy();
  return peer.unread;
}

function isAnswered(t: ExecutionContext, received: string, statuses: readonly string[], how: string): void {
  const found = Array.from(received.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, status]) => status);
  t.deepEqual(found, statuses, `${how}: ${received.slice(0, 300)}`);
}

for (const [name, way] of Object.entries(WAYS)) {
  test(`${name}: a complete body is complete, whenever it is read after the client's end`, async (t) => {
    const server = serverOf(t, { ...CONFIG, listen: await way.listen(t) });
    await server.listen();
    for (const size of SIZES) {
      const body = bodyOf(size);
      const expected = digest(body);
      for (const framing of FRAMINGS) {
        const runs = Object.keys(READERS).map(async (path, at) => {
          const how = `${size} octets, ${framing}, read ${path}`;
          const peer = await way.connect(t, server);
          const hasNext = at % 2 === 0;
          peer.socket.end(Buffer.concat([requestOf(path, body, framing), ...(hasNext ? [NEXT] : [])]));
          const received = await answersTo(peer);
          isAnswered(t, received, hasNext ? ['200', '200'] : ['200'], how);
          t.true(received.includes(expected), how);
          t.is(received.endsWith('the next'), hasNext, how);
        });
        await Promise.all(runs);
      }
    }
  });

  test(`${name}: an end that comes after the last octets changes nothing`, async (t) => {
    const server = serverOf(t, { ...CONFIG, listen: await way.listen(t) });
    await server.listen();
    for (const size of SIZES) {
      const body = bodyOf(size);
      const peer = await way.connect(t, server);
      peer.socket.write(requestOf('/after-a-timer', body, 'length'));
      await turns(3);
      peer.socket.end();
      const received = await answersTo(peer);
      isAnswered(t, received, ['200'], String(size));
      t.true(received.endsWith(digest(body)));
    }
  });

  test(`${name}: a body that nobody reads, or that becomes the answer, is complete too`, async (t) => {
    const server = serverOf(t, { ...CONFIG, listen: await way.listen(t) });
    await server.listen();
    for (const size of SIZES) {
      const body = bodyOf(size);
      const unread = await way.connect(t, server);
      unread.socket.end(Buffer.concat([requestOf('/unread', body, 'length')]));
      isAnswered(t, await answersTo(unread), ['200'], `${size}, unread`);
      const echo = await way.connect(t, server);
      echo.socket.end(requestOf('/echo', body, 'length').toString('latin1').replace('1.1', '1.0'), 'latin1');
      const received = await answersTo(echo);
      isAnswered(t, received, ['200'], `${size}, echo`);
      const content = Buffer.from(received.slice(received.indexOf('\r\n\r\n') + 4), 'latin1');
      t.is(digest(content), digest(body), String(size));
    }
  });

  test(`${name}: a body with missing octets is refused as incomplete`, async (t) => {
    const server = serverOf(t, { ...CONFIG, listen: await way.listen(t) });
    await server.listen();
    for (const size of SIZES) {
      for (const framing of FRAMINGS) {
        const runs = Object.keys(READERS).map(async (path) => {
          const how = `${size} octets, ${framing}, read ${path}`;
          const peer = await way.connect(t, server);
          peer.socket.end(requestOf(path, bodyOf(size), framing).subarray(0, -1));
          const received = await answersTo(peer);
          isAnswered(t, received, ['400'], how);
          t.true(received.includes('RFC 9112 §8') || received.includes('RFC 9112 \xc2\xa78'), how);
        });
        await Promise.all(runs);
      }
    }
  });
}

test('a reset while a complete body waits to be read aborts the exchange', async (t) => {
  let aborted: () => void = () => {};
  const untilAborted = new Promise<void>((resolve) => {
    aborted = resolve;
  });
  let begun: () => void = () => {};
  const untilBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const server = serverOf(t, {
    plugins: [
      {
        name: 'waits',
        setup({ handle }: PluginContext) {
          handle('POST', '/', async (request) => {
            request.signal.addEventListener('abort', aborted);
            begun();
            await untilAborted;
            return 'too late';
          });
        },
      },
    ],
  });
  await server.listen();
  const peer = await WAYS.shared.connect(t, server);
  peer.send(requestOf('/', bodyOf(10), 'length').toString('latin1'));
  await untilBegun;
  peer.socket.resetAndDestroy();
  await untilAborted;
  t.pass();
});

test('inject: a body of any size is read by handlers and hooks that await something first', async (t) => {
  const server = serverOf(t, CONFIG);
  for (const size of SIZES) {
    const body = bodyOf(size);
    for (const path of Object.keys(READERS)) {
      const answer = await server.inject({ method: 'POST', target: path, body });
      t.is(answer.text, digest(body), `${size} octets, ${path}`);
    }
    const missing = await server.inject({
      method: 'POST',
      target: '/after-a-turn',
      headers: { 'Content-Length': String(size + 1) },
      body,
    });
    t.is(missing.status, 400);
  }
});

/** Reads of a transport: pieces of any size, with some turns of the event loop after each. */
const READS = fc.array(
  fc.record({
    octets: fc.oneof(
      fc.integer({ min: 1, max: 70_000 }),
      fc.constantFrom(1, 65_535, 65_536, 65_537, 131_072, 140_000, 300_000),
    ),
    turns: fc.nat(3),
  }),
  { minLength: 1, maxLength: 12 },
);

const SCENE = fc.record({
  size: fc.oneof(
    fc.integer({ min: 0, max: 300_000 }),
    fc.integer({ min: 65_000, max: 140_000 }),
    fc.constantFrom(65_535, 65_536, 65_537, 131_072),
  ),
  framing: fc.constantFrom<Framing>('length', ...FRAMINGS),
  missing: fc.constantFrom(0, 0, 0, 1, 2, 6),
  hasNext: fc.boolean(),
  isShared: fc.boolean(),
  /** Whether the transport reports its end while it is paused, like a stream with nothing left. */
  endsWhilePaused: fc.boolean(),
  readAfter: fc.nat(6),
  inParts: fc.boolean(),
  reads: READS,
});

test('whatever the order of octets, pauses and the end, the answer fits the octets that were sent', async (t) => {
  await fc.assert(
    fc.asyncProperty(SCENE, async (scene) => {
      const body = bodyOf(scene.size);
      const whole = requestOf('/', body, scene.framing);
      // Without a body nothing can be missing.
      const missing =
        scene.size === 0 && scene.framing === 'length' ? 0 : Math.min(scene.missing, scene.size);
      const sent =
        missing > 0
          ? whole.subarray(0, whole.length - missing)
          : Buffer.concat([whole, ...(scene.hasNext ? [NEXT] : [])]);
      const { connection, peer } = loaded(
        async (request) => {
          await turns(scene.readAfter);
          if (request.method === 'GET') return 'the next';
          return scene.inParts ? digestOfParts(request, turn) : digest(await request.bytes());
        },
        { maxBodyOctets: MAX_BODY },
      );
      peer.hasRoom = true;
      let at = 0;
      for (let read = 0; at < sent.length; read++) {
        const { octets, turns: later } = scene.reads[read % scene.reads.length]!;
        while (peer.isPaused && !peer.ended) await turn();
        // There are many reads of one octet; after some of them the rest comes at once.
        const piece = Buffer.from(sent.subarray(at, read < 40 ? at + octets : undefined));
        at += piece.length;
        connection.received(piece, piece.length, scene.isShared);
        if (scene.isShared) piece.fill(0);
        await turns(later);
      }
      if (!scene.endsWhilePaused) while (peer.isPaused && !peer.ended) await turn();
      connection.ended();
      while (!peer.ended && !peer.destroyed) await turn();
      connection.destroy();
      if (missing > 0) {
        isAnswered(t, peer.said, ['400'], 'missing');
        return;
      }
      isAnswered(t, peer.said, scene.hasNext ? ['200', '200'] : ['200'], 'whole');
      t.true(peer.said.includes(digest(body)));
      t.is(peer.said.endsWith('the next'), scene.hasNext);
    }),
    { numRuns: 300 },
  );
});
