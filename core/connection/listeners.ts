/** All that a server listens on: every listener of its configuration, or none. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import path from 'node:path';
import type { SecureContextOptions } from 'node:tls';
import type { TlsConfig } from '../config/server-config.js';
import type { ListenerConfig } from '../config/validate-config.js';
import { JackfieldError } from '../errors.js';
import { type Address, hostAndPort } from './address.js';
import type { Connections } from './connections.js';
import { codeOf, portError, socketError } from './listen-error.js';
import { Listener } from './listener.js';
import { loadTls } from './tls-material.js';
import { checkLength, removeStale, setMode } from './unix-socket.js';

/** A port that is free on one address of a name may be taken on another; then any other will do. */
const FREE_PORT_ATTEMPTS = 5;

type TcpConfig = Extract<ListenerConfig, { kind: 'tcp' }>;
type UnixConfig = Extract<ListenerConfig, { kind: 'unix' }>;

export class Listeners {
  readonly #configs: readonly ListenerConfig[];
  readonly #folder: string;
  readonly #listeners: Listener[] = [];
  #addresses: Address[] = [];
  /** By the configuration that names the files. */
  readonly #tls: Map<TlsConfig, { material: SecureContextOptions; listeners: Listener[] }>;

  private constructor(
    configs: readonly ListenerConfig[],
    folder: string,
    tls: readonly (readonly [TlsConfig, SecureContextOptions])[],
  ) {
    this.#configs = configs;
    this.#folder = folder;
    this.#tls = new Map(tls.map(([config, material]) => [config, { material, listeners: [] }]));
  }

  /**
   * Reads the certificates, so that a wrong one is told before anything is set up.
   * @param folder Where relative paths start.
   * Errors: TLS_UNREADABLE, TLS_INVALID.
   */
  static async prepare(configs: readonly ListenerConfig[], folder: string): Promise<Listeners> {
    const secure = configs.flatMap((config) => (config.kind === 'tcp' ? (config.tls ?? []) : []));
    const tls = await Promise.all(
      secure.map(async (config) => [config, await loadTls(config, folder)] as const),
    );
    return new Listeners(configs, folder, tls);
  }

  /** Empty until all of them listen. */
  get addresses(): readonly Address[] {
    return this.#addresses;
  }

  /**
   * Errors: PORT_IN_USE, ADDRESS_NOT_AVAILABLE, PORT_FORBIDDEN, SOCKET_IN_USE, SOCKET_UNAVAILABLE, LISTEN_FAILED; then
   * nothing listens.
   */
  async listen(connections: Connections): Promise<readonly Address[]> {
    const addresses: Address[] = [];
    try {
      for (const config of this.#configs) {
        if (config.kind === 'unix') addresses.push(await this.#listenAtPath(config, connections));
        else addresses.push(...(await this.#listenAtHost(config, connections)));
      }
    } catch (error) {
      this.stop();
      throw error;
    }
    this.#addresses = addresses;
    return addresses;
  }

  /** Accepts no more; open connections go on. */
  stop(): void {
    for (const listener of this.#listeners) listener.stop();
    this.#listeners.length = 0;
  }

  /**
   * Reads the files of all certificates again. New connections get the new ones; where one cannot be used, its
   * listener keeps what it has.
   * @returns what kept the others from being renewed: TLS_UNREADABLE, TLS_INVALID.
   */
  async reloadCertificates(): Promise<unknown[]> {
    const outcomes = await Promise.allSettled(
      Array.from(this.#tls, async ([config, held]) => {
        const material = await loadTls(config, this.#folder);
        for (const listener of held.listeners) listener.renewTls(material);
        held.material = material;
      }),
    );
    return outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  }

  async #listenAtPath(config: UnixConfig, connections: Connections): Promise<Address> {
    const socket = path.resolve(this.#folder, config.path);
    checkLength(socket);
    const listen = async (): Promise<Listener> => {
      const { sharedReadBuffer } = config;
      const listener = new Listener(connections, { isUnix: true, sharedReadBuffer, tls: undefined });
      await listener.listen({ path: socket });
      return listener;
    };
    const listener = await listen().catch(async (error: unknown) => {
      if (codeOf(error) !== 'EADDRINUSE') throw socketError(error, socket);
      await removeStale(socket);
      return listen().catch((again: unknown) => {
        throw socketError(again, socket);
      });
    });
    this.#listeners.push(listener);
    await setMode(socket, config.mode);
    return { host: '', port: 0, url: `unix:${socket}`, socket };
  }

  async #listenAtHost(config: TcpConfig, connections: Connections): Promise<Address[]> {
    const hosts = await addressesOf(config);
    for (let attempt = 1; ; attempt++) {
      const bound: Listener[] = [];
      try {
        const addresses = await this.#bind(config, hosts, connections, bound);
        this.#listeners.push(...bound);
        if (config.tls !== undefined) this.#tls.get(config.tls)?.listeners.push(...bound);
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
    { host: name, port: wanted, tls, sharedReadBuffer }: TcpConfig,
    hosts: readonly string[],
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
        tls: tls && this.#tls.get(tls)?.material,
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
        if (!['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(codeOf(error))) throw portError(error, host, port);
        missing = error;
      }
    }
    if (addresses.length === 0) throw portError(missing, name, wanted);
    return addresses;
  }
}

/** What a name stands for, each address once. Errors: ADDRESS_NOT_AVAILABLE. */
async function addressesOf({ host, port }: TcpConfig): Promise<string[]> {
  if (isIP(host) !== 0) return [host];
  const found = await lookup(host, { all: true }).catch((cause: unknown) => {
    throw portError(cause, host, port);
  });
  return [...new Set(found.map(({ address }) => address))];
}
