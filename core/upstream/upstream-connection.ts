/**
 * One connection to an upstream: a request out, its response in, any number of times, one after the other.
 *
 * Laws of this file:
 * - The connection is used again only if the request was sent whole, the response was read whole and nothing followed it
 *   (RFC 9112 §9.3).
 * - A response that does not come to its end never looks complete (RFC 9112 §8).
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { Outbox } from '../connection/outbox.js';
import { attachOutgoing } from '../connection/socket-transport.js';
import type { Transport, TransportEvents } from '../connection/transport.js';
import { JackfieldError } from '../errors.js';
import { giveBack, lentCopy } from '../exchange/lent-octets.js';
import { RequestBody } from '../exchange/request-body.js';
import type { ReceivedHead } from '../http/received-head.js';
import { type HeadMemo, ResponseParser } from '../http/response-parser.js';
import { Deadline } from './deadline.js';
import { Tunnel } from './tunnel.js';
import { UpstreamBody } from './upstream-body.js';
import type { UpstreamExchange, UpstreamResponse } from './upstream-request.js';

/** Octets that are sent without waiting for more, and that a socket may hold. */
const SEND_OCTETS = 65_536;
/** Fields are bounded by their octets. */
const MAX_FIELDS = 65_536;

/** Nobody reads it: the address would have to be asked for. */
const UPSTREAM_ORIGIN = { remoteAddress: '', protocol: 'http' } as const;

export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  /** Present for TLS. */
  readonly tls: ConnectionOptions | undefined;
  readonly responseTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly tunnelIdleTimeoutMs: number;
  readonly maxHeaderSectionOctets: number;
  readonly memo: HeadMemo;
}

/** What a connection reports to its pool. */
export interface ConnectionEvents {
  /** It can take another exchange. @param keepAliveMs For how long the upstream keeps it open, if it says so. */
  free(connection: UpstreamConnection, keepAliveMs: number | undefined): void;
  /** The same as `gone`: the upstream closed a kept connection before it answered. The exchange may be repeated. */
  stale(connection: UpstreamConnection, exchange: UpstreamExchange): void;
  /** It carries no HTTP any more; once. */
  gone(connection: UpstreamConnection): void;
  /** A new TLS session, which shortens the next handshake. */
  session(session: Buffer): void;
}

export class UpstreamConnection implements TransportEvents {
  readonly #settings: ConnectionSettings;
  readonly #events: ConnectionEvents;
  readonly #parser: ResponseParser;
  readonly #deadline: Deadline;
  #socket: Socket;
  /** The TCP socket, once it is connected. */
  #carrier: Socket | undefined;
  #transport: Transport | undefined;
  #outbox: Outbox | undefined;
  #exchange: UpstreamExchange | undefined;
  /** The final head, until the response is complete. */
  #head: ReceivedHead | undefined;
  /** The first octets of a body that may be all of it. */
  #first: Buffer | undefined;
  #body: UpstreamBody | undefined;
  #tunnel: Tunnel | undefined;
  /** A response was read over it: it may turn out to be closed. */
  #isKept = false;
  #isOver = false;
  #error: Error | undefined;

  /** Connects. @param exchange The first one. */
  constructor(settings: ConnectionSettings, events: ConnectionEvents, exchange: UpstreamExchange) {
    this.#settings = settings;
    this.#events = events;
    const { maxHeaderSectionOctets, memo, tls, host, port } = settings;
    this.#parser = new ResponseParser({ maxHeaderSectionOctets, maxHeaderFields: MAX_FIELDS }, memo);
    this.#deadline = new Deadline(() => this.#late());
    this.#exchange = exchange;
    exchange.place = this;
    const where = { host, port, noDelay: true, allowHalfOpen: true, highWaterMark: SEND_OCTETS };
    const carrier = connectTcp(where);
    this.#socket = this.#watched(carrier);
    carrier.once('connect', () => {
      if (tls === undefined) this.#connected(carrier, carrier);
      else this.#encrypt(carrier, tls);
    });
  }

