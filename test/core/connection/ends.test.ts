/**
 * Every way in which a connection may end, in every phase, over every transport. Requests are answered as long as the
 * client can read, every exchange ends once, and nothing stays open.
 */
import type { Duplex } from 'node:stream';
import ava, { type ExecutionContext } from 'ava';
import type { Outcome, PluginContext } from '../../../core/api/plugin.js';
import type { Request } from '../../../core/api/request.js';
import type { Server } from '../../../core/server.js';
import type { RawClient } from '../../support/raw-client.js';
import { WAYS, type Way } from '../../support/ways.js';
import { KeptLog, serverOf } from '../../support/who.js';

/** Serial: each test has a dozen connections. */
const test = ava.serial;
/** More than the buffers of two kernels. */
const LARGE = 30_000_000;

const get = (target: string, ...fields: string[]): string =>
  [`GET ${target} HTTP/1.1`, 'Host: localhost', ...fields, '', ''].join('\r\n');
const post = (target: string, ...fields: string[]): string => get(target, ...fields).replace('GET', 'POST');

/** The events on the server, and the handlers that wait for the test. */
class Stage {
  readonly begun: Request[] = [];
  readonly over: Outcome[] = [];
  /** Handlers and streams that have begun and not ended. */
  pending = 0;
  taken: Duplex | undefined;
  stats: PluginContext['stats'] | undefined;
  #letGo: () => void = () => {};
  readonly #held = new Promise<void>((resolve) => {
    this.#letGo = resolve;
  });

  letGo(): void {
    this.#letGo();
  }

  readonly plugin = {
    name: 'stage',
    setup: ({ handle, hook, stats }: PluginContext): void => {
      this.stats = stats;
      hook('request', (request) => void this.begun.push(request));
      // A refused head is an exchange too, but it never reaches the hook above.
      hook('error', (request) => {
        if (!this.begun.includes(request)) this.begun.push(request);
      });
      hook('close', (_request, outcome) => void this.over.push(outcome));
      handle('GET', '/quick', () => 'quick');
      handle('GET', '/held', () =>
        this.#watch(async () => {
          await this.#held;
          return 'finished';
        }),
      );
      handle('POST', '/read', (request) =>
        this.#watch(async () => `${(await request.bytes()).length} octets`),
      );
      handle('POST', '/copy', (request) => request.body);
      handle('POST', '/early', () => 'early');
      handle('GET', '/stream', () => this.#stream());
      handle('GET', '/large', () => Buffer.alloc(LARGE, 'x'));
      handle('GET', '/taken', () => ({
        status: 101,
        headers: { Upgrade: 'echo' },
        takeOver: (stream) => {
          this.taken = stream;
          stream.pipe(stream);
        },
      }));
    },
  };

  async #watch<T>(work: () => Promise<T>): Promise<T> {
    this.pending++;
    try {
      return await work();
    } finally {
      this.pending--;
    }
  }

  async *#stream(): AsyncGenerator<string, void, undefined> {
    this.pending++;
    try {
      yield 'begun ';
      await this.#held;
      yield 'finished';
    } finally {
      this.pending--;
    }
  }

  /** Resolves when the condition is true. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Brings a connection into a phase; resolves when the server is in that phase. */
interface Phase {
  readonly enter: (peer: RawClient, stage: Stage) => Promise<void>;
  /** The last output for a client that ends its sending side and still reads; absent if the server only closes. */
  readonly last?: string | RegExp;
  /** Whether the exchange waits for the test. */
  readonly held?: true;
  /** The client's next octets after the server began to stop; `END`: it ends its sending side. */
  readonly rest?: string;
  /** The last output then, if it differs. */
  readonly stopped?: RegExp;
}

const END = 'END';
/** The end of an answer that was chosen after the stop. */
const lastly = (body: string): RegExp => new RegExp(`\\r\\nConnection: close\\r\\n\\r\\n${body}$`);

