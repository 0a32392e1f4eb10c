/** The client of the classic protocol: the request line always names `/`, the address travels in the Host field. */
import { type ConnectOptions, type Outcome, WireConnection } from './wire-connection.js';

export interface ClassicRequest {
  readonly method: string;
  readonly host: string;
  /** Without the slash that parts it from the host. */
  readonly path: string;
  readonly body: string;
}

/** The octets of a request as the original client made them, but for Content-Length, which counts octets here. */
export function classicRequestOctets({ method, host, path, body }: ClassicRequest): Buffer {
  return Buffer.from(
    `${method} / HTTP/1.1\r\n` +
      `Host: ${host}/${path}\r\n` +
      'Content-Type: text/html\r\n' +
      'Connection: keep-alive\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n` +
      `\r\n${body}`,
  );
}

/** One connection to a server that speaks the classic protocol. */
export class ClassicClient {
  readonly #connection: WireConnection;

  private constructor(connection: WireConnection) {
    this.#connection = connection;
  }

  /** Errors: SERVER_UNREACHABLE. */
  static async connect(options: ConnectOptions = {}): Promise<ClassicClient> {
    return new ClassicClient(await WireConnection.open(options));
  }

  /** One exchange after the other; a request that is answered by a close has the outcome `closed`. */
  exchange(request: ClassicRequest): Promise<Outcome> {
    const manner = { method: request.method, wire: 'classic' } as const;
    return this.#connection.exchange(classicRequestOctets(request), manner);
  }

  close(): void {
    this.#connection.close();
  }
}
