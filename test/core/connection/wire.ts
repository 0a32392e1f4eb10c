/** A server with a few handlers, and a client that sees every octet. */

import { once } from 'node:events';
import net from 'node:net';
import type { ExecutionContext } from 'ava';
import type { PluginContext } from '../../../core/api/plugin.js';
import type { Limits } from '../../../core/config/limits.js';
import { type Log, silentLog } from '../../../core/log.js';
import { createServer, type Server } from '../../../core/server.js';
import { isStartWarning } from '../../support/start-warnings.js';

/** The error log of a test: the fields of every line. */
export interface Logged {
  readonly log: Log;
  readonly errors: Record<string, unknown>[];
}

export function logged(): Logged {
  const errors: Record<string, unknown>[] = [];
  const note = (fields: unknown, message?: string): void => {
    if (!isStartWarning({ message })) errors.push(fields as Record<string, unknown>);
  };
  const log: Log = { ...silentLog, error: note, warn: note, child: () => log };
  return { log, errors };
}

export interface Serving {
  readonly limits?: Partial<Limits>;
  readonly sharedReadBuffer?: boolean;
  readonly log?: Log;
  /** Built-in plugins before the test's plugin. */
  readonly plugins?: readonly string[];
}

/** Set up but not listening; closed when the test is over. */
export async function prepared(
  t: ExecutionContext,
  setup: (context: PluginContext) => void,
  { limits = {}, sharedReadBuffer = true, log, plugins = [] }: Serving = {},
): Promise<Server> {
  const server = createServer(
    {
      listen: { port: 0, sharedReadBuffer },
      storage: 'memory',
      limits: { shutdownTimeoutMs: 100, ...limits },
      plugins: [...plugins, { name: 'under-test', setup }],
    },
    log === undefined ? {} : { log },
  );
  t.teardown(() => server.close());
  await server.ready();
  return server;
}

/** Listens. @returns a function that connects a new client. */
export async function serving(
  t: ExecutionContext,
  setup: (context: PluginContext) => void,
  options?: Serving,
): Promise<() => Promise<Wire>> {
  const server = await prepared(t, setup, options);
  const { port } = await server.listen();
  return async () => {
    const wire = await Wire.connect(port);
    t.teardown(() => wire.destroy());
    return wire;
  };
}

/** One connection of a client. */
export class Wire {
  readonly socket: net.Socket;
  #received = '';
  #isClosed = false;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    // A reset counts as any other end.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isClosed = true;
    });
    socket.on('data', (octets: Buffer) => {
      this.#received += octets.toString('latin1');
      socket.emit('more');
    });
  }

  static async connect(port: number): Promise<Wire> {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return new Wire(socket);
  }

  /** Lines are joined with CR LF; an empty line follows the last. */
  request(...lines: readonly string[]): void {
    this.send(`${[...lines, 'Host: 127.0.0.1', '', ''].join('\r\n')}`);
  }

  send(latin1: string): void {
    this.socket.write(latin1, 'latin1');
  }

  /** Removes and returns the received text up to and including this text. */
  async until(text: string): Promise<string> {
    for (;;) {
      const at = this.#received.indexOf(text);
      if (at !== -1) return this.#take(at + text.length);
      await this.#more(`Waited for ${JSON.stringify(text)}`);
    }
  }

  /** This many octets. */
  async octets(count: number): Promise<string> {
    while (this.#received.length < count) await this.#more(`Waited for ${count} octets`);
    return this.#take(count);
  }

  /** The next head, including its empty line. */
  head(): Promise<string> {
    return this.until('\r\n\r\n');
  }

  /** Everything until the server has ended its sending side. */
  async rest(): Promise<string> {
    while (!this.socket.readableEnded && !this.#isClosed) {
      await Promise.race([once(this.socket, 'end'), once(this.socket, 'close')]);
    }
    return this.#take(this.#received.length);
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  #take(length: number): string {
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken;
  }

  async #more(why: string): Promise<void> {
    if (this.socket.readableEnded || this.#isClosed)
      throw new Error(`${why}, and the server closed after ${JSON.stringify(this.#received)}.`);
    const over = new AbortController();
    const events = ['more', 'end', 'close'].map((event) => once(this.socket, event, { signal: over.signal }));
    for (const event of events) event.catch(() => {});
    await Promise.race(events);
    over.abort();
  }
}

/** The fields of a head. */
export function fieldsOf(head: string): Record<string, string | undefined> {
  const fields: Record<string, string> = {};
  for (const line of head.split('\r\n').slice(1)) {
    const colon = line.indexOf(':');
    if (colon !== -1) fields[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  return fields;
}

/** Some turns of the event loop: enough for everything that is ready to happen. */
export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}