const PHASES: Readonly<Record<string, Phase>> = {
  'nothing was sent': { enter: async () => {}, last: '' },
  'between requests': {
    enter: async (peer) => {
      peer.send(get('/quick'));
      await peer.receive('quick');
    },
    last: 'quick',
  },
  'half a head': {
    enter: async (peer) => {
      peer.send(get('/quick') + get('/quick').slice(0, -2));
      await peer.receive('quick');
    },
    last: 'quick',
    rest: '\r\n',
    stopped: lastly('quick'),
  },
  'half a body that a handler reads': {
    enter: async (peer, stage) => {
      peer.send(`${post('/read', 'Content-Length: 10')}hello`);
      await stage.until(() => stage.begun.length === 1);
    },
    last: /^HTTP\/1\.1 400 .*Connection: close\r\n\r\n.*\(RFC 9112 §8\)\.$/s,
    rest: 'world',
    stopped: lastly('10 octets'),
  },
  'half a chunk that a handler reads': {
    enter: async (peer, stage) => {
      peer.send(`${post('/read', 'Transfer-Encoding: chunked')}a\r\nhello`);
      await stage.until(() => stage.begun.length === 1);
    },
    last: /^HTTP\/1\.1 400 .*Connection: close\r\n\r\n.*\(RFC 9112 §8\)\.$/s,
    rest: 'world\r\n0\r\n\r\n',
    stopped: lastly('10 octets'),
  },
  'half a body that becomes the answer': {
    enter: async (peer) => {
      peer.send(`${post('/copy', 'Content-Length: 10')}hello`);
      await peer.receive('hello');
    },
    // Never the end of the chunked body, because it is incomplete.
    last: /5\r\nhello\r\n$/,
    rest: 'world',
    stopped: /5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n$/,
  },
  'half a body after its answer': {
    enter: async (peer) => {
      peer.send(`${post('/early', 'Content-Length: 10')}hello`);
      await peer.receive('early');
    },
    last: 'early',
    rest: 'world',
  },
  'a body after 100 Continue': {
    enter: async (peer) => {
      peer.send(post('/read', 'Expect: 100-continue', 'Content-Length: 10'));
      await peer.receive('100 Continue');
    },
    last: /400 .*\(RFC 9112 §8\)\.$/s,
    rest: '0123456789',
    stopped: lastly('10 octets'),
  },
  'a running handler': {
    enter: async (peer, stage) => {
      peer.send(get('/held'));
      await stage.until(() => stage.begun.length === 1);
    },
    last: 'finished',
    held: true,
    stopped: lastly('finished'),
  },
  'requests after a running handler': {
    enter: async (peer, stage) => {
      peer.send(get('/held') + get('/quick').repeat(3));
      await stage.until(() => stage.begun.length === 1);
    },
    last: /finished(HTTP\/1\.1 200 .*?quick){3}$/s,
    held: true,
    // Requests that have not begun before the stop do not begin.
    stopped: lastly('finished'),
  },
  'a stream in progress': {
    enter: async (peer) => {
      peer.send(get('/stream'));
      await peer.receive('begun');
    },
    last: /6\r\nbegun \r\n8\r\nfinished\r\n0\r\n\r\n$/,
    held: true,
  },
  'requests after a stream in progress': {
    enter: async (peer) => {
      peer.send(get('/stream') + get('/quick').repeat(3));
      await peer.receive('begun');
    },
    last: /finished\r\n0\r\n\r\n(HTTP\/1\.1 200 .*?quick){3}$/s,
    held: true,
    // Its head could not say that it is the last, so the answer after it does.
    stopped: /finished\r\n0\r\n\r\nHTTP\/1\.1 200 [^q]*\r\nConnection: close\r\n\r\nquick$/,
  },
  'a stream in progress with an empty line after its request': {
    enter: async (peer) => {
      peer.send(`${get('/stream')}\r\n`);
      await peer.receive('begun');
    },
    last: /8\r\nfinished\r\n0\r\n\r\n$/,
    held: true,
  },
  'an answer that is not read': {
    enter: async (peer, stage) => {
      peer.socket.pause();
      peer.send(get('/large'));
      await stage.until(() => stage.begun.length === 1);
    },
    last: /x{1000}$/,
  },
  'a connection that was taken over': {
    enter: async (peer, stage) => {
      peer.send(`${get('/taken', 'Connection: upgrade', 'Upgrade: echo')}ping`);
      await peer.receive('\r\n\r\nping');
      await stage.until(() => stage.taken !== undefined);
    },
    last: 'ping',
    rest: END,
  },
  'the last answer was read': {
    enter: async (peer) => {
      peer.send(get('/quick', 'Connection: close'));
      await peer.closed();
    },
    last: 'quick',
  },
  'the end after a refused head': {
    enter: async (peer) => {
      peer.send('GET / HTTP/1.1\r\n\r\n');
      await peer.closed();
    },
    last: /^HTTP\/1\.1 400 .*\(RFC 9112 §3\.2\)\.$/s,
  },
};

