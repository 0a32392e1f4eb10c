import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';

export interface Canned {
  readonly port: number;
  /** The text received on each connection. */
  readonly received: string[];
}

/** Answers a complete request: its text so far, and the socket to answer on. */
export type Answer = (request: string, socket: net.Socket, count: number) => void;

/** Splits requests by Content-Length and passes each to the test. Closes when the test ends. */
export async function cannedServer(t: ExecutionContext, answer: Answer): Promise<Canned> {
  const received: string[] = [];
  let count = 0;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    const connection = received.push('') - 1;
    sockets.add(socket);
    let pending = '';
    socket.on('error', () => {});
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      received[connection] += text;
      pending += text;
      for (;;) {
        const head = pending.indexOf('\r\n\r\n');
        if (head < 0) return;
        const length = Number(/^content-length: (\d+)/im.exec(pending.slice(0, head))?.[1] ?? 0);
        const end = head + 4 + length;
        if (pending.length < end) return;
        const request = pending.slice(0, end);
        pending = pending.slice(end);
        answer(request, socket, count++);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, received };
}

/** A port on which nothing listens: one that was just released. */
export async function deadPort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** An answer in the classic format. */
export function classicAnswer(
  status: number,
  reason: string,
  host: string,
  body: string,
  date = 'Tue, 03 May 2022 12:11:44 KST',
): string {
  return (
    `HTTP/1.1 ${status} ${reason}\r\nHost: ${host}\r\nContent-Type: text/html\r\nConnection: keep-alive\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nDate: ${date}\r\n\r\n${body}`
  );
}
