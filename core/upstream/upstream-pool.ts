/**
 * Connections to one server, kept open and bounded in number. Plugins that forward requests get it from
 * `core/plugin-api.ts`.
 */
import type { ConnectionOptions } from 'node:tls';
import { JackfieldError } from '../errors.js';
import { HeadMemo } from '../http/response-parser.js';
import { Deadline } from './deadline.js';
import { type ConnectionEvents, type ConnectionSettings, UpstreamConnection } from './upstream-connection.js';
import {
  type ExchangePlace,
  UpstreamExchange,
  type UpstreamRequest,
  type UpstreamResponse,
} from './upstream-request.js';

export interface UpstreamPoolOptions {
  /** `http:` or `https:` with host and port. */
  readonly url: URL;
  /** Authorities in PEM for `https:`, instead of those of Node. */
  readonly ca?: readonly string[] | undefined;
  /** Milliseconds to connect, including TLS and the wait for a connection. */
  readonly connectTimeoutMs: number;
  /** Milliseconds from the last octet of the request to the head of the response. */
  readonly responseTimeoutMs: number;
  /** Milliseconds for which nothing may come during a response; also how long an idle connection is kept. */
  readonly idleTimeoutMs: number;
  /** Milliseconds for which nothing may come or go in a tunnel. */
  readonly tunnelIdleTimeoutMs: number;
  readonly maxConnections: number;
  /** Of a response. */
  readonly maxHeaderSectionOctets: number;
}

/** So many requests may wait for each connection: more would be answered too late anyway. */
const WAITING_PER_CONNECTION = 4;
/** How much earlier than the upstream an idle connection is closed: a request may be on its way for as long. */
const KEEP_ALIVE_MARGIN_MS = 1_000;

interface Waiting {
  readonly exchange: UpstreamExchange;
  readonly deadline: Deadline;
}

export class UpstreamPool implements ConnectionEvents, ExchangePlace {
  readonly #options: UpstreamPoolOptions;
  readonly #settings: ConnectionSettings;
  readonly #open = new Set<UpstreamConnection>();
  /** The one that was used last comes first: the others may become idle for long enough to be closed. */
  readonly #idle: UpstreamConnection[] = [];
  readonly #waiting = new Map<UpstreamExchange, Waiting>();
  #session: Buffer | undefined;
  #isClosed = false;

  constructor(options: UpstreamPoolOptions) {
    const { url, ca } = options;
    const isSecure = url.protocol === 'https:';
    const host = url.hostname.replace(/^\[|\]$/g, '');
    this.#options = options;
    this.#settings = {
      ...options,
      host,
      port: Number(url.port) || (isSecure ? 443 : 80),
      tls: isSecure ? tlsOptions(host, ca) : undefined,
      memo: new HeadMemo(),
    };
  }

  /**
   * Sends a request and resolves when its response has begun.
   * Errors: UPSTREAM_UNREACHABLE, UPSTREAM_INVALID, UPSTREAM_TIMEOUT, UPSTREAM_BUSY; those of the request's body.
   */
  send(request: UpstreamRequest): Promise<UpstreamResponse> {
    return new Promise((resolve, reject) => {
      const exchange = new UpstreamExchange(request, resolve, reject);
      if (exchange.isSettled) return;
      const idle = this.#waiting.size === 0 ? this.#idle.pop() : undefined;
      if (idle !== undefined) idle.begin(exchange);
      else this.#place(exchange);
    });
  }

  /** Closes all connections. */
  close(): void {
    this.#isClosed = true;
    for (const connection of this.#open) connection.destroy();
    for (const { exchange } of this.#waiting.values()) this.#fail(exchange, 'SERVER_CLOSING');
  }

  /** No connection is free. */
  #place(exchange: UpstreamExchange): void {
    const { maxConnections, connectTimeoutMs } = this.#options;
    if (this.#isClosed) exchange.fail(new JackfieldError('SERVER_CLOSING'));
    else if (this.#open.size < maxConnections) this.#connect(exchange, connectTimeoutMs);
    else if (this.#waiting.size >= maxConnections * WAITING_PER_CONNECTION)
      exchange.fail(new JackfieldError('UPSTREAM_BUSY'));
    else {
      const deadline = new Deadline(() => this.#fail(exchange, 'UPSTREAM_TIMEOUT'));
      deadline.start(connectTimeoutMs);
      exchange.place = this;
      this.#waiting.set(exchange, { exchange, deadline });
    }
  }

  #connect(exchange: UpstreamExchange, timeoutMs: number): void {
    const { tls } = this.#settings;
    const session = tls === undefined || this.#session === undefined ? {} : { session: this.#session };
    const settings = tls === undefined ? this.#settings : { ...this.#settings, tls: { ...tls, ...session } };
    const connection = new UpstreamConnection(settings, this, exchange);
    connection.rest(timeoutMs);
    this.#open.add(connection);
  }

  #fail(exchange: UpstreamExchange, code: 'SERVER_CLOSING' | 'UPSTREAM_TIMEOUT'): void {
    this.abandon(exchange);
    exchange.fail(new JackfieldError(code));
  }

  /** It does not wait any more. */
  abandon(exchange: UpstreamExchange): void {
    this.#waiting.get(exchange)?.deadline.close();
    this.#waiting.delete(exchange);
  }

  #nextWaiting(): UpstreamExchange | undefined {
    for (const exchange of this.#waiting.keys()) {
      this.abandon(exchange);
      return exchange;
    }
    return undefined;
  }

  // Events of the connections

  free(connection: UpstreamConnection, keepAliveMs = Number.POSITIVE_INFINITY): void {
    const ms = Math.min(keepAliveMs - KEEP_ALIVE_MARGIN_MS, this.#options.idleTimeoutMs);
    if (ms <= 0 || this.#isClosed) connection.destroy();
    else {
      this.#idle.push(connection);
      connection.rest(ms);
      // After the next poll: octets that follow a response close an idle connection, and must not answer another request.
      if (this.#waiting.size > 0) setImmediate(() => setImmediate(() => this.#serveWaiting()));
    }
  }

  #serveWaiting(): void {
    if (this.#waiting.size === 0) return;
    const idle = this.#idle.pop();
    const next = idle && this.#nextWaiting();
    if (next !== undefined) idle?.begin(next);
  }

  stale(connection: UpstreamConnection, exchange: UpstreamExchange): void {
    this.#forget(connection);
    exchange.isRepeated = true;
    if (this.#isClosed) exchange.fail(new JackfieldError('SERVER_CLOSING'));
    // A kept connection may close at any time; a new one cannot fail for that reason.
    else this.#connect(exchange, this.#options.connectTimeoutMs);
  }

  gone(connection: UpstreamConnection): void {
    this.#forget(connection);
    if (this.#isClosed) return;
    const next = this.#nextWaiting();
    if (next !== undefined) this.#place(next);
  }

  #forget(connection: UpstreamConnection): void {
    this.#open.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }

  session(session: Buffer): void {
    this.#session = session;
  }
}

/** The name of the target is checked, also if the Host field is the client's. */
function tlsOptions(host: string, ca: readonly string[] | undefined): ConnectionOptions {
  // The hostname of a URL: it normalises IPv4 and allows no name that ends in a number.
  const isAddress = host.includes(':') || /^[0-9.]+$/.test(host);
  return {
    host,
    servername: isAddress ? '' : host,
    ALPNProtocols: ['http/1.1'],
    ...(ca === undefined ? {} : { ca: [...ca] }),
  };
}
