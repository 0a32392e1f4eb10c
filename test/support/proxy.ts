/** A TCP proxy in front of a server, which a test can cut at any octet. */
import { once } from 'node:events';
import net from 'node:net';

export interface CuttableProxy {
  readonly port: number;
  /**
   * Sees every run of octets from a client; true cuts that connection. `before`: the server never gets the octets.
   * `after`: it gets them, and its answer to them is not passed on.
   */
  cutWhen(where: 'before' | 'after', match: ((octets: Buffer) => boolean) | undefined): void;
  /** Holds back everything in both directions, as a network that swallows packets does. */
  freeze(isFrozen: boolean): void;
  /** Ends the open connections; new ones are accepted. */
  cutAll(): void;
  /** Refuses: connections are accepted and closed at once. */
  refuse(isRefusing: boolean): void;
  close(): Promise<void>;
}

/** @param target A port of this machine, or the path of a Unix socket. */
export async function startProxy(target: number | string): Promise<CuttableProxy> {
  const state = {
    cut: undefined as undefined | { where: 'before' | 'after'; match: (octets: Buffer) => boolean },
    isFrozen: false,
    isRefusing: false,
  };
  const sockets = new Set<net.Socket>();
  const held: (() => void)[] = [];
  const pass = (send: () => void) => {
    if (state.isFrozen) held.push(send);
    else send();
  };
  const server = net.createServer((client) => {
    if (state.isRefusing) {
      client.destroy();
      return;
    }
    const upstream = typeof target === 'number' ? net.connect(target, '127.0.0.1') : net.connect(target);
    let isDeaf = false;
    const end = () => {
      client.destroy();
      upstream.destroy();
      sockets.delete(client);
    };
    sockets.add(client);
    // A network that drops everything also hides that a peer is gone.
    const endInTurn = () => pass(end);
    client.on('close', endInTurn).on('error', endInTurn);
    upstream.on('close', endInTurn).on('error', endInTurn);
    client.on('data', (octets: Buffer) =>
      pass(() => {
        const isMet = state.cut?.match(octets) === true;
        if (isMet && state.cut?.where === 'before') {
          end();
          return;
        }
        if (isMet) isDeaf = true;
        // The match may have frozen everything, including these octets.
        pass(() => upstream.write(octets));
      }),
    );
    upstream.on('data', (octets: Buffer) => {
      // The answer has arrived, so the server has processed the request.
      if (isDeaf) end();
      else pass(() => client.write(octets));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('a TCP server has a port');
  const cutAll = () => {
    state.isFrozen = false;
    held.length = 0;
    for (const socket of [...sockets]) socket.destroy();
  };
  return {
    port: address.port,
    cutWhen(where, match) {
      state.cut = match && { where, match };
    },
    freeze(isFrozen) {
      state.isFrozen = isFrozen;
      if (!isFrozen) for (const send of held.splice(0)) send();
    },
    cutAll,
    refuse(isRefusing) {
      state.isRefusing = isRefusing;
      if (isRefusing) cutAll();
    },
    async close() {
      cutAll();
      server.close();
      await once(server, 'close');
    },
  };
}
