/** A client of the classic protocol over a raw socket, which sees every octet. */
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

  /** The next answer as latin1, read by its Content-Length; `undefined` if the connection closed before it. */
  async next(): Promise<string | undefined> {
    const { value, done } = await this.#answers.next();
    return done === true ? undefined : value;
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Where the clients of 2022 may have ended a line in a bare LF: after this field, or as the empty line. */
export const LF_FORMS = ['Connection', 'Content-Length', 'the empty line'] as const;
export type LfForm = (typeof LF_FORMS)[number];

/** One request as the clients of 2022 write it; without `form` every line ends in CR LF. */
export function classicRequest(method: string, address: string, body = '', form?: LfForm): string {
  const end = (line: LfForm): string => (line === form ? '\n' : '\r\n');
  return [
    `${method} / HTTP/1.1\r\n`,
    `Host: ${address}\r\n`,
    'Content-Type: text/html\r\n',
    `Connection: keep-alive${end('Connection')}`,
    `Content-Length: ${Buffer.byteLength(body)}${end('Content-Length')}`,
    `${end('the empty line')}${body}`,
  ].join('');
}

/** Octets after the last complete answer are returned as one more answer, so that stray octets are noticed. */
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

/** Length of the first answer, head and body; `undefined` while it is incomplete. */
function lengthOf(received: string): number | undefined {
  const headLength = received.indexOf('\r\n\r\n') + 4;
  if (headLength === 3) return undefined;
  const bodyLength = /\r\ncontent-length: *(\d+)\r\n/i.exec(received.slice(0, headLength))?.[1] ?? '0';
  const length = headLength + Number(bodyLength);
  return length <= received.length ? length : undefined;
}
