/**
 * One connection's life: octets in, exchanges in order, octets out.
 *
 * Rules of this file:
 * - One exchange at a time. Pipelined requests wait unparsed, within `maxBufferedOctets`.
 * - After a framing error, nothing later on the connection is served (RFC 9112 §6.3).
 *
 * `answerer.ts` answers the exchanges, `keep-alive.ts` decides whether the connection stays open, `phases.ts` has the
 * table of phases.
 */

import type { InterimResponse } from '../api/request.js';
import { JackfieldError } from '../errors.js';
import { Exchange } from '../exchange/exchange.js';
import { ExchangeRequest, type Informer } from '../exchange/exchange-request.js';
import { type BodySource, RequestBody } from '../exchange/request-body.js';
import type { Dispatcher } from '../handlers/dispatcher.js';
import { interimText } from '../handlers/interim.js';
import { type ParserOptions, RequestParser } from '../http/parser.js';
import type { RequestHead } from '../http/request-head.js';
import type { Log } from '../log.js';
import { type AnsweredConnection, Answerer, type AnswererServices } from './answerer.js';
import { dueNow, type UnderWay } from './deadlines.js';
import { Inbox } from './inbox.js';
import { KeepAlive } from './keep-alive.js';
import type { OtherProtocols } from './other-protocols.js';
import { Outbox } from './outbox.js';
import type { Overload } from './overload.js';
import { isServing, PHASE, type PhaseName, phaseName } from './phases.js';
import { Standing } from './standing.js';
import type { TakenConnection } from './taken-connection.js';
import type { Tap, Transport, TransportEvents } from './transport.js';
import type { TrustedProxies } from './trusted-proxies.js';

/** Shared by all connections of a server. A reload changes `dispatcher`; it applies from the next exchange on. */
export interface ConnectionServices extends AnswererServices {
  readonly parserOptions: ParserOptions;
  readonly log: Log;
  readonly tap: Tap | undefined;
  readonly overload: Overload | undefined;
  readonly otherProtocols: OtherProtocols;
  readonly proxies: TrustedProxies | undefined;
  connectionClosed(connection: Connection): void;
}

export class Connection implements TransportEvents, AnsweredConnection, BodySource, Informer, UnderWay {
  readonly id: number;
  readonly #transport: Transport;
  readonly #services: ConnectionServices;
  readonly #parser: RequestParser;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #standing = new Standing();
  readonly #keepAlive: KeepAlive;
  readonly #answerer: Answerer;
  /** Present if the peer is a trusted proxy. */
  readonly #proxies: TrustedProxies | undefined;
  #exchange: Exchange<Dispatcher> | undefined;
  /** Present after a plugin has taken the connection over: it gets all octets from then on. */
  #taken: TakenConnection | undefined;
  #pumping = false;
  #paused = false;
  #peerMayBeGone = false;

  constructor(id: number, transport: Transport, services: ConnectionServices) {
    this.id = id;
    this.#transport = transport;
    this.#services = services;
    const { limits, tap, proxies } = services;
    this.#proxies = proxies?.trusts(transport.remoteAddress) === true ? proxies : undefined;
    const outbox = new Outbox(transport, limits.maxBufferedOctets, tap && ((octets) => tap.sent(id, octets)));
    const parser = new RequestParser(services.parserOptions);
    const inbox = new Inbox(parser);
    const standing = this.#standing;
    const keepAlive = new KeepAlive(services, parser, inbox);
    const parts = { transport, inbox, outbox, parser, standing, keepAlive };
    this.#outbox = outbox;
    this.#parser = parser;
    this.#inbox = inbox;
    this.#keepAlive = keepAlive;
    this.#answerer = new Answerer(this, parts, services);
  }

  /** Whether an exchange is in progress. */
  get isBusy(): boolean {
    return this.#exchange !== undefined && !this.#exchange.isWritten;
  }

