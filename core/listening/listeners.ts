/** All that a server listens on: every listener of its configuration, or none. */
import { isIP } from 'node:net';
import path from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { ListenerConfig } from '../config/resolved-config.js';
import { type Address, hostAndPort } from '../connection/address.js';
import type { Connections } from '../connection/connections.js';
import { JackfieldError, systemCode } from '../errors.js';
import { portError, socketError } from './listen-error.js';
import { Listener } from './listener.js';
import { loadTls } from './tls-material.js';
import { checkLength, removeStale, setMode } from './unix-socket.js';

/** A port that is free on one address of a name may be taken on another; then any other will do. */
const FREE_PORT_ATTEMPTS = 5;

type TcpConfig = Extract<ListenerConfig, { kind: 'tcp' }>;
type UnixConfig = Extract<ListenerConfig, { kind: 'unix' }>;

/** One entry of the configuration, with what it became. */
interface Held {
  config: ListenerConfig;
  /** Present where it speaks TLS. */
  material: SecureContextOptions | undefined;
  readonly listeners: Listener[];
  addresses: readonly Address[];
}

/** Other listeners than before; nothing has changed yet. */
export interface ListenersChange {
  /** Listens where nothing listened before, beside what there is. Errors: those of `listen`; then nothing has changed. */
  open(): Promise<void>;
  /** From now on these are the listeners of the server. Those that left accept no more; open connections go on. */
  commit(): void;
  /** Stops what was opened for it. */
  undo(): void;
}

export class Listeners {
  #folder: string;
  #held: readonly Held[];
  #connections: Connections | undefined;
  /** Left out by a reload; the handshakes of connections that they have accepted may be under way. */
  #leaving: readonly Listener[] = [];

  private constructor(folder: string, held: readonly Held[]) {
    this.#folder = folder;
    this.#held = held;
  }

  /**
   * Reads the certificates, so that a wrong one is told before anything is set up.
   * @param folder Where relative paths start.
   * Errors: TLS_UNREADABLE, TLS_INVALID.
   */
  static async prepare(configs: readonly ListenerConfig[], folder: string): Promise<Listeners> {
    return new Listeners(folder, await Promise.all(configs.map((config) => heldFor(config, folder))));
  }

  /** Empty until all of them listen. */
  get addresses(): readonly Address[] {
    return this.#connections === undefined ? [] : this.#held.flatMap(({ addresses }) => addresses);
  }

  /**
   * Errors: PORT_IN_USE, ADDRESS_NOT_AVAILABLE, PORT_FORBIDDEN, SOCKET_IN_USE, SOCKET_UNAVAILABLE, LISTEN_FAILED; then
   * nothing listens.
   */
  async listen(connections: Connections): Promise<readonly Address[]> {
    await this.#openAll(this.#held, connections);
    this.#connections = connections;
    return this.addresses;
  }

