/** One exchange without a socket: the same parser, connection and writer, in memory. */

import type { Connection } from './connection.js';
import type { Connections } from './connections.js';
import type { Transport } from './transport.js';

class MemoryTransport implements Transport {
  readonly remoteAddress = '127.0.0.1';
  readonly protocol = 'http';
  readonly #parts: Buffer[] = [];
  readonly #ended: (octets: Buffer) => void;
  connection: Connection | undefined;

  constructor(ended: (octets: Buffer) => void) {
    this.#ended = ended;
  }

  write(octets: string | Uint8Array): boolean {
    this.#parts.push(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : Buffer.from(octets));
    return true;
  }

  writeAll(parts: readonly (string | Uint8Array)[]): boolean {
    for (const part of parts) this.write(part);
    return true;
  }

  pause(): void {}

  resume(): void {}

  end(): void {
    queueMicrotask(() => this.connection?.drained());
    this.destroy();
  }

  destroySoon(): void {
    this.destroy();
  }

  /** Instead of the reset of a socket, the octets show that they are incomplete: `inject` uses HTTP/1.1. */
  reset(): void {
    this.destroy();
  }

  destroy(): void {
    this.#ended(Buffer.concat(this.#parts));
    // As with a socket, `closed` is called after the call that caused it has returned.
    queueMicrotask(() => this.connection?.closed());
  }
}

/**
 * Sends octets like a client that then ends its sending side.
 * @returns all octets of the server until it closed.
 */
export function exchangeOctets(connections: Connections, octets: Buffer): Promise<Buffer> {
  return new Promise((resolve) => {
    const transport = new MemoryTransport(resolve);
    const connection = connections.open(transport);
    transport.connection = connection;
    connection.received(octets);
    connection.ended(true);
  });
}
