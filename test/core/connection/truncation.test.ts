/**
 * RFC 9112 §8 from the client's side: a response that is cut looks cut. If its framing shows that (a length, a missing
 * last chunk), the connection ends; otherwise the connection is reset. docs/connection.md has the table. A Unix socket
 * cannot be reset: there the peer always sees an end.
 */
import type { Duplex } from 'node:stream';
import ava, { type ExecutionContext } from 'ava';
import type { PluginContext } from '../../../core/plugin-api.js';
import type { Server } from '../../../core/server.js';
import type { RawClient } from '../../support/raw-client.js';
import { WAYS, type Way } from '../../support/ways.js';
import { KeptLog, serverOf } from '../../support/who.js';
import { loaded } from './loaded-transport.js';

/** Serial: each test has a dozen connections. */
const test = ava.serial;

/** The handlers of one run; they continue when the test says so. */
class Stage {
  begun = 0;
  taken: Duplex | undefined;
  goOn: () => void = () => {};
  readonly #held = new Promise<void>((resolve) => {
    this.goOn = resolve;
  });

  readonly plugin = {
    name: 'stage',
    setup: ({ handle, hook }: PluginContext): void => {
      hook('request', () => void this.begun++);
      handle('GET', '/held', async () => {
        await this.#held;
        return 'finished';
      });
      handle('GET', '/hints', async (request) => {
        request.inform({ status: 103, headers: { Link: '</a.css>' } });
        await this.#held;
        return 'finished';
      });
      handle('GET', '/hints-then-failing', (request) => {
        request.inform({ status: 103, headers: { Link: '</a.css>' } });
        return failing();
      });
      handle('POST', '/read', async (request) => request.text());
      handle('POST', '/copy', (request) => request.body);
      handle('GET', '/stream', () => this.#parts(false));
      handle('GET', '/failing', () => this.#parts(true));
      handle('GET', '/short', () => ({ headers: { 'Content-Length': '20' }, body: this.#parts(false) }));
      handle('GET', '/taken', () => ({
        status: 101,
        headers: { Upgrade: 'x' },
        takeOver: async (stream) => {
          this.taken = stream;
          stream.write('begun');
          await this.#held;
          throw new Error('on purpose');
        },
      }));
      handle('GET', '/tunnel', () => ({
        status: 101,
        headers: { Upgrade: 'x' },
        takeOver: (stream) => {
          this.taken = stream;
          stream.write('begun');
        },
      }));
    },
  };

  async *#parts(fails: boolean): AsyncGenerator<string, void, undefined> {
    yield 'begun';
    await this.#held;
    if (fails) throw new Error('on purpose');
    yield ' finished';
  }
}

// biome-ignore lint/correctness/useYield: it fails before its first part.
async function* failing(): AsyncGenerator<string, void, undefined> {
  throw new Error('on purpose');
}

const ask = (line: string, ...fields: string[]): string =>
  [line, 'Host: localhost', ...fields, '', ''].join('\r\n');
const UPGRADE = ['Connection: upgrade', 'Upgrade: x'];

interface Ending {
  readonly request: string;
  /** The text that the client waits for before the response is cut. */
  readonly seen?: string;
  /** Cuts the response, or completes it. */
  readonly cut: (scene: Scene) => unknown;
  readonly is: 'reset' | 'end';
  /** The final output. */
  readonly received?: RegExp;
}

interface Scene {
  readonly stage: Stage;
  readonly server: Server;
  readonly peer: RawClient;
}

const goOn = ({ stage }: Scene): void => stage.goOn();
const byForce = ({ server }: Scene): unknown => server.close();

const ENDINGS: Readonly<Record<string, Ending>> = {
  'HTTP/1.0: a stream that fails midway': {
    request: ask('GET /failing HTTP/1.0'),
    seen: 'begun',
    cut: goOn,
    is: 'reset',
  },
  'HTTP/1.0: a complete stream': {
    request: ask('GET /stream HTTP/1.0'),
    seen: 'begun',
    cut: goOn,
    is: 'end',
    received: /\r\n\r\nbegun finished$/,
  },
  'HTTP/1.0: a stream that is shorter than its Content-Length': {
    request: ask('GET /short HTTP/1.0'),
    seen: 'begun',
    cut: goOn,
    is: 'end',
    received: /Content-Length: 20\r\n.*\r\n\r\nbegun( finished)?$/s,
  },
  'HTTP/1.0: an incomplete body that is copied into the answer': {
    request: `${ask('POST /copy HTTP/1.0', 'Content-Length: 10')}begun`,
    seen: '\r\n\r\nbegun',
    cut: ({ peer }) => peer.socket.end(),
    is: 'reset',
  },
  'HTTP/1.0: a stop by force in the middle of a stream': {
    request: ask('GET /stream HTTP/1.0'),
    seen: 'begun',
    cut: byForce,
    is: 'reset',
  },
  'HTTP/1.1: a stream that fails midway': {
    request: ask('GET /failing HTTP/1.1'),
    seen: 'begun',
    cut: goOn,
    is: 'end',
    received: /\r\n\r\n5\r\nbegun\r\n$/,
  },
  'HTTP/1.1 with Connection: close: a stream that fails midway': {
    request: ask('GET /failing HTTP/1.1', 'Connection: close'),
    seen: 'begun',
    cut: goOn,
    is: 'end',
    received: /\r\n\r\n5\r\nbegun\r\n$/,
  },
  'HTTP/1.1: a stop by force in the middle of a stream': {
    request: ask('GET /stream HTTP/1.1'),
    seen: 'begun',
    cut: byForce,
    is: 'end',
    received: /\r\n\r\n5\r\nbegun\r\n$/,
  },
  'a stop by force before anything of the response': {
    request: ask('GET /held HTTP/1.1'),
    cut: async (scene) => {
      while (scene.stage.begun === 0) await new Promise((resolve) => setImmediate(resolve));
      return byForce(scene);
    },
    is: 'end',
    received: /^$/,
  },
  'a stop by force after 103 Early Hints': {
    request: ask('GET /hints HTTP/1.1'),
    seen: '103 Early Hints',
    cut: byForce,
    is: 'reset',
  },
  'a stop by force after 100 Continue': {
    request: ask('POST /read HTTP/1.1', 'Expect: 100-continue', 'Content-Length: 10'),
    seen: '100 Continue',
    cut: byForce,
    is: 'reset',
  },
  'a stream that fails at once after 103 Early Hints': {
    request: ask('GET /hints-then-failing HTTP/1.1', 'Connection: close'),
    seen: '103 Early Hints',
    cut: () => {},
    is: 'end',
    received: /HTTP\/1\.1 500 .*Connection: close/s,
  },
  'a connection that was taken over, whose plugin fails': {
    request: ask('GET /taken HTTP/1.1', ...UPGRADE),
    seen: 'begun',
    cut: goOn,
    is: 'reset',
  },
  'a connection that was taken over, destroyed with an error': {
    request: ask('GET /tunnel HTTP/1.1', ...UPGRADE),
    seen: 'begun',
    cut: ({ stage }) => stage.taken?.destroy(new Error('on purpose')),
    is: 'reset',
  },
  'a connection that was taken over, destroyed without an error': {
    request: ask('GET /tunnel HTTP/1.1', ...UPGRADE),
    seen: 'begun',
    cut: ({ stage }) => stage.taken?.destroy(),
    is: 'end',
  },
  'a connection that was taken over, ended': {
    request: ask('GET /tunnel HTTP/1.1', ...UPGRADE),
    seen: 'begun',
    cut: ({ stage }) => stage.taken?.end(' finished'),
    is: 'end',
    received: /begun finished$/,
  },
  'a stop by force of a connection that was taken over': {
    request: ask('GET /tunnel HTTP/1.1', ...UPGRADE),
    seen: 'begun',
    cut: byForce,
    is: 'reset',
  },
};

async function endingOf(t: ExecutionContext, way: Way, ending: Ending): Promise<RawClient> {
  const stage = new Stage();
  const log = new KeptLog();
  const server = serverOf(
    t,
    {
      listen: await way.listen(t),
      plugins: [stage.plugin],
      limits: { shutdownTimeoutMs: 20 },
    },
    log,
  );
  await server.listen();
  const peer = await way.connect(t, server);
  peer.send(ending.request);
  if (ending.seen !== undefined) await peer.receive(ending.seen);
  await ending.cut({ stage, server, peer });
  await peer.closed();
  peer.socket.end();
  await peer.gone();
  stage.goOn();
  return peer;
}

for (const [name, way] of Object.entries(WAYS)) {
  for (const [how, ending] of Object.entries(ENDINGS)) {
    test(`${name}: ${how}`, async (t) => {
      const peer = await endingOf(t, way, ending);
      const expected = ending.is === 'reset' && name !== 'unix' ? 'ECONNRESET' : undefined;
      t.is(peer.error, expected, peer.unread.slice(-200));
      if (ending.received !== undefined) t.regex(peer.unread, ending.received);
    });
  }
}

test('a client that ends its sending side after the last request still gets the whole response', (t) => {
  const { connection, peer } = loaded(() => 'last');
  connection.received(Buffer.from(ask('GET / HTTP/1.0')));
  t.true(peer.ended);
  t.false(peer.hasRoom);
  connection.ended();
  t.false(peer.destroyed);
  connection.destroy();
  t.true(peer.wasReset, 'broken off after that, it is not taken for whole');
});

test('after a response that the peer has received completely comes an end, not a reset', (t) => {
  const { connection, peer } = loaded(() => 'last');
  peer.hasRoom = true;
  connection.received(Buffer.from(ask('GET / HTTP/1.0')));
  connection.drained();
  connection.destroy();
  t.true(peer.destroyed);
  t.false(peer.wasReset);
});

// In memory: a Node client with buffered octets sees an end where there was a reset, so it cannot check this.
for (const what of ['GET / HTTP/1.0', 'GET / HTTP/1.1']) {
  test(`${what}: a peer that does not read its response in time is reset, wherever that cuts`, (t) => {
    const { connection, peer } = loaded(() => 'a response', { writeTimeoutMs: 30_000 });
    connection.received(Buffer.from(ask(what)));
    connection.check(1_000);
    connection.check(31_000);
    t.false(peer.destroyed);
    connection.check(31_001);
    t.true(peer.wasReset);
  });

  test(`${what}: a stop by force resets a peer that has not read its response`, (t) => {
    const { connection, peer } = loaded(() => 'a response');
    connection.received(Buffer.from(ask(what)));
    connection.destroy();
    t.true(peer.wasReset);
  });
}