  /** Accepts no more; open connections go on. */
  stop(): void {
    stopAll(this.#held);
    for (const listener of this.#leaving) listener.stop();
    this.#leaving = [];
  }

  /**
   * Reads the files of all certificates again. New connections get the new ones; where one cannot be used, its
   * listener keeps what it has.
   * @returns what kept the others from being renewed: TLS_UNREADABLE, TLS_INVALID.
   */
  async reloadCertificates(): Promise<unknown[]> {
    const outcomes = await Promise.allSettled(
      this.#held.map(async (held) => renew(held, await materialFor(held.config, this.#folder))),
    );
    return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  }

  /**
   * A listener whose address stays is kept, with new certificates where it speaks TLS.
   * Errors: TLS_UNREADABLE, TLS_INVALID, RELOAD_NEEDS_RESTART where it would have to be another kind of listener.
   */
  async change(configs: readonly ListenerConfig[], folder: string): Promise<ListenersChange> {
    const free = new Set(this.#held);
    const opened: Held[] = [];
    const renewals: (() => void)[] = [];
    const held: Held[] = [];
    for (const config of configs) {
      const same = [...free].find((one) => placeOf(one.config, this.#folder) === placeOf(config, folder));
      if (same === undefined) {
        const fresh = await heldFor(config, folder);
        opened.push(fresh);
        held.push(fresh);
        continue;
      }
      refuseOtherKind(same.config, config);
      free.delete(same);
      const material = await materialFor(config, folder);
      renewals.push(() => {
        same.config = config;
        renew(same, material);
      });
      held.push(same);
    }
    return {
      open: async () => {
        if (this.#connections !== undefined) await this.#openAll(opened, this.#connections, folder);
      },
      commit: () => {
        for (const renewal of renewals) renewal();
        const leaving = [...free].flatMap(({ listeners }) => listeners);
        for (const listener of leaving) listener.leave();
        this.#leaving = [...this.#leaving, ...leaving].filter(({ isIdle }) => !isIdle);
        this.#held = held;
        this.#folder = folder;
      },
      undo: () => stopAll(opened),
    };
  }

  async #openAll(entries: readonly Held[], connections: Connections, folder = this.#folder): Promise<void> {
    try {
      for (const held of entries) {
        held.addresses =
          held.config.kind === 'unix'
            ? [await this.#listenAtPath(held, held.config, folder, connections)]
            : await this.#listenAtHost(held, held.config, connections);
      }
    } catch (error) {
      stopAll(entries);
      throw error;
    }
  }

  async #listenAtPath(
    held: Held,
    config: UnixConfig,
    folder: string,
    connections: Connections,
  ): Promise<Address> {
    const socket = path.resolve(folder, config.path);
    checkLength(socket);
    const listen = async (): Promise<Listener> => {
      const { sharedReadBuffer } = config;
      const listener = new Listener(connections, { isUnix: true, sharedReadBuffer, tls: undefined });
      await listener.listen({ path: socket });
      return listener;
    };
    const listener = await listen().catch(async (error: unknown) => {
      if (systemCode(error) !== 'EADDRINUSE') throw socketError(error, socket);
      await removeStale(socket);
      return listen().catch((again: unknown) => {
        throw socketError(again, socket);
      });
    });
    held.listeners.push(listener);
    await setMode(socket, config.mode);
    return { host: '', port: 0, url: `unix:${socket}`, socket };
  }

  async #listenAtHost(held: Held, config: TcpConfig, connections: Connections): Promise<Address[]> {
    const hosts = await addressesOf(config);
    for (let attempt = 1; ; attempt++) {
      const bound: Listener[] = [];
      try {
        const addresses = await this.#bind(config, hosts, held.material, connections, bound);
        held.listeners.push(...bound);
        return addresses;
      } catch (error) {
        for (const listener of bound) listener.stop();
        const isTaken = error instanceof JackfieldError && error.code === 'PORT_IN_USE';
        if (!isTaken || config.port !== 0 || attempt === FREE_PORT_ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Every address of a name, at one port. Those that this machine does not have are left out as long as there are
   * others: `localhost` often names `::1` where IPv6 is switched off.
   * @param bound Gets each listener as soon as it listens.
   */
  async #bind(
    { host: name, port: wanted, sharedReadBuffer }: TcpConfig,
    hosts: readonly string[],
    tls: SecureContextOptions | undefined,
    connections: Connections,
    bound: Listener[],
  ): Promise<Address[]> {
    const addresses: Address[] = [];
    const scheme = tls === undefined ? 'http' : 'https';
    let port = wanted;
    let missing: unknown;
    for (const host of hosts) {
      const listener = new Listener(connections, {
        isUnix: false,
        sharedReadBuffer,
        tls,
      });
      try {
        const found = await listener.listen({ host, port });
        bound.push(listener);
        if (typeof found !== 'object' || found === null) continue;
        port = found.port;
        addresses.push({
          host: found.address,
          port,
          url: `${scheme}://${hostAndPort(found.address, port)}`,
        });
      } catch (error) {
        if (!['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(systemCode(error)))
          throw portError(error, host, port);
        missing = error;
      }
    }
    if (addresses.length === 0) throw portError(missing, name, wanted);
    return addresses;
  }
}

async function heldFor(config: ListenerConfig, folder: string): Promise<Held> {
  return { config, material: await materialFor(config, folder), listeners: [], addresses: [] };
}

async function materialFor(
  config: ListenerConfig,
  folder: string,
): Promise<SecureContextOptions | undefined> {
  return config.kind === 'tcp' && config.tls !== undefined ? loadTls(config.tls, folder) : undefined;
}

function renew(held: Held, material: SecureContextOptions | undefined): void {
  // Otherwise clients could not resume the sessions that they have.
  if (isDeepStrictEqual(held.material, material)) return;
  held.material = material;
  if (material !== undefined) for (const listener of held.listeners) listener.renewTls(material);
}

function stopAll(entries: readonly Held[]): void {
  for (const { listeners } of entries) for (const listener of listeners.splice(0)) listener.stop();
}

/** Two configurations of one place cannot listen at the same time. */
function placeOf(config: ListenerConfig, folder: string): string {
  return config.kind === 'unix' ? path.resolve(folder, config.path) : hostAndPort(config.host, config.port);
}

/** Errors: RELOAD_NEEDS_RESTART. */
function refuseOtherKind(one: ListenerConfig, other: ListenerConfig): void {
  const kindOf = (config: ListenerConfig): unknown[] =>
    config.kind === 'unix'
      ? [config.mode, config.sharedReadBuffer]
      : [config.tls !== undefined, config.sharedReadBuffer];
  if (isDeepStrictEqual(kindOf(one), kindOf(other))) return;
  const where = one.kind === 'unix' ? one.path : hostAndPort(one.host, one.port);
  throw new JackfieldError(
    'RELOAD_NEEDS_RESTART',
    `the listener at ${where} would change "tls", "socketMode" or "sharedReadBuffer" while it listens. Restart the server, or undo the change of "listen".`,
  );
}

/** What a name stands for, each address once. Errors: ADDRESS_NOT_AVAILABLE. */
async function addressesOf({ host, port }: TcpConfig): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const { lookup } = await import('node:dns/promises');
  const found = await lookup(host, { all: true }).catch((cause: unknown) => {
    throw portError(cause, host, port);
  });
  return [...new Set(found.map(({ address }) => address))];
}
