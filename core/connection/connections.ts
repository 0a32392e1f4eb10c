/** All connections of a server: their clock, their count, their shutdown. */
import { isDeepStrictEqual } from 'node:util';
import type { ServerStats } from '../api/plugin.js';
import type { Limits } from '../config/limits.js';
import type { Dispatcher } from '../handlers/dispatcher.js';
import { HttpClock } from '../http/http-clock.js';
import type { ParserOptions } from '../http/parser.js';
import { keepAliveLine } from '../http/response-head.js';
import type { Log } from '../log.js';
import { Connection, type ConnectionServices } from './connection.js';
import { CountedWarning } from './counted-warning.js';
import { OtherProtocols } from './other-protocols.js';
import type { Overload } from './overload.js';
import type { Tap, Transport } from './transport.js';
import type { TrustedProxies } from './trusted-proxies.js';

/**
 * A deadline ends up to two ticks late: one until its start is dated, one until its end is noticed. Two ticks are at
 * most a second, and less if a limit is shorter than four seconds.
 */
const MAX_TICK_MS = 500;
const MIN_TICK_MS = 10;
const TICKS_PER_LIMIT = 8;

/**
 * A longer time between two readings of the clock is a pause: the process was stopped, the machine slept, or the event
 * loop was blocked. Peers and handlers could do nothing meanwhile, so the time beyond this does not count.
 */
const LONGEST_STEP_MS = 1_000;

/** Parts that a server has only if its configuration asks for them. */
export interface ConnectionsOptions {
  readonly overload?: Overload | undefined;
  readonly proxies?: TrustedProxies | undefined;
  /** A monotonic clock in milliseconds. Default: `performance.now`. */
  readonly time?: () => number;
}

export class Connections implements ConnectionServices {
  limits: Limits;
  /** For connections that open from now on. */
  parserOptions: ParserOptions;
  readonly clock = new HttpClock();
  readonly log: Log;
  readonly tap: Tap | undefined;
  /** Replaced as a whole when plugins change. */
  dispatcher: Dispatcher;
  keepAliveLine: string;
  isStopping = false;
  /** Connections whose TLS handshake is in progress; they count as open. */
  handshakes = 0;
  refusals: CountedWarning;
  readonly acceptFailures: CountedWarning;
  readonly otherProtocols: OtherProtocols;
  overload: Overload | undefined;
  proxies: TrustedProxies | undefined;
  readonly #open = new Set<Connection>();
  #accepted = 0;
  #ticking: NodeJS.Timeout | undefined;
  readonly #time: () => number;
  /** When `#time` was last read. */
  #readAt: number;
  /** The time of `#time` without pauses of the process. */
  #now: number;
  #whenEmpty: (() => void)[] = [];

  constructor(limits: Limits, dispatcher: Dispatcher, log: Log, tap?: Tap, options: ConnectionsOptions = {}) {
    this.limits = limits;
    this.parserOptions = this.#parserOptionsFor(limits);
    this.keepAliveLine = keepAliveLine(limits.idleTimeoutMs);
    this.dispatcher = dispatcher;
    this.log = log;
    this.tap = tap;
    this.overload = options.overload;
    this.proxies = options.proxies;
    this.#time = options.time ?? (() => performance.now());
    this.#readAt = this.#time();
    this.#now = this.#readAt;
    this.refusals = this.#refusalsFor(limits);
    this.otherProtocols = new OtherProtocols(log);
    this.acceptFailures = new CountedWarning(log, 'Connections could not be accepted.');
  }

