/**
 * Makes TLS connections of accepted ones. The TLS server of Node listens nowhere here: it is given the sockets that a
 * listener has accepted, so that there is one place where connections are accepted, counted and refused.
 */

import type { Socket } from 'node:net';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';
import { plainAddress } from '../connection/address.js';
import type { Connections } from '../connection/connections.js';
import { systemCode } from '../errors.js';

/** Codes of OpenSSL for a first record that is not one of TLS. It knows plain HTTP by GET, HEAD, POST and PUT. */
const NOT_TLS = new Map<string, 'http-on-tls' | 'not-tls'>([
  ['ERR_SSL_HTTP_REQUEST', 'http-on-tls'],
  ['ERR_SSL_HTTPS_PROXY_REQUEST', 'not-tls'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'not-tls'],
]);

export class TlsHandshakes {
  #server: Server;
  readonly #connections: Connections;
  readonly #done: (socket: TLSSocket, remoteAddress: string, accepted: Socket) => void;
  /** By address and port of the peer, which the encrypted socket has in common with the accepted one. */
  readonly #underWay = new Map<string, Socket>();

  /** @param done Gets every connection whose handshake is complete, and the accepted socket that carries it. */
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
    // Who ends its direction before the handshake is complete waits for nothing: balancers look so whether somebody is
    // there. The encrypted socket does as the accepted one does.
    socket.allowHalfOpen = false;
    socket.once('close', () => {
      if (this.#underWay.get(peer) === socket) this.#over(peer);
    });
    this.#server.emit('connection', socket);
  }

  /**
   * New connections get the new certificate; open ones keep theirs. A server of Node can be given another certificate,
   * but not another answer to whether clients need one; and a session that the one before remembers must not be
   * resumed without.
   */
  renew(material: SecureContextOptions): void {
    this.#server = this.#serverWith(material);
  }

  get isIdle(): boolean {
    return this.#underWay.size === 0;
  }

  /** Breaks off those under way: nothing was asked yet. */
  stop(): void {
    for (const socket of this.#underWay.values()) socket.destroy();
  }

  #serverWith(material: SecureContextOptions): Server {
    // Not imported: most servers never need it, and loading it is a part of every start that can be measured.
    const server = process.getBuiltinModule('node:tls').createServer({
      ...material,
      ...forClients(material),
      ALPNProtocols: ['http/1.1'],
      // A handshake is what comes before the first header section, so it has as much time.
      handshakeTimeout: this.#connections.limits.headerTimeoutMs,
    });
    server.on('secureConnection', (socket) => {
      const { remoteAddress } = socket;
      const accepted = this.#underWay.get(peerOf(socket));
      this.#over(peerOf(socket));
      socket.allowHalfOpen = true;
      // Whoever comes behind the drain of a stop would stay for ever.
      if (remoteAddress === undefined || accepted === undefined || this.#connections.isStopping)
        socket.destroy();
      else this.#done(socket, remoteAddress, accepted);
    });
    // No version in common, no certificate of the client: everyday things where strangers call. A peer that does not
    // speak TLS at all is mostly one of the operator's own, set up wrongly.
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
