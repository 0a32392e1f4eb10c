/** One listening socket: accepts connections and gives each to the connections of the server. */
import { type AddressInfo, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import { plainAddress } from '../connection/address.js';
import type { Connections } from '../connection/connections.js';
import { attachPortable, attachSocket } from '../connection/socket-transport.js';
import { isNetworkDenied, networkDenied } from './listen-error.js';
import { TlsHandshakes } from './tls-handshakes.js';

/** Connections that wait to be accepted; the system takes less where it allows less. */
const BACKLOG = 511;

export interface ListenerOptions {
  /** A Unix socket: its peers have no address. */
  readonly isUnix: boolean;
  /** Which read path is taken; see `socket-transport.ts`. TLS has only the portable one. */
  readonly sharedReadBuffer: boolean;
  /** Present where the listener speaks TLS. */
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
        attachPortable(
          socket,
          { remoteAddress: plainAddress(remoteAddress), protocol: 'https' },
          connections,
          accepted,
        ),
      );
    this.#server = createServer(
      // A client may end its direction and still wait for the answer. Answers leave in one write each, so nothing is
      // won by holding back small segments.
      {
        allowHalfOpen: true,
        noDelay: true,
        pauseOnConnect: options.tls === undefined,
        highWaterMark: connections.limits.maxBufferedOctets,
      },
      (socket) => this.#accept(socket),
    );
  }

  /** @throws what the system says. */
  listen(where: Pick<ListenOptions, 'host' | 'port' | 'path'>): Promise<AddressInfo | string | null> {
    return new Promise((resolve, reject) => {
      // Node would throw it after this call, where nobody could catch it.
      if (isNetworkDenied()) throw networkDenied();
      this.#server.once('error', reject);
      this.#server.listen({ ...where, backlog: BACKLOG }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => this.#connections.acceptFailures.count({ err: error }));
        resolve(this.#server.address());
      });
    });
  }

  /** Accepts no more; open connections go on, but for those whose handshake is under way. */
  stop(): void {
    this.#server.close();
    this.#handshakes?.stop();
  }

  /** Accepts no more; what was accepted goes on. To be stopped still, until it is idle. */
  leave(): void {
    this.#server.close();
  }

  /** No handshake is under way. */
  get isIdle(): boolean {
    return this.#handshakes?.isIdle ?? true;
  }

  renewTls(material: SecureContextOptions): void {
    this.#handshakes?.renew(material);
  }

  /** A fault here costs one connection: nobody else would catch it. */
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
    // The peer has reset it already. What it sent before could still be read, and without an address it would pass for
    // one of this machine.
    if (remoteAddress === undefined) socket.destroy();
    else if (this.#handshakes !== undefined) this.#handshakes.begin(socket);
    else {
      const origin = { remoteAddress: plainAddress(remoteAddress), protocol: 'http' } as const;
      attachSocket(socket, origin, this.#connections, this.#options.sharedReadBuffer);
    }
  }
}