  /**
   * Applies a reload at once: the next exchange of every connection uses the new dispatcher. Deadlines apply to open
   * connections too; limits of the parser and trusted proxies only to new connections.
   */
  reconfigure(limits: Limits, dispatcher: Dispatcher, { overload, proxies }: ConnectionsOptions): void {
    this.dispatcher = dispatcher;
    this.proxies = proxies;
    if (overload !== this.overload) this.overload?.stop();
    this.overload = overload;
    if (isDeepStrictEqual(limits, this.limits)) return;
    this.limits = limits;
    this.parserOptions = this.#parserOptionsFor(limits);
    this.keepAliveLine = keepAliveLine(limits.idleTimeoutMs);
    this.refusals.stop();
    this.refusals = this.#refusalsFor(limits);
    if (this.#ticking === undefined) return;
    clearInterval(this.#ticking);
    this.#startTicking();
  }

  #parserOptionsFor(limits: Limits): ParserOptions {
    return {
      ...limits,
      claim: (head, hasBareLf) => this.dispatcher.claim(head, hasBareLf),
      allowsBareLf: (host) => this.dispatcher.allowsBareLf(host),
      bodyLimit: (head) => this.dispatcher.bodyLimit(head),
    };
  }

  #refusalsFor({ maxConnections }: Limits): CountedWarning {
    return new CountedWarning(
      this.log,
      `Connections were refused: ${maxConnections} are open, which is limits.maxConnections.`,
    );
  }

  get size(): number {
    return this.#open.size;
  }

  get isFull(): boolean {
    return this.#open.size + this.handshakes >= this.limits.maxConnections;
  }

  /** Counts the exchanges when called, so that no exchange pays for it. */
  get stats(): ServerStats {
    let exchanges = 0;
    for (const connection of this.#open) if (connection.isBusy) exchanges++;
    return {
      connections: this.#open.size + this.handshakes,
      connectionsRefused: this.refusals.total,
      requestsRefused: this.overload?.refused ?? 0,
      exchanges,
    };
  }

  open(transport: Transport): Connection {
    if (this.#ticking === undefined) this.#startTicking();
    const connection = new Connection(++this.#accepted, transport, this);
    this.#open.add(connection);
    return connection;
  }

  connectionClosed(connection: Connection): void {
    this.#open.delete(connection);
    if (this.#open.size > 0) return;
    clearInterval(this.#ticking);
    this.#ticking = undefined;
    for (const resolve of this.#whenEmpty) resolve();
    this.#whenEmpty = [];
  }

  /**
   * Finishes all exchanges in progress, then closes; after `shutdownTimeoutMs` by force.
   * @returns how many connections were closed by force.
   */
  async drain(): Promise<number> {
    this.isStopping = true;
    this.refusals.stop();
    this.acceptFailures.stop();
    this.otherProtocols.stop();
    this.overload?.stop();
    for (const connection of this.#open) connection.stop();
    if (this.#open.size === 0) return 0;
    let broken = 0;
    const breakOff = (): void => {
      broken = this.#open.size;
      for (const connection of this.#open) connection.destroy();
    };
    // After the next poll: octets that are already in the sockets may end the exchanges.
    const force = setTimeout(() => setImmediate(breakOff), this.limits.shutdownTimeoutMs);
    await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
    clearTimeout(force);
    return broken;
  }

  #startTicking(): void {
    const { headerTimeoutMs, requestTimeoutMs, idleTimeoutMs, writeTimeoutMs, handlerTimeoutMs } =
      this.limits;
    const shortest = Math.min(
      headerTimeoutMs,
      requestTimeoutMs,
      idleTimeoutMs,
      writeTimeoutMs,
      handlerTimeoutMs,
    );
    const tickMs = Math.max(MIN_TICK_MS, Math.min(MAX_TICK_MS, shortest / TICKS_PER_LIMIT));
    this.#read();
    this.clock.tick();
    this.#ticking = setInterval(() => this.tick(), tickMs);
  }

  /** The timer's function: updates the clock, reads what has arrived, then checks the deadlines. */
  tick(): void {
    const now = this.#read();
    this.clock.tick();
    // After the next poll: octets that arrived during a pause of the process are still in the sockets.
    setImmediate(() => {
      const latest = this.#read();
      for (const connection of this.#open) connection.check(now, latest);
    });
  }

  /** @returns whole milliseconds: V8 stores them without an object per connection and deadline. */
  #read(): number {
    const time = this.#time();
    this.#now += Math.min(time - this.#readAt, LONGEST_STEP_MS);
    this.#readAt = time;
    return Math.floor(this.#now);
  }
}
