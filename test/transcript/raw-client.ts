/** A client of the classic protocol over a bare socket, which sees every octet. */
import { once } from 'node:events';
import net from 'node:net';

/** One connection. */
export class RawClient {
  readonly #socket: net.Socket;
  readonly #answers: AsyncGenerator<string>;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#answers = answersOf(socket);
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return new RawClient(socket);
  }

  /** Sends in one write. */
  send(text: string): void {
    this.#socket.write(text);
  }

  /** The next answer as latin1, read by its Content-Length; `undefined` where the connection closed before it. */
  async next(): Promise<string | undefined> {
    const { value, done } = await this.#answers.next();
    return done === true ? undefined : value;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** One request as the clients of 2022 write it. */
export function classicRequest(method: string, address: string, body = ''): string {
  return [
    `${method} / HTTP/1.1`,
    `Host: ${address}`,
    'Content-Type: text/html',
    'Connection: keep-alive',
    `Content-Length: ${Buffer.byteLength(body)}`,
    '',
    body,
  ].join('\r\n');
}

/** The octets behind the last whole answer come as an answer of their own, so that no stray one goes unseen. */
async function* answersOf(socket: net.Socket): AsyncGenerator<string> {
  let received = '';
  for await (const chunk of socket) {
    received += (chunk as Buffer).toString('latin1');
    for (let length = lengthOf(received); length !== undefined; length = lengthOf(received)) {
      yield received.slice(0, length);
      received = received.slice(length);
    }
  }
  if (received !== '') yield received;
}

/** Of the first answer, head and body; `undefined` while it is not whole. */
function lengthOf(received: string): number | undefined {
  const headLength = received.indexOf('\r\n\r\n') + 4;
  if (headLength === 3) return undefined;
  const bodyLength = /\r\ncontent-length: *(\d+)\r\n/i.exec(received.slice(0, headLength))?.[1] ?? '0';
  const length = headLength + Number(bodyLength);
  return length <= received.length ? length : undefined;
}
