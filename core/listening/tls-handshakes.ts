/**
 * Turns accepted connections into TLS connections. Node's TLS server does not listen here: it gets the sockets that a
 * listener has accepted, so connections are accepted, counted and refused in one place.
 */

import type { Socket } from 'node:net';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';
import { plainAddress } from '../connection/address.js';
import type { Connections } from '../connection/connections.js';
import { systemCode } from '../errors.js';

/** OpenSSL's codes for a first record that is not TLS. It recognises plain HTTP by GET, HEAD, POST and PUT. */
const NOT_TLS = new Map<string, 'http-on-tls' | 'not-tls'>([
  ['ERR_SSL_HTTP_REQUEST', 'http-on-tls'],
  ['ERR_SSL_HTTPS_PROXY_REQUEST', 'not-tls'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'not-tls'],
]);

export class TlsHandshakes {
  #server: Server;
  readonly #connections: Connections;
  readonly #done: (socket: TLSSocket, remoteAddress: string, accepted: Socket) => void;
  /** By address and port of the peer, which the encrypted socket and the accepted socket share. */
  readonly #underWay = new Map<string, Socket>();

  /** @param done Called with every connection whose handshake is complete, and the accepted socket that carries it. */
  constructor(
    material: SecureContextOptions,
    connections: Connections,
    done: (socket: TLSSocket, remoteAddress: string, accepted: Socket) => void,
  ) {
    this.#connections = connections;
    this.#done = done;
    this.#server = this.#serverWith(material);
  }

  begin(socket: Socket): void {
    const peer = peerOf(socket);
    this.#underWay.set(peer, socket);
    this.#connections.handshakes++;
    socket.on('error', () => {});
    // A peer that ends its sending side during the handshake waits for nothing: balancers check this way whether the
    // server is up. The encrypted socket behaves like the accepted one.
    socket.allowHalfOpen = false;
    socket.once('close', () => {
      if (this.#underWay.get(peer) === socket) this.#over(peer);
    });
    this.#server.emit('connection', socket);
  }

  /**
   * New connections get the new certificate; open ones keep theirs. This makes a new server: Node can replace the
   * certificate of a server, but not the setting whether clients need one. Sessions from a server without client
   * certificates must not be resumed here.
   */
  renew(material: SecureContextOptions): void {
    this.#server = this.#serverWith(material);
  }

  get isIdle(): boolean {
    return this.#underWay.size === 0;
  }

  /** Closes the sockets of handshakes in progress: none has sent a request. */
  stop(): void {
    for (const socket of this.#underWay.values()) socket.destroy();
  }

  #serverWith(material: SecureContextOptions): Server {
    // Not imported: most servers never need it, and loading it makes every start measurably slower.
    const server = process.getBuiltinModule('node:tls').createServer({
      ...material,
      ...forClients(material),
      ALPNProtocols: ['http/1.1'],
      // The handshake precedes the first header section and gets the same time.
      handshakeTimeout: this.#connections.limits.headerTimeoutMs,
    });
    server.on('secureConnection', (socket) => {
      const { remoteAddress } = socket;
      const accepted = this.#underWay.get(peerOf(socket));
      this.#over(peerOf(socket));
      socket.allowHalfOpen = true;
      // A connection that is accepted after the drain of a stop would stay open for ever.
      if (remoteAddress === undefined || accepted === undefined || this.#connections.isStopping)
        socket.destroy();
      else this.#done(socket, remoteAddress, accepted);
    });
    // A missing common version or client certificate is normal on a public port. A peer that does not use TLS at all is
    // usually one of the operator's own programs with a wrong setting.
    server.on('tlsClientError', (error, socket) => {
      this.#connections.log.debug({ err: error }, 'A TLS handshake failed.');
      const seen = NOT_TLS.get(systemCode(error));
      if (seen !== undefined)
        this.#connections.otherProtocols.count(seen, plainAddress(socket.remoteAddress ?? ''));
      socket.destroy();
    });
    return server;
  }

  #over(peer: string): void {
    if (this.#underWay.delete(peer)) this.#connections.handshakes--;
  }
}

function forClients({ ca }: SecureContextOptions): { requestCert: boolean; rejectUnauthorized: boolean } {
  return { requestCert: ca !== undefined, rejectUnauthorized: true };
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
