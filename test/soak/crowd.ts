/**
 * A crowd: connections in every phase at once, most of them misbehaving, for a while; then all of them disconnect.
 * Other clients are served meanwhile and check every answer.
 */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as rest } from 'node:timers/promises';
import tls from 'node:tls';
import type { Limits } from '../../core/config/limits.js';
import { ONE } from '../support/certificates.js';
import { type Held, Measured } from '../support/measured.js';
import { RawClient, request, withBody } from '../support/raw-client.js';

export interface CrowdOptions {
  readonly connections: number;
  readonly seconds: number;
  readonly limits?: Partial<Limits>;
}

export interface CrowdResult {
  /** Connections by kind; each is opened again when the server has closed it. */
  readonly opened: ReadonlyMap<string, number>;
  /** Correct answers to the other clients. */
  readonly served: number;
  readonly before: Held;
  /** Usage at the end of the time, with the crowd still connected. */
  readonly within: Held;
  readonly after: Held;
  readonly log: Measured['log'];
  readonly exitCode: number | null;
}

/** Peers that never read cost the kernels megabytes each, on both sides. */
const MAX_NEVER_READING = 50;
/** Fewer than the backlog of the listening socket. */
const MOST_ARRIVING = 100;
const SENTENCE = 'x'.repeat(200);

interface Act {
  /** Sent at once. */
  readonly hello?: string;
  /** Sent repeatedly, one octet at a time. */
  readonly drip?: string;
  readonly never?: 'reads';
  readonly ends?: true;
  readonly over?: 'TLS' | 'half of TLS';
}

const ACTS: Readonly<Record<string, Act>> = {
  silent: {},
  'idle behind an answer': { hello: request('GET /marker/1') },
  'a head that drips': { hello: 'GET /marker/1 HTTP/1.1\r\nX-Drip: ', drip: 'x' },
  'a body that drips': { hello: request('POST /echo', ['Content-Length: 100000']), drip: 'x' },
  'a chunked body that drips': {
    hello: request('POST /copy', ['Transfer-Encoding: chunked']),
    drip: '1\r\nx\r\n',
  },
  'a handler that hangs': { hello: request('GET /hang') + request('GET /marker/1') },
  'a stream of events': { hello: request('GET /events') },
  'half closed behind its request': { hello: request('GET /events'), ends: true },
  'half a body and a reset': { hello: request('POST /echo', ['Content-Length: 1000'], SENTENCE) },
  'half a body behind its answer': { hello: request('POST /ignore', ['Content-Length: 1000'], SENTENCE) },
  'was told 100 and sends nothing': {
    hello: request('POST /echo', ['Expect: 100-continue', 'Content-Length: 10']),
  },
  'taken over': { hello: request('GET /switch', ['Connection: upgrade', 'Upgrade: echo']), drip: 'ping' },
  'TLS, idle behind an answer': { hello: request('GET /marker/1'), over: 'TLS' },
  'half of a TLS handshake': { hello: '\x16\x03\x01\x02\x00\x01\x00\x01', over: 'half of TLS' },
  'never reads': { hello: request('GET /endless'), never: 'reads' },
};

class Crowd {
  readonly opened = new Map<string, number>();
  readonly #ports: readonly number[];
  readonly #sockets = new Set<net.Socket>();
  readonly #dripping: NodeJS.Timeout;
  readonly #drips = new Map<net.Socket, { readonly text: string; at: number }>();
  #isOver = false;