interface Scene {
  readonly stage: Stage;
  readonly server: Server;
  readonly peer: RawClient;
  readonly log: KeptLog;
}

async function sceneOf(
  t: ExecutionContext,
  way: Way,
  phase: Phase,
  shutdownTimeoutMs = 60_000,
): Promise<Scene> {
  const stage = new Stage();
  const log = new KeptLog();
  const limits = { shutdownTimeoutMs };
  const server = serverOf(t, { listen: await way.listen(t), plugins: [stage.plugin], limits }, log);
  await server.listen();
  const peer = await way.connect(t, server);
  await phase.enter(peer, stage);
  return { stage, server, peer, log };
}

/** Nothing is open, every exchange that began ended once, and no plugin is blamed. */
async function allOver(t: ExecutionContext, { stage, log }: Scene, how: string): Promise<void> {
  await stage.until(() => stage.stats!().connections === 0);
  await stage.until(() => stage.over.length >= stage.begun.length && stage.pending === 0);
  await new Promise((resolve) => setImmediate(resolve));
  t.is(stage.over.length, stage.begun.length, how);
  t.is(stage.stats!().exchanges, 0, how);
  t.true(stage.taken?.destroyed ?? true, how);
  t.deepEqual(
    log.lines.filter(({ level }) => level === 'error'),
    [],
    how,
  );
}

function isLast(
  t: ExecutionContext,
  { unread: received }: RawClient,
  last: string | RegExp,
  how: string,
): void {
  const shown = `${how}: ${received.slice(-300)}`;
  // Longer than every whole answer except the large one, whose millions of octets would make the pattern slow.
  const end = received.slice(-4_000);
  if (typeof last === 'string') t.true(received.endsWith(last), shown);
  else t.regex(Buffer.from(end, 'latin1').toString(), last, shown);
}

for (const [name, way] of Object.entries(WAYS)) {
  test(`${name}: a client that resets leaves nothing open, in every phase`, async (t) => {
    for (const [how, phase] of Object.entries(PHASES)) {
      const scene = await sceneOf(t, way, phase);
      const { peer, stage } = scene;
      if (name === 'unix' || name === 'TLS') peer.socket.destroy();
      else peer.socket.resetAndDestroy();
      const asked = stage.begun.map((request) => request.signal);
      if (phase.held === true) {
        // A Unix socket and TLS close normally, as does a client that still reads.
        if (name === 'shared' || name === 'portable') await stage.until(() => asked[0]!.aborted);
        stage.letGo();
      }
      await allOver(t, scene, how);
    }
  });

  test(`${name}: a client that ends its sending side and still reads gets its answers, and the end`, async (t) => {
    for (const [how, phase] of Object.entries(PHASES)) {
      const scene = await sceneOf(t, way, phase);
      const { peer, stage } = scene;
      peer.socket.end();
      stage.letGo();
      peer.socket.resume();
      await peer.closed();
      isLast(t, peer, phase.last ?? '', how);
      await allOver(t, scene, how);
      peer.socket.destroy();
    }
  });

  test(`${name}: a stop by force aborts every connection`, async (t) => {
    for (const [how, phase] of Object.entries(PHASES)) {
      const scene = await sceneOf(t, way, phase, 20);
      const { server, stage, peer } = scene;
      const closing = server.close();
      t.is(server.close(), closing, 'asked for twice, it is one stop');
      await closing;
      stage.letGo();
      await allOver(t, scene, how);
      peer.socket.resume();
      await peer.closed();
    }
  });

  test(`${name}: a clean stop lets every connection finish`, async (t) => {
    for (const [how, phase] of Object.entries(PHASES)) {
      const scene = await sceneOf(t, way, phase);
      const { server, stage, peer, log } = scene;
      const { rest, last = '', stopped = last } = phase;
      const closing = server.close();
      await new Promise((resolve) => setImmediate(resolve));
      if (rest === END) peer.socket.end();
      else if (rest !== undefined) peer.send(rest);
      stage.letGo();
      peer.socket.resume();
      await peer.closed();
      peer.socket.destroy();
      await closing;
      isLast(t, peer, stopped, how);
      await allOver(t, scene, how);
      t.false(
        log.lines.some(({ message }) => message.includes('closed because of a fault')),
        how,
      );
    }
  });
}