  /** Only once the carrier is connected: until then Node may try another address, with another handle. */
  #encrypt(carrier: Socket, tls: ConnectionOptions): void {
    if (this.#isOver) return;
    const socket = connectTls({ ...tls, socket: carrier });
    this.#socket = this.#watched(socket);
    socket.on('session', (session) => this.#events.session(session));
    socket.once('secureConnect', () => this.#connected(socket, carrier));
  }

  #watched<Watched extends Socket>(socket: Watched): Watched {
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.once('close', () => {
      if (this.#transport === undefined) this.closed();
    });
    return socket;
  }

  #connected(socket: Socket, carrier: Socket): void {
    if (this.#isOver) return;
    this.#carrier = carrier;
    const transport = attachOutgoing(socket, UPSTREAM_ORIGIN, this, carrier);
    this.#transport = transport;
    this.#outbox = new Outbox(transport, SEND_OCTETS);
    if (this.#exchange !== undefined) this.begin(this.#exchange);
  }

  // Commands

  /** Sends a request; only if none is under way. */
  begin(exchange: UpstreamExchange): void {
    this.#exchange = exchange;
    exchange.place = this;
    const { request } = exchange;
    this.#parser.expect(request.method);
    this.#deadline.start(this.#settings.responseTimeoutMs);
    const outbox = this.#outbox!;
    const { method, target, fields, body, contentLength, upgrade } = request;
    const framing =
      body !== undefined && contentLength === undefined
        ? 'transfer-encoding: chunked\r\n'
        : contentLength === undefined
          ? ''
          : `content-length: ${contentLength}\r\n`;
    const connection =
      upgrade === undefined ? 'Connection: keep-alive\r\n' : `Connection: upgrade\r\nUpgrade: ${upgrade}\r\n`;
    outbox.text(`${method} ${target} HTTP/1.1\r\n${fields.text}${framing}${connection}\r\n`);
    outbox.flush();
    if (body === undefined) exchange.isSent = true;
    else void this.#sendBody(exchange, body, outbox);
  }

  /** The exchange is not wanted any more. */
  abandon(exchange: UpstreamExchange): void {
    if (this.#exchange === exchange) this.#close();
  }

  /** @param ms After which it is closed if it stays idle. */
  rest(ms: number): void {
    this.#deadline.start(ms);
  }

  /** At once. */
  destroy(): void {
    this.#tunnel?.destroy();
    this.#close();
  }

  // Events of the transport

  received(octets: Buffer, length = octets.length, isShared = false): void {
    if (this.#isOver) return;
    if (this.#tunnel !== undefined) {
      const fresh = octets.subarray(0, length);
      this.#tunnel.received(isShared ? Buffer.from(fresh) : fresh);
      return;
    }
    const exchange = this.#exchange;
    // Nothing was asked.
    if (exchange === undefined) this.#close();
    else {
      this.#parser.feed(octets, length);
      this.#read(exchange, isShared);
    }
  }

  ended(): void {
    if (this.#tunnel !== undefined) this.#tunnel.ended();
    else if (!this.#isOver) {
      const exchange = this.#exchange;
      const hasEnded = exchange !== undefined && this.#head !== undefined && !this.#wasReset;
      if (hasEnded && this.#parser.end()) this.#complete(exchange);
      this.#close();
    }
  }

  /**
   * libuv reports the end of the stream in place of a reset that came together with the last octets. After a reset the
   * system does not know the address of the peer any more; it is not asked before, because Node remembers it.
   */
  get #wasReset(): boolean {
    return this.#carrier?.remoteAddress === undefined;
  }

  drained(): void {
    this.#outbox?.drained();
    this.#tunnel?.drained();
  }

  closed(): void {
    this.#tunnel?.closed();
    this.#close();
  }

  // Requests of the body

  resume(): void {
    this.#transport?.resume();
    if (!this.#isOver && this.#exchange !== undefined) this.#deadline.start(this.#settings.idleTimeoutMs);
  }

  cancel(): void {
    this.#close();
  }

  // Sending

  async #sendBody(
    exchange: UpstreamExchange,
    body: AsyncIterable<Uint8Array>,
    outbox: Outbox,
  ): Promise<void> {
    const { contentLength, trailers } = exchange.request;
    const isChunked = contentLength === undefined;
    const mustAnswer = (isWaiting: boolean): void => {
      if (this.#exchange !== exchange || this.#head !== undefined) return;
      if (isWaiting) this.#deadline.start(this.#settings.responseTimeoutMs);
      else this.#deadline.stop();
    };
    // A client that is slow makes no late answer; it has deadlines itself.
    mustAnswer(false);
    try {
      for await (const part of body) {
        // The upstream has answered without waiting for the rest, or is gone.
        if (this.#exchange !== exchange) return;
        if (part.length === 0) continue;
        if (isChunked) outbox.text(`${part.length.toString(16)}\r\n`);
        outbox.octets(part);
        if (isChunked) outbox.text('\r\n');
        outbox.flush();
        if (outbox.isBlocked) {
          mustAnswer(true);
          await outbox.room();
          mustAnswer(false);
        }
        // Nobody else has the parts of a body that the core has read.
        if (body instanceof RequestBody && outbox.isFlushed) giveBack(part);
        if (this.#exchange !== exchange) return;
      }
      if (isChunked) outbox.text(`0\r\n${trailers?.().text ?? ''}\r\n`);
      outbox.flush();
      exchange.isSent = true;
      mustAnswer(true);
    } catch (error) {
      exchange.fail(error);
      // The rest of the body will not come, and the upstream must not treat the part as complete.
      if (this.#exchange === exchange) this.#close();
    }
  }

  // Receiving

  #read(exchange: UpstreamExchange, isShared: boolean): void {
    const parser = this.#parser;
    for (;;) {
      switch (parser.next()) {
        case 'need-data':
          // What comes next cannot be waited for here.
          if (this.#head !== undefined) this.#awaitBody(exchange);
          return;
        case 'head':
          this.#headReceived(exchange, parser.head!);
          break;
        case 'data':
          this.#dataReceived(exchange, isShared ? lentCopy(parser.data) : parser.data);
          break;
        case 'complete':
          if (this.#head?.status === 101) this.#switched(exchange, this.#head);
          else this.#complete(exchange);
          return;
        case 'error':
          this.#error = parser.error;
          this.#close();
          return;
      }
      if (this.#isOver) return;
    }
  }

  #headReceived(exchange: UpstreamExchange, head: ReceivedHead): void {
    const { method, informed } = exchange.request;
    if (head.isInterim) {
      if (head.status !== 100) informed?.(head);
      return;
    }
    this.#head = head;
    const { kind } = head.framing;
    // A body without a length stays one, also if it is empty: it may have trailers.
    if (method !== 'HEAD' && (kind === 'chunked' || kind === 'to-end')) this.#bodyOf(exchange);
  }

  #dataReceived(exchange: UpstreamExchange, octets: Buffer): void {
    const mayBeWhole = this.#body === undefined && this.#first === undefined;
    if (mayBeWhole) this.#first = octets;
    else this.#bodyOf(exchange).push(octets);
  }

  #awaitBody(exchange: UpstreamExchange): void {
    // As long as the reader waits for its own peer, the upstream cannot be late.
    if (this.#bodyOf(exchange).isFull) {
      this.#transport?.pause();
      this.#deadline.stop();
    } else this.#deadline.start(this.#settings.idleTimeoutMs);
  }

  /** The body as a stream; the response has begun with it. */
  #bodyOf(exchange: UpstreamExchange): UpstreamBody {
    if (this.#body === undefined) {
      this.#body = new UpstreamBody(this);
      if (this.#first !== undefined) this.#body.push(this.#first);
      this.#first = undefined;
      exchange.answer({ head: this.#head!, body: this.#body, tunnel: undefined });
    }
    return this.#body;
  }

  #complete(exchange: UpstreamExchange): void {
    const parser = this.#parser;
    const head = this.#head!;
    const body = this.#body;
    const whole: UpstreamResponse = { head, body: this.#first, tunnel: undefined };
    const { trailers } = parser;
    this.#forget();
    this.#isKept = true;
    const isReusable = !parser.isLast && !parser.hasUnread && exchange.isSent;
    if (isReusable) this.#events.free(this, head.keepAliveMs);
    else this.#close();
    if (body === undefined) exchange.answer(whole);
    else body.complete(trailers);
  }

  #switched(exchange: UpstreamExchange, head: ReceivedHead): void {
    if (exchange.request.upgrade === undefined) {
      this.#error = new Error('The upstream switched protocols, which nobody asked for.');
      this.#close();
      return;
    }
    this.#forget();
    this.#deadline.close();
    const tunnel = new Tunnel(this.#transport!, this.#outbox!, this.#settings.tunnelIdleTimeoutMs);
    this.#tunnel = tunnel;
    tunnel.received(this.#parser.takeUnread());
    this.#events.gone(this);
    exchange.answer({ head, body: undefined, tunnel });
  }

  #forget(): void {
    this.#exchange = undefined;
    this.#head = undefined;
    this.#first = undefined;
    this.#body = undefined;
    this.#deadline.stop();
  }

  // The end

  #late(): void {
    if (this.#exchange !== undefined) this.#error = new JackfieldError('UPSTREAM_TIMEOUT');
    this.#close();
  }

  /** Nothing is sent or read any more; what is under way has failed. */
  #close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const exchange = this.#exchange;
    const body = this.#body;
    const isStale = this.#isKept && !this.#parser.hasBegun && !(this.#error instanceof JackfieldError);
    this.#forget();
    this.#deadline.close();
    if (this.#tunnel !== undefined) return;
    // With an error for the upstream, if it could take what it has of the request for whole.
    if (exchange !== undefined && this.#transport !== undefined) this.#transport.reset();
    else this.#socket.destroy();
    this.#outbox?.drained();
    if (isStale && exchange?.mayRepeat === true) {
      this.#events.stale(this, exchange);
      return;
    }
    this.#events.gone(this);
    if (body !== undefined) body.fail(this.#failure());
    else exchange?.fail(this.#failure());
  }

  #failure(): JackfieldError {
    const cause = this.#error;
    if (cause instanceof JackfieldError && cause.code === 'UPSTREAM_TIMEOUT') return cause;
    const code = this.#transport === undefined ? 'UPSTREAM_UNREACHABLE' : 'UPSTREAM_INVALID';
    return new JackfieldError(code, '', { cause });
  }
}
