/**
 * One connection to a server or a cluster, replaced when it breaks. The driver's own reconnecting is off: it would
 * resend its queue, and a commit must be sent only once.
 */
import { reasonOf } from '../../core/errors.js';
import { type AdapterContext, StorageError } from '../../core/storage/contract.js';
import { missingDriver } from '../../core/storage/missing-driver.js';
import { isMisplaced, Refusal, Unreachable } from './failures.js';
import type { Script } from './scripts.js';

export interface LinkOptions {
  readonly urls: readonly string[];
  readonly cluster: boolean;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** In a cluster: after a slot has moved, use a new connection instead of another node behind the same one. */
  readonly oneNode?: boolean;
}

interface Client {
  connect(): Promise<unknown>;
  destroy(): void;
  on(event: string, listener: (cause: unknown) => void): unknown;
}

/** The part of the driver in use, in all supported versions. */
export interface Driver {
  createClient(options: object): Client & { sendCommand(args: readonly string[]): Promise<unknown> };
  createCluster(options: object): Client & {
    sendCommand(key: string, isReadOnly: boolean, args: readonly string[]): Promise<unknown>;
  };
  readonly ErrorReply: abstract new (...given: never[]) => Error;
}

type Arguments = readonly string[];

/** One connection, as long as it works; its replacement is another object. */
export interface Connection {
  send(args: Arguments): Promise<unknown>;
  destroy(): void;
}

export interface SendOptions {
  /** Additional time for the answer. */
  readonly extraMs?: number;
  /** Only over this connection. */
  readonly only?: Connection;
}

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

/** Errors: STORAGE_DRIVER_MISSING. */
export async function loadDriver(load: () => Promise<unknown>): Promise<Driver> {
  try {
    // The cast: the types of the adapter must not depend on those of an optional package.
    return (await load()) as Driver;
  } catch (cause) {
    throw missingDriver('redis', cause) ?? cause;
  }
}

export class Link {
  readonly #driver: Driver;
  readonly #options: LinkOptions;
  /** In a cluster, commands go to the node with this key. */
  readonly #key: string;
  readonly #log: AdapterContext['log'];
  readonly #reconnected: () => void;
  #connection: Connection | undefined;
  #lastFailure: unknown = new Error('not connected yet');
  #isClosed = false;
  #pause: { readonly timer: NodeJS.Timeout; readonly over: () => void } | undefined;

  constructor(
    driver: Driver,
    options: LinkOptions,
    key: string,
    { log }: Pick<AdapterContext, 'log'>,
    reconnected: () => void = () => {},
  ) {
    this.#driver = driver;
    this.#options = options;
    this.#key = key;
    this.#log = log;
    this.#reconnected = reconnected;
  }

  /** Rejects if the server cannot be reached now. */
  async open(): Promise<void> {
    try {
      this.#connection = await this.#connect();
    } catch (error) {
      // The error of an address that cannot be parsed contains it, with the password.
      const cause =
        error instanceof Error && 'input' in error ? new Error(`the address: ${error.message}`) : error;
      throw new StorageError('STORAGE_UNAVAILABLE', reasonOf(cause), { cause });
    }
  }

  /** Connects, and keeps trying until it succeeds. */
  async openInTime(): Promise<void> {
    await this.#reconnect();
  }

  get commandTimeoutMs(): number {
    return this.#options.commandTimeoutMs;
  }

