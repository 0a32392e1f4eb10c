/** A client of the classic protocol: the request target is always `/`, and the address is in the Host field. */
import { type ConnectOptions, type Outcome, WireConnection } from './wire-connection.js';

export interface ClassicRequest {
  readonly method: string;
  readonly host: string;
  /** Without the slash between host and path. */
  readonly path: string;
  readonly body: string;
}

/**
 * The line of a request that an original client may have ended with a bare LF. In its published capture each request is
 * one octet shorter than with CR LF everywhere, and the first three lines end in CR LF; so it is one of the others.
 */
export type BareLf = 'connection' | 'content-length' | 'empty-line';

/**
 * A request as the original client wrote it, except that Content-Length counts octets.
 * @param bareLf The line that ends in LF alone. Default: every line ends in CR LF.
 */
export function classicRequestOctets({ method, host, path, body }: ClassicRequest, bareLf?: BareLf): Buffer {
  const end = (line: BareLf): string => (line === bareLf ? '\n' : '\r\n');
  return Buffer.from(
    `${method} / HTTP/1.1\r\n` +
      `Host: ${host}/${path}\r\n` +
      'Content-Type: text/html\r\n' +
      `Connection: keep-alive${end('connection')}` +
      `Content-Length: ${Buffer.byteLength(body)}${end('content-length')}` +
      `${end('empty-line')}${body}`,
  );
}

/** One connection to a server of the classic protocol. */
export class ClassicClient {
  readonly #connection: WireConnection;

  private constructor(connection: WireConnection) {
    this.#connection = connection;
  }

  /** Errors: SERVER_UNREACHABLE. */
  static async connect(options: ConnectOptions = {}): Promise<ClassicClient> {
    return new ClassicClient(await WireConnection.open(options));
  }

  /**
   * Exchanges run one after the other. If the server closes the connection instead of answering, the outcome is
   * `closed`.
   */
  exchange(request: ClassicRequest, bareLf?: BareLf): Promise<Outcome> {
    const manner = { method: request.method, wire: 'classic' } as const;
    return this.#connection.exchange(classicRequestOctets(request, bareLf), manner);
  }

  close(): void {
    this.#connection.close();
  }
}
