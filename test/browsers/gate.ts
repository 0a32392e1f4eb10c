/** A port that stays the same for clients while servers are restarted. A closed gate refuses connections. */
import { once } from 'node:events';
import net from 'node:net';
import type { ExecutionContext } from 'ava';

export class Gate {
  readonly port: number;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #target = 0;

  private constructor(server: net.Server) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
    server.on('connection', (client) => this.#join(client));
  }

  /** Open, but without a server behind it. */
  static async make(t: ExecutionContext): Promise<Gate> {
    const server = net.createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const gate = new Gate(server);
    t.teardown(() => gate.close());
    return gate;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** @param target The port of the server on this machine. */
  async open(target: number): Promise<void> {
    this.#target = target;
    if (this.#server.listening) return;
    this.#server.listen(this.port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** Breaks off every connection. */
  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: net.Socket): void {
    const server = net.connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }
}