  constructor(ports: readonly number[], dripMs: number) {
    this.#ports = ports;
    this.#dripping = setInterval(() => {
      for (const [socket, drip] of this.#drips) socket.write(drip.text[drip.at++ % drip.text.length]!);
    }, dripMs);
  }

  /** Opens one connection after the other until the crowd leaves. @param arrived Called when the first one is open. */
  async play(name: string, arrived: () => void): Promise<void> {
    while (!this.#isOver) {
      const act = ACTS[name]!;
      this.opened.set(name, (this.opened.get(name) ?? 0) + 1);
      const socket = this.#connect(act);
      socket.once('connect', arrived);
      this.#sockets.add(socket);
      socket.on('error', () => {});
      if (act.never === undefined) socket.resume();
      if (act.hello !== undefined) socket.write(act.hello, 'latin1');
      if (act.ends === true) socket.end();
      if (act.drip !== undefined) this.#drips.set(socket, { text: act.drip, at: 0 });
      await once(socket, 'close').catch(() => {});
      this.#sockets.delete(socket);
      this.#drips.delete(socket);
      // A refused client comes back, but not at once.
      if (!this.#isOver) await rest(50);
    }
  }

  #connect(act: Act): net.Socket {
    const [plain, secure] = this.#ports as [number, number];
    const where = { host: '127.0.0.1', port: act.over === undefined ? plain : secure };
    if (act.over === 'TLS') return tls.connect({ ...where, rejectUnauthorized: false });
    return net.connect({ ...where, allowHalfOpen: act.ends === true });
  }

  /** Every second one resets. */
  leave(): void {
    this.#isOver = true;
    clearInterval(this.#dripping);
    let at = 0;
    for (const socket of this.#sockets) {
      if (at++ % 2 === 0 && !(socket instanceof tls.TLSSocket)) socket.resetAndDestroy();
      else socket.destroy();
    }
  }
}

/** Normal requests, one connection after the other. @returns the number of correct answers. */
async function everyday(port: number, isOver: () => boolean): Promise<number> {
  let served = 0;
  const expected = (is: string, hasToBe: string): void => {
    if (is !== hasToBe) throw new Error(`Another client was answered ${JSON.stringify(is.slice(0, 200))}.`);
    served++;
  };
  while (!isOver()) {
    const client = await RawClient.connect(port);
    for (let round = 0; round < 10 && !isOver(); round++) {
      const body = `${round}${SENTENCE}`;
      client.send(request(`GET /marker/${round}`) + withBody('POST /echo', body) + request('GET /later'));
      expected((await client.response()).body, `marker ${round}`);
      expected((await client.response()).body, body);
      expected((await client.response()).body, 'later');
      client.send(request('GET /stream'));
      expected(String((await client.response()).body.length), String(16 * 8_192));
      await rest(20);
    }
    client.destroy();
  }
  return served;
}

interface Gathering {
  readonly opened: ReadonlyMap<string, number>;
  readonly served: number;
  readonly within: Held;
}

const names = Object.keys(ACTS);

async function gather(server: Measured, connections: number, seconds: number): Promise<Gathering> {
  const people = new Crowd(server.ports, 2_000);
  let isOver = false;
  const everydays = Array.from({ length: 4 }, () => everyday(server.port, () => isOver));
  // Rejections are reported at the end; until then they must not count as unhandled.
  for (const one of everydays) one.catch(() => {});
  const playing: Promise<void>[] = [];
  const arriving: Promise<void>[] = [];
  let neverReading = 0;
  for (let at = 0; at < connections; at++) {
    let name = names[at % names.length]!;
    if (ACTS[name]?.never === 'reads' && ++neverReading > MAX_NEVER_READING) name = 'silent';
    arriving.push(new Promise((arrived) => void playing.push(people.play(name, arrived))));
    if (arriving.length < MOST_ARRIVING && at < connections - 1) continue;
    // Connections that the server cannot accept at once would wait for seconds in the system.
    await Promise.all(arriving.splice(0));
    const client = await RawClient.connect(server.port);
    client.send(request('GET /marker/0'));
    await client.response();
    client.destroy();
  }
  await rest(seconds * 1_000);
  const within = await server.held();
  isOver = true;
  const served = await Promise.all(everydays);
  people.leave();
  await Promise.all(playing);
  return { opened: people.opened, served: served.reduce((sum, one) => sum + one, 0), within };
}

/** Rejects with the first wrong answer to another client. */
export async function crowd({ connections, seconds, limits = {} }: CrowdOptions): Promise<CrowdResult> {
  const server = await Measured.start({ listen: [{ port: 0 }, { port: 0, tls: ONE }], limits });
  try {
    // A small run first, so that one-time costs (compiled code, caches) are not counted.
    await gather(server, names.length * 8, 1);
    const before = await server.settled();
    const { opened, served, within } = await gather(server, connections, seconds);
    const after = await server.settled();
    const exitCode = await server.stop();
    return { opened, served, before, within, after, log: server.log, exitCode };
  } finally {
    server.kill();
  }
}