  get phase(): PhaseName {
    return phaseName(this.#standing.phase);
  }

  // Transport events

  received(octets: Buffer, length = octets.length, isShared = false): void {
    const { phase } = this.#standing;
    const isTaken = phase === PHASE.taken;
    if (!isTaken && !isServing(phase)) return;
    this.#exchange?.bodyBegins();
    this.#services.tap?.received(this.id, octets.subarray(0, length));
    if (isTaken) {
      this.#taken?.received(octets.subarray(0, length), isShared);
      return;
    }
    if (phase === PHASE.idle) {
      this.#standing.enter(PHASE.reading);
      this.#standing.requestBegins();
    }
    if (!this.#inbox.receive(octets, length, isShared, this.#pumping)) {
      this.#updateReading();
      return;
    }
    this.pump();
    this.#inbox.release();
  }

  ended(isReading = false): void {
    this.#inbox.end();
    this.#peerMayBeGone = !isReading;
    if (this.#standing.phase === PHASE.draining) {
      // The rest of the last answer is still sent: a client that has ended its sending side may still read.
      this.#transport.destroySoon();
      return;
    }
    if (this.#taken !== undefined) {
      this.#taken.ended();
      return;
    }
    if (this.#peerMayBeGone) this.#exchange?.request.endClient();
    // If octets are left, the pump handles the end after the last of them.
    if (this.#inbox.isAtEnd) this.#endOfInput();
  }

  drained(): void {
    this.#outbox.drained();
    if (this.#taken !== undefined) return;
    this.#standing.peerKeepsUp();
    if (this.#standing.phase === PHASE.draining) this.#standing.restartPhase();
    this.pump();
  }

  closed(): void {
    if (this.#standing.phase === PHASE.closed) return;
    const exchange = this.#exchange;
    this.#standing.enter(PHASE.closed);
    this.#answerer.gone();
    this.#taken?.closed();
    this.#outbox.drained();
    this.#inbox.drop();
    exchange?.lose(new JackfieldError('CONNECTION_LOST'));
    this.#services.connectionClosed(this);
  }

  // Commands

  /** No exchange begins any more; the current one is finished. */
  stop(): void {
    const { phase } = this.#standing;
    const idle = phase === PHASE.idle || (phase === PHASE.reading && !this.midRequest);
    // Nothing is being sent to the peer, so there is no reason to linger.
    if (idle && this.#exchange === undefined) this.#transport.destroySoon();
  }

  /**
   * Closes at once, whatever is in progress. The peer gets an error if it could treat an incomplete answer as complete.
   */
  destroy(): void {
    if (this.#endLooksWhole) this.#transport.reset();
    else this.#transport.destroy();
    this.closed();
  }

  get #endLooksWhole(): boolean {
    // Octets that the system has not accepted are dropped, at any point: even inside a head.
    if (this.isBlocked) return true;
    return (this.#taken ?? this.#exchange)?.endLooksWhole === true;
  }

  /**
   * Compares the deadlines with the clock; called once per tick. Times in milliseconds.
   * @param now Everything that had arrived by then has been read.
   * @param latest The current time: a start that has no date yet was before it.
   */
  check(now: number, latest = now): void {
    if (this.#standing.phase === PHASE.taken) return;
    this.#standing.date(latest, this.isBlocked);
    const due = dueNow(this.#services.limits, this.#standing, this, now);
    if (due === undefined) return;
    if (due === 'rest') this.#parser.rest();
    else if (due === 'close') this.close();
    else if (due === 'break-off') this.destroy();
    else if (due === 'send-refusal') this.#answerer.refuseWithoutHooks(this.#exchange!);
    else {
      if (due === 'HANDLER_TIMEOUT') this.#exchange!.handlerTimedOut();
      this.#refuse(new JackfieldError(due));
    }
  }

  get exchange(): Exchange<Dispatcher> | undefined {
    return this.#exchange;
  }

  get midRequest(): boolean {
    return this.#parser.midRequest;
  }

  get isBlocked(): boolean {
    return this.#outbox.isBlocked;
  }

  // Reading

  /** Processes the received octets until none are left or it must wait. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // Do not rely on the timer: after a pause of the process, this can run before it.
    this.#services.clock.tick();
    try {
      while (isServing(this.#standing.phase) && this.#step());
    } catch (error) {
      this.fault(error);
    }
    this.#pumping = false;
    this.#outbox.flush();
    if (this.#standing.phase === PHASE.taken) {
      // Including the octets that came after the request.
      this.#taken?.begin(this.#inbox.takeAll(), this.#inbox.peerEnded, this.#paused);
      return;
    }
    if (!this.isBlocked) this.#standing.peerKeepsUp();
    this.#updateReading();
    if (this.#inbox.isAtEnd) this.#endOfInput();
  }

  /** Everything from the peer was processed. Complete requests are still answered. */
  #endOfInput(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || (exchange.isWritten && !exchange.isReceived)) this.close();
    else if (!exchange.isReceived) this.#refuse(new JackfieldError('BODY_INCOMPLETE'));
  }

  /** @returns whether there may be more to do now. */
  #step(): boolean {
    const exchange = this.#exchange;
    // A full body stops octets, not the end of the request: if nothing is left to read, the parser only says whether
    // the request is complete. Without that, an end of input would make a complete body look incomplete.
    if (exchange?.body?.isFull === true && this.#inbox.hasMore) return false;
    if (exchange === undefined && this.isBlocked) return false;
    switch (this.#parser.next()) {
      case 'need-data':
        if (this.#inbox.feedNext()) {
          if (this.#standing.phase === PHASE.idle) this.#standing.enter(PHASE.reading);
          return true;
        }
        if (exchange === undefined) {
          this.#standing.enter(this.midRequest ? PHASE.reading : PHASE.idle);
          if (this.#keepAlive.closesIdle) this.close();
        }
        return false;
      case 'head':
        this.#begin();
        return true;
      case 'data':
        exchange?.body?.push(this.#inbox.data);
        return true;
      case 'complete':
        return this.#complete();
      case 'error':
        this.#noteOtherProtocol();
        this.#refuse(this.#parser.error!);
        return false;
    }
  }

  #noteOtherProtocol(): void {
    const { otherProtocol } = this.#parser;
    if (otherProtocol === undefined) return;
    this.#services.otherProtocols.count(otherProtocol, this.#transport.remoteAddress);
  }

  #complete(): boolean {
    const exchange = this.#exchange;
    if (exchange !== undefined) {
      if (!exchange.isReceived) this.#bodyReceived(exchange);
      if (!exchange.isDone) return false;
    }
    this.#exchange = undefined;
    if (this.#keepAlive.closesAfterExchange) {
      this.close();
      return false;
    }
    this.#parser.proceed();
    this.#standing.enter(this.#parser.hasUnread ? PHASE.reading : PHASE.idle);
    this.#standing.requestBegins();
    return true;
  }

  #bodyReceived(exchange: Exchange<Dispatcher>): void {
    exchange.received(this.#parser.trailers);
    // From here on we wait for the handler.
    this.#standing.restartPhase();
  }

  /** @param isRefused The parser has refused the head: no body is read. */
  #open(head: RequestHead, overload: Overload | undefined, isRefused: boolean): Exchange<Dispatcher> {
    const { dispatcher, limits } = this.#services;
    const hasBody = isRefused || head.section.framing.kind !== 'none';
    const body = hasBody ? new RequestBody(this, limits.maxBufferedOctets) : undefined;
    const peer = this.#transport;
    const origin = this.#proxies === undefined ? peer : this.#proxies.originOf(peer, head.section);
    const request = new ExchangeRequest(head, origin, body, this);
    if (this.#peerMayBeGone) request.endClient();
    const exchange = new Exchange(request, body, dispatcher, overload, this.#parser.hasUnread);
    this.#exchange = exchange;
    this.#standing.enter(PHASE.handling);
    return exchange;
  }

  #begin(): void {
    const { overload } = this.#services;
    const isOver = overload?.isOver === true;
    const exchange = this.#open(this.#parser.head!, isOver ? undefined : overload, false);
    if (isOver) {
      this.#answerer.turnAway(exchange, overload);
      return;
    }
    overload?.begin();
    const { body } = exchange;
    // If the body is already complete, its handler need not wait for it.
    if (body !== undefined && this.#parser.hasUnread && this.#inbox.readBody(body) === 'complete')
      this.#bodyReceived(exchange);
    this.#answerer.dispatch(exchange);
  }

  /** Ends the current exchange, or the connection's reading, with an error; then closes. */
  #refuse(error: JackfieldError): void {
    const { refusedHead } = this.#parser;
    const exchange = this.#exchange;
    if (exchange === undefined) {
      if (refusedHead === undefined) this.#answerer.refuseUnread(error);
      else this.#answerer.refuse(this.#open(refusedHead, undefined, true), error);
    } else if (!exchange.isRefused) {
      exchange.request.abort(error);
      this.#answerer.refuse(exchange, error);
    }
  }

  // Calls from the body and from handlers

  bodyWanted(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.isReceived || exchange.hasBegun) return;
    if (!exchange.mayAwaitContinue) return;
    exchange.continued();
    this.#outbox.text('HTTP/1.1 100 Continue\r\n\r\n');
    this.flush();
  }

  bodyDrained(): void {
    // Not now: the caller is in the middle of its own work.
    if (!this.#pumping && (this.#paused || this.#parser.hasUnread)) queueMicrotask(() => this.pump());
  }

  inform(head: RequestHead, interim: InterimResponse): boolean {
    const text = interimText(interim);
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.request.head !== head || !isServing(this.#standing.phase))
      return false;
    // HTTP/1.0 clients and dialects would treat it as the answer (RFC 9110 §15.2).
    if (exchange.hasBegun || head.minorVersion === 0 || head.claim !== undefined) return false;
    if (this.isBlocked) return false;
    exchange.informed();
    this.#outbox.text(text);
    this.#outbox.flush();
    return true;
  }

  // Calls from the answerer

  flush(): void {
    if (!this.#pumping) this.#outbox.flush();
  }

  takenOver(by: TakenConnection): void {
    this.#taken = by;
    this.#exchange = undefined;
  }

  /** Resets this connection only, because of a fault of the server or of a dialect. */
  fault(error: unknown): void {
    const { handledBy, dialect } = this.#exchange?.request ?? {};
    this.#services.log.error(
      { plugin: handledBy, dialect, err: error },
      'A connection was closed because of a fault of the server or of a dialect.',
    );
    this.broken();
  }

  broken(): void {
    // A client that has received nothing of an answer may repeat its request by itself (RFC 9112 §9.3.1).
    this.#outbox.flush();
    this.destroy();
  }

  /** Ends our direction and keeps reading for a while, so that the last answer is not lost (RFC 9112 §9.6). */
  close(): void {
    const { phase } = this.#standing;
    if (phase === PHASE.closed || phase === PHASE.draining) return;
    this.#outbox.flush();
    this.#standing.enter(PHASE.draining);
    this.#exchange = undefined;
    this.#inbox.drop();
    this.#updateReading();
    if (this.#inbox.peerEnded) this.#transport.destroySoon();
    else this.#outbox.end();
  }

  #updateReading(): void {
    const { maxBufferedOctets } = this.#services.limits;
    const body = this.#exchange?.body;
    const pause =
      this.#standing.phase !== PHASE.draining &&
      (this.#inbox.waiting >= maxBufferedOctets || body?.isFull === true || this.isBlocked);
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#transport.pause();
    else this.#transport.resume();
  }
}