  /** The current connection, for commands that must not be sent over another one. */
  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Errors: Unreachable, Refusal. */
  async send(args: Arguments, { extraMs = 0, only }: SendOptions = {}): Promise<unknown> {
    const connection = this.#connection;
    if (connection === undefined || (only !== undefined && only !== connection)) {
      throw new Unreachable(false, this.#lastFailure);
    }
    try {
      return await inTime(connection.send(args), this.#options.commandTimeoutMs + extraMs);
    } catch (thrown) {
      const cause = withoutRedirections(thrown);
      if (cause instanceof this.#driver.ErrorReply) {
        if (isMisplaced(cause.message)) this.#replace(connection, cause);
        throw new Refusal(cause.message, { cause });
      }
      this.#replace(connection, cause);
      throw new Unreachable(!isUnsent(cause), cause);
    }
  }

  /** Runs a script by its hash; if the server does not know the hash, sends the text. */
  async run({ text, sha }: Script, keys: Arguments, args: Arguments, only?: Connection): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    const options = only === undefined ? {} : { only };
    try {
      return await this.send(['EVALSHA', sha, ...rest], options);
    } catch (error) {
      if (!(error instanceof Refusal) || !error.message.startsWith('NOSCRIPT')) throw error;
      return this.send(['EVAL', text, ...rest], options);
    }
  }

  /**
   * A connection that only reads does not notice that its server became a replica, and would get outdated answers. So
   * ask now and then. In a cluster, a replica redirects every read.
   */
  async leaveReplica(): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || this.#options.cluster) return;
    const isReplica = await inTime(isOfReplica(connection), this.#options.commandTimeoutMs);
    if (isReplica) this.#replace(connection, new Error(IS_REPLICA));
  }

  close(): void {
    this.#isClosed = true;
    this.#connection?.destroy();
    this.#connection = undefined;
    if (this.#pause !== undefined) {
      clearTimeout(this.#pause.timer);
      this.#pause.over();
    }
  }

  #replace(broken: Connection, cause: unknown): void {
    if (this.#connection !== broken) return;
    this.#connection = undefined;
    this.#lastFailure = cause;
    broken.destroy();
    if (this.#isClosed) return;
    this.#log.warn({ reason: reasonOf(cause) }, 'Lost the connection to Redis.');
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; !this.#isClosed; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        const connection = await this.#connect();
        if (this.#isClosed) connection.destroy();
        else this.#connection = connection;
        this.#reconnected();
        return;
      } catch (cause) {
        this.#lastFailure = cause;
        await new Promise<void>((resolve) => {
          this.#pause = { timer: setTimeout(resolve, pauseMs).unref(), over: resolve };
        });
      }
    }
  }

  /** Tries several addresses that are not a cluster in turn, until one is the primary. */
  async #connect(): Promise<Connection> {
    const { urls, cluster } = this.#options;
    if (cluster) return this.#connectTo(urls);
    const failures: unknown[] = [];
    for (const url of urls) {
      if (this.#isClosed) break;
      try {
        return await this.#connectTo([url]);
      } catch (cause) {
        failures.push(cause);
      }
    }
    throw failures.length > 1 ? new AggregateError(failures, '') : failures[0];
  }

  async #connectTo(urls: readonly string[]): Promise<Connection> {
    const { cluster, connectTimeoutMs } = this.#options;
    const common = {
      RESP: 2,
      disableOfflineQueue: true,
      maintNotifications: 'disabled',
      socket: { connectTimeout: connectTimeoutMs, reconnectStrategy: false },
    };
    const { client, send } = cluster ? this.#cluster(urls, common) : this.#single(urls[0]!, common);
    const connection: Connection = {
      send,
      destroy: () => {
        // It may throw if it had given up by itself.
        try {
          client.destroy();
        } catch {}
      },
    };
    // An error event during the connect says more than the rejection of `connect`.
    let first: unknown;
    const failed = (cause: unknown) => {
      first ??= cause;
      this.#replace(connection, cause);
    };
    client.on('error', failed);
    client.on('node-error', failed);
    try {
      await inTime(client.connect(), connectTimeoutMs);
      if (!cluster && (await inTime(isOfReplica(connection), connectTimeoutMs))) throw new Error(IS_REPLICA);
    } catch (cause) {
      connection.destroy();
      throw first ?? cause;
    }
    return connection;
  }

  #single(url: string, common: object): { client: Client; send: Connection['send'] } {
    const client = this.#driver.createClient({ ...common, url });
    return { client, send: (args) => client.sendCommand(args) };
  }

  /** Nodes that the cluster announces get user, password and TLS from the first address. */
  #cluster(urls: readonly string[], common: { readonly socket: object }) {
    const { username, password, protocol } = new URL(urls[0]!);
    const client = this.#driver.createCluster({
      RESP: 2,
      rootNodes: urls.map((url) => ({ url })),
      defaults: {
        ...common,
        ...(username === '' ? {} : { username: decodeURIComponent(username) }),
        ...(password === '' ? {} : { password: decodeURIComponent(password) }),
        socket: { ...common.socket, ...(protocol === 'rediss:' ? { tls: true } : {}) },
      },
      minimizeConnections: true,
      ...(this.#options.oneNode === true ? { maxCommandRedirections: 0 } : {}),
    });
    return { client, send: (args: Arguments) => client.sendCommand(this.#key, false, args) };
  }
}

const IS_REPLICA = 'the server is a replica; the address must lead to the primary';

/** HELLO is the only command that reports the role to every user. If it is forbidden too, the first commit shows it. */
async function isOfReplica(connection: Connection): Promise<boolean> {
  const hello = await connection.send(['HELLO']).catch((cause: unknown) => {
    if (cause instanceof Error && /^(?:ERR|NOPERM) /.test(cause.message)) return [];
    throw cause;
  });
  if (!Array.isArray(hello)) return false;
  const role: unknown = hello[hello.indexOf('role') + 1];
  return role === 'replica' || role === 'slave';
}

/** If no redirections are allowed, the driver wraps the answer that asked for one. */
function withoutRedirections(thrown: unknown): unknown {
  const isWrapped = thrown instanceof Error && thrown.constructor.name === 'MaxCommandRedirectionsError';
  return isWrapped && thrown.cause !== undefined ? thrown.cause : thrown;
}

/** Whether the command was certainly not sent. */
function isUnsent(cause: unknown): boolean {
  if (!(cause instanceof Error)) return false;
  if ('syscall' in cause && cause.syscall === 'connect') return true;
  return ['ClientOfflineError', 'ClientClosedError'].includes(cause.constructor.name);
}

async function inTime<T>(coming: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    // Settle after the next poll: data that arrived while this process was paused is read before it counts as late.
    timer = setTimeout(
      () => setImmediate(() => reject(new Error(`no answer within ${timeoutMs} ms`))),
      timeoutMs,
    );
  });
  try {
    return await Promise.race([coming, late]);
  } finally {
    clearTimeout(timer);
  }
}
