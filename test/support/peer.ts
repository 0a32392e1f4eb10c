/** The other end of a connection, over a raw socket of any kind: sends octets and waits for answers. */
import { EventEmitter, once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { ExecutionContext } from 'ava';
import type { Plugin } from '../../core/api/plugin.js';
import type { ServerConfig } from '../../core/config/server-config.js';
import type { Log, LogLevel } from '../../core/log.js';
import { createServer, type Server } from '../../core/server.js';

export class Peer {
  readonly socket: net.Socket;
  /** Everything received, as latin1. */
  received = '';
  /** The server has ended its sending side. */
  ended = false;
  closed = false;
  /** Code of the error if it did not close normally. */
  error: string | undefined;
  readonly #news = new EventEmitter();

  constructor(t: ExecutionContext, socket: net.Socket) {
    this.socket = socket;
    t.teardown(() => socket.destroy());
    const tell = (): unknown => this.#news.emit('news');
    socket.on('data', (octets: Buffer) => {
      this.received += octets.toString('latin1');
      tell();
    });
    socket.on('end', () => {
      this.ended = true;
      tell();
    });
    socket.on('error', (error) => {
      this.error = String(Reflect.get(error, 'code'));
    });
    socket.on('close', () => {
      this.ended = true;
      this.closed = true;
      tell();
    });
  }

  static async connect(t: ExecutionContext, where: net.NetConnectOpts): Promise<Peer> {
    const socket = net.connect({ allowHalfOpen: true, ...where });
    await once(socket, 'connect');
    return new Peer(t, socket);
  }

  static async secure(t: ExecutionContext, options: tls.ConnectionOptions): Promise<Peer> {
    const socket = tls.connect({ host: '127.0.0.1', rejectUnauthorized: false, ...options });
    await once(socket, 'secureConnect');
    return new Peer(t, socket);
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Resolves when this text has arrived; rejects if the connection ends first. */
  async until(text: string): Promise<void> {
    await this.#when(() => this.received.includes(text));
    if (!this.received.includes(text)) throw new Error(`${text} did not come, but: ${this.received}`);
  }

  /** Resolves when this many answers have arrived, counted by their status lines. */
  async answers(count: number): Promise<string[]> {
    const statuses = (): string[] =>
      Array.from(this.received.matchAll(/HTTP\/1\.1 (\d{3}) /g), ([, s = '']) => s);
    await this.#when(() => statuses().length >= count);
    return statuses();
  }

  async end(): Promise<void> {
    await this.#when(() => this.ended);
  }

  async close(): Promise<void> {
    await this.#when(() => this.closed);
  }

  async #when(isSo: () => boolean): Promise<void> {
    while (!isSo() && !this.closed) await once(this.#news, 'news');
  }
}

/** Answers with the source of the request, as JSON. */
export const who: Plugin = {
  name: 'who',
  setup({ handle }) {
    handle('GET', '/who', ({ remoteAddress, protocol, host }) => ({
      json: { remoteAddress, protocol, host },
    }));
  },
};

export const GET_WHO = 'GET /who HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** A server with this configuration and a store in memory; closed when the test is over. */
export function serverOf(t: ExecutionContext, config: ServerConfig = {}, log?: Log): Server {
  const server = createServer(
    { listen: { port: 0 }, storage: { adapter: 'memory' }, plugins: [who], ...config },
    log === undefined ? {} : { log },
  );
  t.teardown(() => server.close());
  return server;
}

export interface Logged {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A log that keeps its lines and can be waited for. */
export class KeptLog implements Log {
  readonly lines: Logged[] = [];
  readonly #news = new EventEmitter();
  readonly debug: Log['debug'] = this.#at('debug');
  readonly info: Log['info'] = this.#at('info');
  readonly warn: Log['warn'] = this.#at('warn');
  readonly error: Log['error'] = this.#at('error');

  child(): Log {
    return this;
  }

  /** Resolves with the first line whose message contains this text. */
  async until(text: string, from = 0): Promise<Logged> {
    for (;;) {
      const line = this.lines.slice(from).find(({ message }) => message.includes(text));
      if (line !== undefined) return line;
      await once(this.#news, 'news');
    }
  }

  #at(level: LogLevel): Log['info'] {
    return (first: Logged['fields'] | string, second?: string): void => {
      const line =
        typeof first === 'string'
          ? { level, message: first, fields: {} }
          : { level, message: second ?? '', fields: first };
      this.lines.push(line);
      this.#news.emit('news');
    };
  }
}
