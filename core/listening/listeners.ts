/** All listeners of a server: every listener of its configuration works, or none. */
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

/** A free port on one address of a name may be taken on another address; then try another port. */
const FREE_PORT_ATTEMPTS = 5;

type TcpConfig = Extract<ListenerConfig, { kind: 'tcp' }>;
type UnixConfig = Extract<ListenerConfig, { kind: 'unix' }>;

/** One entry of `listen` in the configuration, with its listeners. */
interface ListenEntry {
  config: ListenerConfig;
  /** Present if it uses TLS. */
  material: SecureContextOptions | undefined;
  readonly listeners: Listener[];
  addresses: readonly Address[];
}

/** A change of the listeners; nothing has changed yet. */
export interface ListenersChange {
  /**
   * Opens the new listeners while the old ones stay open. If it fails, nothing has changed. Errors: those of `listen`.
   */
  open(): Promise<void>;
  /** Makes these the listeners of the server. Removed listeners accept no more; open connections continue. */
  commit(): void;
  /** Stops the listeners that `open` opened. */
  undo(): void;
}

export class Listeners {
  #folder: string;
  #entries: readonly ListenEntry[];
  #connections: Connections | undefined;
  /** Removed by a reload; handshakes of their connections may be in progress. */
  #leaving: readonly Listener[] = [];

  private constructor(folder: string, entries: readonly ListenEntry[]) {
    this.#folder = folder;
    this.#entries = entries;
  }

  /**
   * Reads the certificates, so that a faulty one is reported before anything is set up.
   * @param folder Base of relative paths.
   * Errors: TLS_UNREADABLE, TLS_INVALID.
   */
  static async prepare(configs: readonly ListenerConfig[], folder: string): Promise<Listeners> {
    return new Listeners(folder, await Promise.all(configs.map((config) => entryFor(config, folder))));
  }

  /** Empty until all of them listen. */
  get addresses(): readonly Address[] {
    return this.#connections === undefined ? [] : this.#entries.flatMap(({ addresses }) => addresses);
  }

  /**
   * On an error, nothing listens. Errors: PORT_IN_USE, ADDRESS_NOT_AVAILABLE, PORT_FORBIDDEN, SOCKET_IN_USE,
   * SOCKET_UNAVAILABLE, LISTEN_FAILED.
   */
  async listen(connections: Connections): Promise<readonly Address[]> {
    await this.#openAll(this.#entries, connections);
    this.#connections = connections;
    return this.addresses;
  }

  /** Accepts no more connections; open connections continue. */
  stop(): void {
    stopAll(this.#entries);
    for (const listener of this.#leaving) listener.stop();
    this.#leaving = [];
  }

  /**
   * Reads the files of all certificates again. New connections get the new ones. If a certificate cannot be used, its
   * listener keeps the old one.
   * @returns the errors of the certificates that were not renewed: TLS_UNREADABLE, TLS_INVALID.
   */
  async reloadCertificates(): Promise<unknown[]> {
    const outcomes = await Promise.allSettled(
      this.#entries.map(async (entry) => renew(entry, await materialFor(entry.config, this.#folder))),
    );
    return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  }

  /**
   * Keeps a listener whose address stays, with new certificates if it uses TLS. Errors: TLS_UNREADABLE, TLS_INVALID;
   * RELOAD_NEEDS_RESTART if it would have to become another kind of listener.
   */
  async change(configs: readonly ListenerConfig[], folder: string): Promise<ListenersChange> {
    const free = new Set(this.#entries);
    const opened: ListenEntry[] = [];
    const renewals: (() => void)[] = [];
    const entries: ListenEntry[] = [];
    for (const config of configs) {
      const same = [...free].find((one) => placeOf(one.config, this.#folder) === placeOf(config, folder));
      if (same === undefined) {
        const fresh = await entryFor(config, folder);
        opened.push(fresh);
        entries.push(fresh);
        continue;
      }
      refuseOtherKind(same.config, config);
      free.delete(same);
      const material = await materialFor(config, folder);
      renewals.push(() => {
        same.config = config;
        renew(same, material);
      });
      entries.push(same);
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
        this.#entries = entries;
        this.#folder = folder;
      },
      undo: () => stopAll(opened),
    };
  }

  async #openAll(
    entries: readonly ListenEntry[],
    connections: Connections,
    folder = this.#folder,
  ): Promise<void> {
    try {
      for (const entry of entries) {
        entry.addresses =
          entry.config.kind === 'unix'
            ? [await this.#listenAtPath(entry, entry.config, folder, connections)]
            : await this.#listenAtHost(entry, entry.config, connections);
      }
    } catch (error) {
      stopAll(entries);
      throw error;
    }
  }

  async #listenAtPath(
    entry: ListenEntry,
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
    entry.listeners.push(listener);
    await setMode(socket, config.mode);
    return { host: '', port: 0, url: `unix:${socket}`, socket };
  }

  async #listenAtHost(entry: ListenEntry, config: TcpConfig, connections: Connections): Promise<Address[]> {
    const hosts = await addressesOf(config);
    for (let attempt = 1; ; attempt++) {
      const bound: Listener[] = [];
      try {
        const addresses = await this.#bind(config, hosts, entry.material, connections, bound);
        entry.listeners.push(...bound);
        return addresses;
      } catch (error) {
        for (const listener of bound) listener.stop();
        const isTaken = error instanceof JackfieldError && error.code === 'PORT_IN_USE';
        if (!isTaken || config.port !== 0 || attempt === FREE_PORT_ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Listens on every address of a name, at one port. Skips addresses that this machine does not have, if there are
   * others: `localhost` often includes `::1` on machines without IPv6.
   * @param bound Receives each listener as soon as it listens.
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

async function entryFor(config: ListenerConfig, folder: string): Promise<ListenEntry> {
  return { config, material: await materialFor(config, folder), listeners: [], addresses: [] };
}

async function materialFor(
  config: ListenerConfig,
  folder: string,
): Promise<SecureContextOptions | undefined> {
  return config.kind === 'tcp' && config.tls !== undefined ? loadTls(config.tls, folder) : undefined;
}

function renew(entry: ListenEntry, material: SecureContextOptions | undefined): void {
  // With the same certificate, keep the TLS context: clients can then resume their sessions.
  if (isDeepStrictEqual(entry.material, material)) return;
  entry.material = material;
  if (material !== undefined) for (const listener of entry.listeners) listener.renewTls(material);
}

function stopAll(entries: readonly ListenEntry[]): void {
  for (const { listeners } of entries) for (const listener of listeners.splice(0)) listener.stop();
}

/** Identifies the address: two listeners cannot use it at the same time. */
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

/** The addresses of a name, each once. Errors: ADDRESS_NOT_AVAILABLE. */
async function addressesOf({ host, port }: TcpConfig): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const { lookup } = await import('node:dns/promises');
  const found = await lookup(host, { all: true }).catch((cause: unknown) => {
    throw portError(cause, host, port);
  });
  return [...new Set(found.map(({ address }) => address))];
}
