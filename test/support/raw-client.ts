/**
 * A client over a raw socket, which sends any octets in any pieces and sees every octet that comes back, and a server
 * for one test. Texts are latin1: one character per octet.
 */

import { once } from 'node:events';
import net from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import tls from 'node:tls';
import type { ExecutionContext } from 'ava';
import { definePlugin, type Handler, type Plugin, type PluginContext } from '../../core/api/plugin.js';
import type { Limits } from '../../core/config/limits.js';
import type { PluginEntry } from '../../core/config/server-config.js';
import { createLog } from '../../core/log.js';
import { createServer, type Server } from '../../core/server.js';
import { keeping } from './start-warnings.js';

/** Only a safety net for tests that would hang; no test measures with it. */
const PATIENCE_MS = 110_000;

/** A response, raw and parsed. */
export interface WireResponse {
  readonly status: number;
  readonly reason: string;
  /** Values by lower-case name, one array element per field line. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
  /** Without its transfer coding. */
  readonly body: string;
  /** The octets of its head, as received. */
  readonly head: string;
  /** `none` if the response has no field about a body. */
  readonly framing: 'none' | 'length' | 'chunked' | 'close';
}

export class RawClient {
  readonly socket: net.Socket;
  #received = '';
  #ended = false;
  #isGone = false;
  #error: string | undefined;
  /** Those who wait for anything to happen. */
  readonly #waiting: (() => void)[] = [];

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (octets: Buffer) => {
      this.#received += octets.toString('latin1');
      this.#wake();
    });
    socket.on('end', () => this.#over());
    socket.on('close', () => {
      this.#isGone = true;
      this.#over();
    });
    socket.on('error', (error) => {
      this.#error = String(Reflect.get(error, 'code'));
      this.#over();
    });
  }

  /** The client can end its sending side and still read. */
  static async connect(port: number): Promise<RawClient> {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** As `connect`, to any place; the socket is gone when the test is over. */
  static async to(t: ExecutionContext, where: net.NetConnectOpts): Promise<RawClient> {
    const socket = net.connect({ allowHalfOpen: true, ...where });
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** As `to`, over TLS. */
  static async secure(t: ExecutionContext, options: tls.ConnectionOptions): Promise<RawClient> {
    const socket = tls.connect({ host: '127.0.0.1', rejectUnauthorized: false, ...options });
    t.teardown(() => socket.destroy());
    await once(socket, 'secureConnect');
    return new RawClient(socket);
  }

  #over(): void {
    this.#ended = true;
    this.#wake();
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume();
  }

  /** Sends in one write. */
  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** A request of these lines, with a Host field and without a body. */
  request(...lines: readonly string[]): void {
    this.send([...lines, 'Host: 127.0.0.1', '', ''].join('\r\n'));
  }

  /** Sends pieces of this many octets, each in its own write and its own turn of the event loop. */
  async sendInPieces(text: string, octets = 1): Promise<void> {
    for (let at = 0; at < text.length; at += octets) {
      this.send(text.slice(at, at + octets));
      await nextTurn();
    }
  }

  /** Ends the client's sending side, after all writes. */
  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Resets the connection. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  /** Stops reading from the socket: the octets stay in the server and the kernel. */
  stopReading(): void {
    this.socket.pause();
  }

  /** Pauses after each read. */
  readSlowly(restMs: number): void {
    this.socket.on('data', () => {
      this.socket.pause();
      setTimeout(() => this.socket.resume(), restMs);
    });
  }

  /** Octets written that the other side has not accepted. */
  get unsent(): number {
    return this.socket.writableLength;
  }

  /** Received and not yet parsed as a response. */
  get unread(): string {
    return this.#received;
  }

  /** The code of the error that ended the connection. */
  get error(): string | undefined {
    return this.#error;
  }

  /** Both directions have ended. */
  get isGone(): boolean {
    return this.#isGone;
  }

  get isOver(): boolean {
    return this.#ended;
  }

  /** Waits until this many octets, or this text, have arrived. */
  async receive(what: number | string): Promise<void> {
    const isThere = (): boolean =>
      typeof what === 'number' ? this.#received.length >= what : this.#received.includes(what);
    while (!isThere()) {
      if (this.#ended) throw new Error(`The connection ended before ${what}: ${this.#quoted()}`);
      await this.#more();
    }
  }

  /** Drops this many octets. */
  skip(octets: number): void {
    this.#take(octets);
  }

  /** So many octets, taken off what was received. */
  async octets(count: number): Promise<string> {
    await this.receive(count);
    return this.#take(count);
  }

  /** Everything up to and including this text, taken off what was received. */
  async until(text: string): Promise<string> {
    await this.receive(text);
    return this.#take(this.#received.indexOf(text) + text.length);
  }

  /** The next head, with the empty line behind it. */
  head(): Promise<string> {
    return this.until('\r\n\r\n');
  }

  /** The statuses of all answers that are there, as soon as they are so many; fewer where the connection has ended. */
  async answers(count: number): Promise<string[]> {
    const statuses = (): string[] =>
      Array.from(this.#received.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, status = '']) => status);
    while (statuses().length < count && !this.#ended) await this.#more();
    return statuses();
  }

  /**
   * The next answer of the classic protocol as it came, read by its Content-Length whatever its status; `undefined` where
   * the connection ended before it. Octets behind the last whole answer come as an answer of their own, so that no stray
   * one goes unseen.
   */
  async next(): Promise<string | undefined> {
    for (;;) {
      const length = lengthOf(this.#received) ?? (this.#ended ? this.#received.length : undefined);
      if (length !== undefined) return length === 0 ? undefined : this.#take(length);
      await this.#more();
    }
  }

  #take(octets: number): string {
    const taken = this.#received.slice(0, octets);
    this.#received = this.#received.slice(octets);
    return taken;
  }

  /** The next response, interim ones too. @param method Method of its request: an answer to HEAD has no body. */
  async response(method = 'GET'): Promise<WireResponse> {
    for (;;) {
      const taken = takeResponse(this.#received, method, this.#ended);
      if (taken !== undefined) {
        this.#take(taken.octets);
        return taken.response;
      }
      if (this.#ended) throw new Error(`The connection ended before a whole response: ${this.#quoted()}`);
      await this.#more();
    }
  }

  /** Waits for the server to end its sending side. @returns received octets that were not taken. */
  async closed(): Promise<string> {
    while (!this.#ended) await this.#more();
    return this.#received;
  }

  /** Waits until both directions have ended. */
  async gone(): Promise<void> {
    while (!this.#isGone) await this.#more();
  }

  async #more(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push(resolve);
      timer = setTimeout(() => reject(new Error(`Nothing came. So far: ${this.#quoted()}`)), PATIENCE_MS);
    });
    clearTimeout(timer);
  }

  #quoted(): string {
    return JSON.stringify(this.#received.slice(0, 500));
  }
}

/** Of the first answer, head and body; `undefined` while it is not whole. */
function lengthOf(received: string): number | undefined {
  const headLength = received.indexOf('\r\n\r\n') + 4;
  if (headLength === 3) return undefined;
  const bodyLength = /\r\ncontent-length: *(\d+)\r\n/i.exec(received.slice(0, headLength))?.[1] ?? '0';
  const length = headLength + Number(bodyLength);
  return length <= received.length ? length : undefined;
}

interface Taken {
  readonly response: WireResponse;
  readonly octets: number;
}

/** Strict: throws if it is not a response, so that no test accepts an incomplete one. */
export function takeResponse(text: string, method: string, ended: boolean): Taken | undefined {
  const headEnd = text.indexOf('\r\n\r\n') + 4;
  if (headEnd === 3) return undefined;
  const head = text.slice(0, headEnd);
  const [statusLine = '', ...lines] = head.slice(0, -4).split('\r\n');
  const [, code = '', reason = ''] = /^HTTP\/1\.1 ([1-5]\d\d) ([\t\x20-\x7e]*)$/.exec(statusLine) ?? [];
  if (code === '') throw new Error(`No status line: ${JSON.stringify(statusLine)}`);
  const fields = new Map<string, string[]>();
  for (const line of lines) {
    const [, name = '', value = ''] =
      /^([!#$%&'*+\-.^_`|~\w]+): ?([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? [];
    if (name === '') throw new Error(`No field line: ${JSON.stringify(line)}`);
    fields.set(name.toLowerCase(), [...(fields.get(name.toLowerCase()) ?? []), value]);
  }
  const status = Number(code);
  const parsed = (framing: WireResponse['framing'], body: string, end: number): Taken => ({
    response: { status, reason, fields, body, head, framing },
    octets: end,
  });
  const bodyless = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  const [length, ...others] = fields.get('content-length') ?? [];
  const chunked = fields.get('transfer-encoding')?.join() === 'chunked';
  if (others.length > 0 || (length !== undefined && chunked)) throw new Error(`Framed twice: ${head}`);
  if (bodyless) {
    return parsed(chunked ? 'chunked' : length === undefined ? 'none' : 'length', '', headEnd);
  }
  if (chunked) {
    const read = takeChunks(text, headEnd);
    return read && parsed('chunked', read.body, read.end);
  }
  if (length !== undefined) {
    const end = headEnd + Number(length);
    return end <= text.length ? parsed('length', text.slice(headEnd, end), end) : undefined;
  }
  return ended ? parsed('close', text.slice(headEnd), text.length) : undefined;
}

function takeChunks(text: string, from: number): { body: string; end: number } | undefined {
  let body = '';
  for (let at = from; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const line = text.slice(at, lineEnd);
    if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`No chunk size: ${JSON.stringify(line)}`);
    const start = lineEnd + 2;
    const end = start + Number.parseInt(line, 16);
    if (text.length < end + 2) return undefined;
    if (text.slice(end, end + 2) !== '\r\n') throw new Error('A chunk without its end.');
    if (end === start) return { body, end: end + 2 };
    body += text.slice(start, end);
    at = end + 2;
  }
}

/** One value of a field, `undefined` if it is absent. */
export function field(response: WireResponse, name: string): string | undefined {
  return response.fields.get(name)?.join(', ');
}

// Servers

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly plugin?: string;
  readonly dialect?: string;
  readonly code?: string;
  readonly error?: unknown;
}

export interface Served {
  readonly server: Server;
  readonly port: number;
  /** The log lines in order. */
  readonly log: readonly LogLine[];
  connect(): Promise<RawClient>;
  /** A whole exchange on a new connection. */
  get(target: string): Promise<WireResponse>;
}

export interface ServeOptions {
  readonly plugins?: readonly PluginEntry[];
  readonly limits?: Partial<Limits>;
  readonly allowedHosts?: readonly string[] | '*';
  readonly trustedProxies?: readonly string[];
}

/** A server that listens, with its clients; all are closed when the test is over. */
export async function serve(
  t: ExecutionContext,
  { plugins = [], limits = {}, allowedHosts, trustedProxies = [] }: ServeOptions = {},
): Promise<Served> {
  const log: LogLine[] = [];
  const server = createServer(
    {
      listen: { port: 0 },
      storage: 'memory',
      plugins: [...plugins, probe],
      limits: { shutdownTimeoutMs: 0, ...limits },
      trustedProxies,
      ...(allowedHosts === undefined ? {} : { allowedHosts }),
    },
    { log: createLog(keeping(log)) },
  );
  const { port } = await server.listen();
  const clients: RawClient[] = [];
  t.teardown(async () => {
    for (const client of clients) client.destroy();
    await server.close();
  });
  const connect = async (): Promise<RawClient> => {
    const client = await RawClient.connect(port);
    clients.push(client);
    return client;
  };
  const get = async (target: string): Promise<WireResponse> => {
    const client = await connect();
    client.send(request(`GET ${target}`));
    const response = await client.response();
    client.destroy();
    return response;
  };
  return { server, port, log, connect, get };
}

/** Answers on every server of these tests, whatever else fails there. */
const probe = definePlugin({
  name: 'probe',
  setup({ handle }) {
    handle('GET', '/probe', () => 'alive');
  },
});

/** A plugin with only a `setup`. */
export function plugin(name: string, setup: (context: PluginContext) => void): Plugin<unknown> {
  return { name, setup };
}

/** A plugin of handlers: `'GET /path'` → handler. */
export function handlers(routes: Readonly<Record<string, Handler>>): Plugin<unknown> {
  return plugin('handlers', ({ handle }) => {
    for (const [route, handler] of Object.entries(routes)) {
      const [method = '', path = ''] = route.split(' ');
      handle(method, path, handler);
    }
  });
}

/** `request('GET /a')`, with Host; further field lines and a body are added unchanged. */
export function request(line: string, fields: readonly string[] = [], body = ''): string {
  const full = /HTTP\/\S+$/.test(line) ? line : `${line} HTTP/1.1`;
  return [full, 'Host: localhost', ...fields, '', body].join('\r\n');
}

/** With the Content-Length of the body. */
export function withBody(line: string, body: string, fields: readonly string[] = []): string {
  return request(line, [...fields, `Content-Length: ${body.length}`], body);
}

export function chunked(line: string, chunks: readonly string[], fields: readonly string[] = []): string {
  const coded = [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  return request(line, [...fields, 'Transfer-Encoding: chunked'], coded);
}
