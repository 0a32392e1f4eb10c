/** One listening socket: accepts connections and passes them to the connections of the server. */
import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { plainAddress } from '../connection/address.js';
import type { Connections } from '../connection/connections.js';
import { attachEncrypted, attachSocket } from '../connection/socket-transport.js';
import { isNetworkDenied, networkDenied } from './listen-error.js';
import { TlsHandshakes } from './tls-handshakes.js';

/** Connections that may wait for acceptance; the system may have a lower maximum. */
const BACKLOG = 511;

export interface ListenerOptions {
  /** A Unix socket: its peers have no address. */
  readonly isUnix: boolean;
  /** The read path; see `socket-transport.ts`. */
  readonly sharedReadBuffer: boolean;
  /** Present if the listener uses TLS. */
  readonly tls: SecureContextOptions | undefined;
}

export class Listener {
  readonly #connections: Connections;
  readonly #server: Server;
  readonly #options: ListenerOptions;
  readonly #handshakes: TlsHandshakes | undefined;

  constructor(connections: Connections, options: ListenerOptions) {
    this.#connections = connections;
    this.#options = options;
    this.#handshakes =
      options.tls &&
      new TlsHandshakes(options.tls, connections, (socket, remoteAddress, accepted) =>
        attachEncrypted(
          socket,
          { remoteAddress: plainAddress(remoteAddress), protocol: 'https' },
          connections,
          accepted,
          options.sharedReadBuffer,
        ),
      );
    this.#server = createServer(
      // A client may end its sending side and still wait for the answer. Each answer is one write, so Nagle's algorithm
      // would save nothing.
      {
        allowHalfOpen: true,
        noDelay: true,
        pauseOnConnect: options.tls === undefined,
        highWaterMark: connections.limits.maxBufferedOctets,
      },
      (socket) => this.#accept(socket),
    );
  }

  /** @throws the system's error. */
  listen(where: Pick<ListenOptions, 'host' | 'port' | 'path'>): Promise<AddressInfo | string | null> {
    return new Promise((resolve, reject) => {
      // Node would throw it after this call, where nothing could catch it.
      if (isNetworkDenied()) throw networkDenied();
      this.#server.once('error', reject);
      this.#server.listen({ ...where, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#connections.acceptFailures.count({ err: error }));
        resolve(this.#server.address());
      });
    });
  }

  /** Accepts no more connections. Open connections continue; handshakes in progress are aborted. */
  stop(): void {
    this.#server.close();
    this.#handshakes?.stop();
  }

  /** Accepts no more connections. Open connections and handshakes continue; call `stop` later, until it is idle. */
  leave(): void {
    this.#server.close();
  }

  /** Whether no handshake is in progress. */
  get isIdle(): boolean {
    return this.#handshakes?.isIdle ?? true;
  }

  renewTls(material: SecureContextOptions): void {
    this.#handshakes?.renew(material);
  }

  /** A fault here costs one connection. Without this catch it would end the process. */
  #accept(socket: Socket): void {
    try {
      this.#take(socket);
    } catch (error) {
      this.#connections.log.error({ err: error }, 'A connection could not be accepted.');
      socket.destroy();
    }
  }

  #take(socket: Socket): void {
    if (this.#connections.isFull) {
      this.#connections.refusals.count();
      socket.destroy();
      return;
    }
    const remoteAddress = this.#options.isUnix ? '' : socket.remoteAddress;
    // The peer has already reset it. Octets from before could still be read, and without an address the connection
    // would count as one from this machine.
    if (remoteAddress === undefined) socket.destroy();
    else if (this.#handshakes !== undefined) this.#handshakes.begin(socket);
    else {
      const origin = { remoteAddress: plainAddress(remoteAddress), protocol: 'http' } as const;
      attachSocket(socket, origin, this.#connections, this.#options.sharedReadBuffer);
    }
  }
}
