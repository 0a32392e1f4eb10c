/**
 * Warns of peers that use another protocol than the address expects: usually a wrong setting of a balancer or a client.
 */
import type { OtherProtocol } from '../http/other-protocol.js';
import type { Log } from '../log.js';
import { CountedWarning } from './counted-warning.js';

/** TLS finds the first two: it recognises plain HTTP, and knows of others only that they are not TLS. */
type Seen = 'http-on-tls' | 'not-tls' | OtherProtocol;

/**
 * What happened and what to change. Only the log has these sentences; the connection gets 400 or 505, or TLS closes it.
 */
const SENTENCES: Readonly<Record<Seen, string>> = {
  'proxy-protocol':
    'A peer sent a PROXY protocol header and was refused: jackfield does not read the PROXY protocol yet. ' +
    'Switch it off for this address in the load balancer, and let the load balancer send Forwarded or X-Forwarded-For (trustedProxies).',
  tls:
    'A peer began a TLS handshake on an address without "tls" and was refused. ' +
    'Use http:// for this address, or give it "tls" in "listen".',
  http2:
    'A peer sent the HTTP/2 preface and was refused: this server speaks only HTTP/1.0 and HTTP/1.1. ' +
    'Let the client or the load balancer use HTTP/1.1 for this address.',
  'http-on-tls':
    'A peer sent plain HTTP to an address with "tls", and the connection was closed. ' +
    'Use https:// for this address, or remove its "tls" in "listen".',
  'not-tls':
    'A peer sent data that is not TLS to an address with "tls", and the connection was closed. ' +
    'If a load balancer sends a PROXY protocol header, switch that off for this address: jackfield does not read the PROXY protocol yet. ' +
    'If a client speaks plain HTTP, use https://.',
};

export class OtherProtocols {
  readonly #log: Log;
  readonly #warnings = new Map<Seen, CountedWarning>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param remoteAddress Address of the peer; `''` for a Unix socket. */
  count(seen: Seen, remoteAddress: string): void {
    let warning = this.#warnings.get(seen);
    if (warning === undefined) {
      warning = new CountedWarning(this.#log, SENTENCES[seen]);
      this.#warnings.set(seen, warning);
    }
    warning.count({ remoteAddress });
  }

  /** Logs the connections that were counted and not logged yet. */
  stop(): void {
    for (const warning of this.#warnings.values()) warning.stop();
  }
}
