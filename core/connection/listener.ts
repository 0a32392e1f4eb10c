/** Accepts connections on a socket of `node:net` and gives each to the connections of the server. */
import { createServer, type Server, type Socket } from 'node:net';
import { JackfieldError } from '../errors.js';
import type { Connections } from './connections.js';
import { attachSocket } from './socket-transport.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export class Listener {
  readonly #connections: Connections;
  readonly #server: Server;
  readonly #useSharedBuffer: boolean;

  /** @param useSharedBuffer Which read path is taken; see `socket-transport.ts`. */
  constructor(connections: Connections, useSharedBuffer: boolean) {
    this.#connections = connections;
    this.#useSharedBuffer = useSharedBuffer;
    this.#server = createServer(
      // A client may end its direction and still wait for the answer. Answers leave in one write each, so nothing is
      // won by holding back small segments.
      {
        allowHalfOpen: true,
        noDelay: true,
        pauseOnConnect: true,
        highWaterMark: connections.limits.maxBufferedOctets,
      },
      (socket) => this.#accept(socket),
    );
  }

  /** Errors: PORT_IN_USE, ADDRESS_NOT_AVAILABLE, PORT_FORBIDDEN, LISTEN_FAILED. */
  listen({ host, port }: ListenAddress): Promise<ListenAddress> {
    return new Promise((resolve, reject) => {
      const failed = (cause: NodeJS.ErrnoException): void => reject(listenError(cause, host, port));
      this.#server.once('error', failed);
      this.#server.listen({ host, port, backlog: 511 }, () => {
        this.#server.off('error', failed);
        this.#server.on('error', (error) =>
          this.#connections.log.error({ err: error }, 'The listening socket failed.'),
        );
        const address = this.#server.address();
        if (typeof address === 'object' && address !== null)
          resolve({ host: address.address, port: address.port });
        else resolve({ host, port });
      });
    });
  }

  /** Accepts no more; open connections go on. */
  stop(): void {
    this.#server.close();
  }

  #accept(socket: Socket): void {
    if (this.#connections.isFull) {
      this.#connections.log.warn(
        { maxConnections: this.#connections.limits.maxConnections },
        'A connection was refused: too many are open.',
      );
      socket.destroy();
      return;
    }
    attachSocket(socket, this.#connections, this.#useSharedBuffer);
  }
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): JackfieldError {
  const where = `${host}:${port}`;
  switch (cause.code) {
    case 'EADDRINUSE':
      return new JackfieldError(
        'PORT_IN_USE',
        `${where}. Stop the program that listens there, or choose another with --port or "listen.port".`,
        { cause },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new JackfieldError(
        'ADDRESS_NOT_AVAILABLE',
        `${host}. Choose one of this machine with --host or "listen.host", for example 127.0.0.1.`,
        { cause },
      );
    case 'EACCES':
      return new JackfieldError(
        'PORT_FORBIDDEN',
        `${where}. Ports below 1024 need a privilege; choose another with --port or "listen.port".`,
        { cause },
      );
    default:
      return new JackfieldError('LISTEN_FAILED', `${where}: ${cause.message}`, { cause });
  }
}
