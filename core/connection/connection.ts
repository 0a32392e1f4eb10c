/**
 * One connection's life: octets in, exchanges in order, octets out. All keep-alive decisions are made here.
 *
 * Laws of this file:
 * - One exchange at a time; what is pipelined behind it waits unparsed, within `maxBufferedOctets`.
 * - An exchange is answered once. Whatever a handler does after that (a late answer, a late error) is logged at most.
 * - After a framing error nothing that follows on the connection is served (RFC 9112 §6.3).
 */

import type { InterimResponse } from '../api/request.js';
import type { Limits } from '../config/limits.js';
import { JackfieldError } from '../errors.js';
import { abandon } from '../exchange/answer-source.js';
import type { Exchange } from '../exchange/exchange.js';
import { ExchangeRequest, type Informer } from '../exchange/exchange-request.js';
import { type BodySource, RequestBody } from '../exchange/request-body.js';
import { type Answer, dropStream, errorAnswer, isStream, type Refusal } from '../handlers/answer.js';
import type { Dispatcher } from '../handlers/dispatcher.js';
import type { HandOver } from '../handlers/hand-over.js';
import { interimText } from '../handlers/interim.js';
import type { HttpClock } from '../http/http-clock.js';
import { type ParserEvent, type ParserOptions, RequestParser } from '../http/parser.js';
import type { RequestHead } from '../http/request-head.js';
import type { Log } from '../log.js';
import { AnswerSender, type SenderEvents } from './answer-sender.js';
import { dueNow } from './deadlines.js';
import { Inbox } from './inbox.js';
import type { OtherProtocols } from './other-protocols.js';
import { Outbox } from './outbox.js';
import type { Overload } from './overload.js';
import { mayFollow, PHASE, type Phase, type PhaseName, phaseName } from './phases.js';
import type { ServedExchange } from './served-exchange.js';
import { TakenConnection } from './taken-connection.js';
import type { Tap, Transport, TransportEvents } from './transport.js';
import type { TrustedProxies } from './trusted-proxies.js';

/**
 * A moment that no tick has dated yet. Reading a clock for each phase of each request would cost more than parsing it,
 * so the next tick dates what began before it: never too early, so that no deadline is over before its time.
 */
const UNDATED = 0;

/** What all connections of a server share. */
export interface ConnectionServices {
  readonly limits: Limits;
  readonly parserOptions: ParserOptions;
  /** Asked once per exchange, so that a reload takes effect with the next one. */
  readonly dispatcher: Dispatcher;
  readonly clock: HttpClock;
  readonly log: Log;
  readonly keepAliveLine: string;
  readonly tap: Tap | undefined;
  readonly overload: Overload | undefined;
  readonly otherProtocols: OtherProtocols;
  readonly proxies: TrustedProxies | undefined;
  /** The server is stopping: every answer is the last of its connection. */
  readonly isStopping: boolean;
  connectionClosed(connection: Connection): void;
}

export class Connection implements TransportEvents, SenderEvents, BodySource, Informer {
  readonly id: number;
  readonly #transport: Transport;
  readonly #services: ConnectionServices;
  readonly #parser: RequestParser;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #sender: AnswerSender;
  /** Present where the peer is a proxy that is believed. */
  readonly #proxies: TrustedProxies | undefined;
  #phase: Phase = PHASE.idle;
  #phaseSince = UNDATED;
  /** When the first octet of the request under way came. */
  #requestSince = UNDATED;
  /** Since when the peer has taken nothing; `UNDATED` while it keeps up. */
  #blockedSince = UNDATED;
  #exchange: ServedExchange | undefined;
  /** Present once a plugin has taken the connection over: what comes from then on is its own, and no exchange is left. */
  #taken: TakenConnection | undefined;
  #pumping = false;
  #paused = false;
  #peerEnded = false;
  #peerMayBeGone = false;

  constructor(id: number, transport: Transport, services: ConnectionServices) {
    this.id = id;
    this.#transport = transport;
    this.#services = services;
    const { limits, tap, proxies } = services;
    this.#proxies = proxies?.trusts(transport.remoteAddress) === true ? proxies : undefined;
    this.#outbox = new Outbox(transport, limits.maxBufferedOctets, tap && ((octets) => tap.sent(id, octets)));
    this.#sender = new AnswerSender(this.#outbox, services, this);
    this.#parser = new RequestParser(services.parserOptions);
    this.#inbox = new Inbox(this.#parser);
  }

  /** An exchange is under way. */
  get isBusy(): boolean {
    return this.#exchange !== undefined && !this.#exchange.sent;
  }

  get phase(): PhaseName {
    return phaseName(this.#phase);
  }

  // What the transport tells

  received(octets: Buffer, length = octets.length, isShared = false): void {
    if (this.#phase >= PHASE.draining && this.#phase !== PHASE.taken) return;
    if (this.#exchange !== undefined) this.#exchange.bodyBegun = true;
    this.#services.tap?.received(this.id, octets.subarray(0, length));
    if (this.#phase === PHASE.taken) {
      this.#taken?.received(octets.subarray(0, length), isShared);
      return;
    }
    if (this.#phase === PHASE.idle) {
      this.#enter(PHASE.reading);
      this.#requestSince = UNDATED;
    }
    if (!this.#inbox.receive(octets, length, isShared, this.#pumping)) {
      this.#updateReading();
      return;
    }
    this.#pump();
    this.#inbox.release();
  }

  ended(isReading = false): void {
    this.#peerEnded = true;
    this.#peerMayBeGone = !isReading;
    if (this.#phase === PHASE.draining) {
      // What is left of the last answer is still sent: a client that has ended its direction may read on.
      this.#transport.destroySoon();
      return;
    }
    if (this.#taken !== undefined) {
      this.#taken.ended();
      return;
    }
    if (this.#peerMayBeGone) this.#exchange?.request.endClient();
    // With octets left to work on, the pump handles the end after the last of them.
    if (!this.#inbox.hasMore) this.#endOfInput();
  }

  drained(): void {
    this.#outbox.drained();
    if (this.#taken !== undefined) return;
    this.#blockedSince = UNDATED;
    if (this.#phase === PHASE.draining) this.#phaseSince = UNDATED;
    this.#pump();
  }

  closed(): void {
    if (this.#phase === PHASE.closed) return;
    const exchange = this.#exchange;
    this.#enter(PHASE.closed);
    this.#sender.gone();
    this.#taken?.closed();
    this.#outbox.drained();
    this.#inbox.drop();
    if (exchange !== undefined) {
      // For hooks that still work on an answer: nothing is sent any more.
      exchange.answered = true;
      const lost = new JackfieldError('CONNECTION_LOST');
      exchange.request.abort(lost);
      exchange.body?.fail(lost);
      if (!exchange.sent) this.#over(exchange);
    }
    this.#services.connectionClosed(this);
  }

  // What the server tells

  /** No exchange begins any more; one that is under way is finished. */
  stop(): void {
    const idle = this.#phase === PHASE.idle || (this.#phase === PHASE.reading && !this.#parser.midRequest);
    // Nothing is on its way to the peer, so there is nothing to linger for.
    if (idle && this.#exchange === undefined) this.#transport.destroySoon();
  }

  /** At once, whatever is under way; with an error for the peer where it could take what it has for whole. */
  destroy(): void {
    if (this.#endLooksWhole) this.#transport.reset();
    else this.#transport.destroy();
    this.closed();
  }

  get #endLooksWhole(): boolean {
    // Octets that the system has not taken are thrown away, wherever that cuts: a head too.
    if (this.#outbox.isBlocked) return true;
    if (this.#taken !== undefined) return this.#taken.endLooksWhole;
    return this.#exchange?.endLooksWhole === true && !this.#exchange.sent;
  }

  /**
   * Compares the deadlines with the clock; called once per tick. Times in milliseconds.
   * @param now Everything that had arrived by then has been read.
   * @param latest The time of the call: whatever is not dated yet began before it.
   */
  check(now: number, latest = now): void {
    if (this.#phase === PHASE.taken) return;
    this.#date(latest);
    const due = dueNow(this.#services.limits, {
      phase: this.#phase,
      inPhase: now - this.#phaseSince,
      inRequest: now - this.#requestSince,
      blocked: this.#blockedSince === UNDATED ? 0 : now - this.#blockedSince,
      isBlocked: this.#outbox.isBlocked,
      midRequest: this.#parser.midRequest,
      exchange: this.#exchange,
    });
    if (due === 'rest') this.#parser.rest();
    else if (due === 'close') this.#close();
    else if (due === 'break-off') this.destroy();
    else if (due === 'send-refusal') this.#hooksLate(this.#exchange!);
    else if (due !== undefined) {
      if (due === 'HANDLER_TIMEOUT') this.#sender.tellTimeout(this.#exchange!);
      this.#refuse(new JackfieldError(due));
    }
  }

  #date(latest: number): void {
    if (this.#phaseSince === UNDATED) this.#phaseSince = latest;
    if (this.#requestSince === UNDATED) this.#requestSince = latest;
    if (!this.#outbox.isBlocked) this.#blockedSince = UNDATED;
    else if (this.#blockedSince === UNDATED) this.#blockedSince = latest;
  }

  // Reading

  /** Works on what was received until it is used up or something has to be waited for. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    // Not left to the tick: after a pause of the process, this can run before it.
    this.#services.clock.tick();
    try {
      while (this.#phase < PHASE.draining && this.#step());
    } catch (error) {
      this.#fault(error);
    }
    this.#pumping = false;
    this.#outbox.flush();
    if (this.#phase === PHASE.taken) {
      this.#handOver();
      return;
    }
    if (!this.#outbox.isBlocked) this.#blockedSince = UNDATED;
    this.#updateReading();
    if (this.#peerEnded && !this.#inbox.hasMore) this.#endOfInput();
  }

  /** Everything that the peer has sent was worked on. What was received whole is still answered. */
  #endOfInput(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || (exchange.sent && !exchange.received)) this.#close();
    else if (!exchange.received) this.#refuse(new JackfieldError('BODY_INCOMPLETE'));
  }

  /** @returns whether there may be more to do at once. */
  #step(): boolean {
    const exchange = this.#exchange;
    // A full body holds back octets, not the end of the request: where nothing is left to read, the parser only says
    // whether the request is complete. Without that, an end of input would make a complete body look incomplete.
    if (exchange?.body?.isFull === true && this.#inbox.hasMore) return false;
    if (this.#outbox.isBlocked && exchange === undefined) return false;
    switch (this.#parser.next()) {
      case 'need-data':
        if (this.#inbox.feedNext()) {
          if (this.#phase === PHASE.idle) this.#enter(PHASE.reading);
          return true;
        }
        if (exchange === undefined) {
          this.#enter(this.#parser.midRequest ? PHASE.reading : PHASE.idle);
          // Its last answer may have begun before the stop and so not have said that it is the last.
          if (this.#services.isStopping && !this.#parser.midRequest) this.#close();
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
    if (exchange !== undefined && !exchange.received) this.#bodyReceived(exchange);
    if (exchange !== undefined && !exchange.sent) return false;
    this.#exchange = undefined;
    // An answer that was begun before the stop could not say that it is the last; one behind it will.
    if (this.#sender.isLast || (this.#services.isStopping && !this.#inbox.hasMore)) {
      this.#close();
      return false;
    }
    this.#parser.proceed();
    this.#enter(this.#parser.hasUnread ? PHASE.reading : PHASE.idle);
    this.#requestSince = UNDATED;
    return true;
  }

  #bodyReceived(exchange: Exchange): void {
    exchange.received = true;
    exchange.body?.complete(this.#parser.trailers);
    // From here on it is the handler that is waited for.
    this.#phaseSince = UNDATED;
  }

  /** @param isRefused The parser has refused the head: nothing of a body is read. */
  #open(head: RequestHead, overload: Overload | undefined, isRefused: boolean): ServedExchange {
    const { dispatcher, limits } = this.#services;
    const hasBody = isRefused || head.section.framing.kind !== 'none';
    const body = hasBody ? new RequestBody(this, limits.maxBufferedOctets) : undefined;
    const peer = this.#transport;
    const origin = this.#proxies === undefined ? peer : this.#proxies.originOf(peer, head.section);
    const request = new ExchangeRequest(head, origin, body, this);
    if (this.#peerMayBeGone) request.endClient();
    const exchange: ServedExchange = {
      request,
      dispatcher,
      overload,
      body,
      received: body === undefined,
      answered: false,
      headSent: false,
      sent: false,
      refusal: undefined,
      startedAt: dispatcher.watchesClose ? performance.now() : 0,
      status: 0,
      code: undefined,
      contentOctets: 0,
      continueSent: false,
      bodyBegun: this.#parser.hasUnread,
      endLooksWhole: false,
    };
    this.#exchange = exchange;
    this.#enter(PHASE.handling);
    return exchange;
  }

  #begin(): void {
    const { dispatcher, overload } = this.#services;
    const isOver = overload?.isOver === true;
    const exchange = this.#open(this.#parser.head!, isOver ? undefined : overload, false);
    const { request, body } = exchange;
    if (overload !== undefined) {
      if (isOver) {
        this.#turnAway(exchange, overload);
        return;
      }
      overload.begin();
    }
    // A handler that finds its body complete need not be waited for twice.
    if (body !== undefined && this.#parser.hasUnread && this.#takeBody(exchange) === 'complete')
      this.#bodyReceived(exchange);
    const answer = dispatcher.dispatch(request);
    if (!(answer instanceof Promise)) {
      this.#answer(exchange, answer);
      return;
    }
    answer.then(
      (late) => this.#answerLate(exchange, late),
      (error: unknown) => this.#fault(error),
    );
  }

  #turnAway(exchange: ServedExchange, overload: Overload): void {
    // A body that is on its way would be read for nothing.
    exchange.body?.fail(new JackfieldError('OVERLOADED'));
    exchange.body?.discard();
    const close = !exchange.received && this.#takeBody(exchange) !== 'complete';
    this.#answerRefusal(exchange, overload.refuse(close));
  }

  #answerLate(exchange: ServedExchange, answer: Answer): void {
    try {
      if (exchange.answered || exchange.refusal !== undefined) abandon(answer.body);
      else {
        this.#services.clock.tick();
        this.#answer(exchange, answer);
        this.#pump();
      }
    } catch (error) {
      this.#fault(error);
    }
  }

  /** A mistake of our own, or of a dialect: it costs this connection and no other. */
  #fault(error: unknown): void {
    const { handledBy, dialect } = this.#exchange?.request ?? {};
    this.#services.log.error(
      { plugin: handledBy, dialect, err: error },
      'A connection was closed because of a fault of the server or of a dialect.',
    );
    this.broken();
  }

  // What a body asks for

  bodyWanted(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.continueSent || exchange.received) return;
    if (exchange.headSent || exchange.sent) return;
    // A client that sends its body does not wait (RFC 9110 §10.1.1).
    if (!exchange.request.head.section.expectsContinue || exchange.bodyBegun) return;
    exchange.continueSent = true;
    exchange.endLooksWhole = true;
    this.#outbox.text('HTTP/1.1 100 Continue\r\n\r\n');
    if (!this.#pumping) this.#outbox.flush();
  }

  bodyDrained(): void {
    // Not at once: the caller is in the middle of its own work.
    if (!this.#pumping && (this.#paused || this.#parser.hasUnread)) queueMicrotask(() => this.#pump());
  }

  #updateReading(): void {
    const { maxBufferedOctets } = this.#services.limits;
    const body = this.#exchange?.body;
    const pause =
      this.#phase !== PHASE.draining &&
      (this.#inbox.waiting >= maxBufferedOctets || body?.isFull === true || this.#outbox.isBlocked);
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#transport.pause();
    else this.#transport.resume();
  }

  // Answering

  inform(head: RequestHead, interim: InterimResponse): boolean {
    const text = interimText(interim);
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.request.head !== head || this.#phase >= PHASE.draining)
      return false;
    // HTTP/1.0 and dialects would take it for the answer (RFC 9110 §15.2).
    if (exchange.headSent || exchange.sent || head.minorVersion === 0 || head.claim !== undefined)
      return false;
    if (this.#outbox.isBlocked) return false;
    exchange.endLooksWhole = true;
    this.#outbox.text(text);
    this.#outbox.flush();
    return true;
  }

  /** Ends the exchange under way, or the connection's reading, with an error; then closes. */
  #refuse(error: JackfieldError): void {
    const { refusedHead } = this.#parser;
    const exchange = this.#exchange;
    if (exchange === undefined && refusedHead === undefined) {
      this.#answerUnread(error);
      return;
    }
    if (exchange === undefined) this.#refuseExchange(this.#open(refusedHead!, undefined, true), error);
    else if (exchange.refusal === undefined || exchange.answered) {
      exchange.request.abort(error);
      this.#refuseExchange(exchange, error);
    }
  }

  /** There is no request, so there is no exchange. */
  #answerUnread(error: JackfieldError): void {
    const { code, status } = error;
    const { isHead, requestLine } = this.#parser;
    const contentOctets = this.#sender.sendError(error, isHead);
    this.#close();
    this.#services.dispatcher.unread({
      status,
      code,
      remoteAddress: this.#transport.remoteAddress,
      requestLine: escaped(requestLine),
      contentOctets,
    });
  }

  #refuseExchange(exchange: ServedExchange, error: JackfieldError): void {
    exchange.body?.fail(error);
    this.#sender.isLast = true;
    if (exchange.answered) {
      // The answer is on its way and cannot be taken back; it is the last.
      if (exchange.sent) this.#close();
      return;
    }
    // What still comes of it is for nobody.
    exchange.body?.discard();
    this.#answerRefusal(exchange, { ...errorAnswer(error), close: true }, error);
  }

  /** Sends an answer of the server's own as soon as the hooks are through with it. @param error For `error` hooks. */
  #answerRefusal(exchange: ServedExchange, answer: Answer, error?: JackfieldError): void {
    const refusal: Refusal = { plain: answer, answer };
    exchange.refusal = refusal;
    this.#phaseSince = UNDATED;
    const hooks = exchange.dispatcher.refuse(exchange, refusal, error);
    if (hooks === undefined) {
      this.#sendRefusal(exchange, refusal);
      return;
    }
    hooks
      .then(() => {
        if (exchange.answered) return;
        this.#sendRefusal(exchange, refusal);
        this.#pump();
      })
      .catch((error: unknown) => this.#fault(error));
  }

  #sendRefusal(exchange: Exchange, refusal: Refusal): void {
    this.#answer(exchange, refusal.answer);
    if (!this.#pumping) this.#outbox.flush();
    if (exchange.sent && this.#sender.isLast) this.#close();
  }

  /** A hook does not come to its end: the refusal does not wait for it. */
  #hooksLate(exchange: ServedExchange): void {
    const { refusal } = exchange;
    if (refusal === undefined || exchange.answered) return;
    this.#sender.tellHooksLate(exchange);
    dropStream(refusal);
    this.#sendRefusal(exchange, refusal);
    this.#pump();
  }

  #answer(exchange: Exchange, answer: Answer): void {
    if (this.#phase === PHASE.closed) {
      abandon(answer.body);
      return;
    }
    if (answer.handOver !== undefined) {
      this.#answerHandOver(exchange, answer, answer.handOver);
      return;
    }
    exchange.answered = true;
    if (exchange.body !== undefined && !isStream(answer.body)) exchange.body.discard();
    if (this.#mustClose(exchange, answer)) this.#sender.isLast = true;
    this.#enter(PHASE.writing);
    try {
      this.#sender.send(exchange, answer);
    } catch (error) {
      this.#fault(error);
    }
  }

  /** The answer behind which the pump hands the connection over, or why it cannot be. */
  #answerHandOver(exchange: Exchange, answer: Answer, { takeOver, writesHead, plugin }: HandOver): void {
    // Where the body ends and the other protocol begins is only known of a request that is here whole.
    const isWhole = exchange.received || this.#takeBody(exchange) === 'complete';
    const { request, dispatcher } = exchange;
    // A hook may have had the answer last.
    request.handledBy = plugin;
    const owner = dispatcher.takenBy(plugin);
    const { isStopping } = this.#services;
    if (!isWhole || isStopping || owner?.isOver === true) {
      const why = isStopping ? 'SERVER_CLOSING' : 'PLUGIN_LEFT';
      this.#answer(exchange, this.#sender.notHandedOver(exchange, isWhole ? why : undefined));
      return;
    }
    exchange.answered = true;
    this.#enter(PHASE.taken);
    if (writesHead) this.#sender.sendHandOver(exchange, answer);
    owner?.add(this);
    this.#taken = new TakenConnection(this.#transport, this.#outbox, takeOver, {
      failed: (error) => this.#sender.blame({ request, body: undefined }, error),
      closed: (error) => {
        owner?.delete(this);
        request.abort(error);
      },
    });
    exchange.sent = true;
    this.#over(exchange);
    // It may go on for days, and would keep all plugins that there were when it began.
    request.forwarder = undefined;
    this.#exchange = undefined;
  }

  /** With everything that came behind the request. */
  #handOver(): void {
    this.#taken?.begin(this.#inbox.takeAll(), this.#peerEnded, this.#paused);
  }

  /** Reads past what is left of the request as far as it is here; says whether the connection can go on. */
  #mustClose(exchange: Exchange, answer: Answer): boolean {
    const { head } = exchange.request;
    if (!head.section.persistent || answer.close || this.#sender.isLast || this.#services.isStopping)
      return true;
    if (this.#peerEnded && !this.#inbox.hasMore) return true;
    if (exchange.received) return false;
    const event = this.#takeBody(exchange);
    if (event === 'complete') return false;
    // A client that waits for 100 may send its body or the next request: the two cannot be told apart.
    if (head.section.expectsContinue && !exchange.continueSent && !exchange.bodyBegun) return true;
    // A stream may be made of the request's body as that arrives: whether it will read all of it is not known yet.
    if (event !== 'need-data' || isStream(answer.body)) return true;
    return this.#parser.bodyLeft > this.#services.limits.maxBufferedOctets;
  }

  /** Takes what is here of the body, at most as much as may wait; where it is not wanted any more, it is dropped. */
  #takeBody({ body }: Exchange): ParserEvent {
    for (;;) {
      const event = this.#parser.next();
      if (event !== 'data') return event;
      body?.push(this.#inbox.data);
      if (body?.isFull === true && this.#parser.hasUnread) return event;
    }
  }

  // What the sender tells

  get isGone(): boolean {
    return this.#phase === PHASE.closed;
  }

  sent(exchange: Exchange, later: boolean): void {
    exchange.sent = true;
    this.#over(exchange);
    // A body that is still on its way is read past by the pump.
    if (this.#sender.isLast && !exchange.received) this.#close();
    else if (later) this.#pump();
  }

  broken(): void {
    // A client that has seen nothing of an answer may send the same request again by itself (RFC 9112 §9.3.1).
    this.#outbox.flush();
    this.destroy();
  }

  #over(exchange: Exchange): void {
    exchange.overload?.end();
    exchange.dispatcher.closed(exchange);
  }

  // Closing

  /** Ends our direction and still reads for a while, so that the last answer is not lost (RFC 9112 §9.6). */
  #close(): void {
    if (this.#phase === PHASE.closed || this.#phase === PHASE.draining) return;
    this.#outbox.flush();
    this.#enter(PHASE.draining);
    this.#exchange = undefined;
    this.#inbox.drop();
    this.#updateReading();
    if (this.#peerEnded) this.#transport.destroySoon();
    else this.#outbox.end();
  }

  #enter(phase: Phase): void {
    if (phase === this.#phase) return;
    if (!mayFollow(this.#phase, phase)) {
      throw new TypeError(`A connection cannot go from ${phaseName(this.#phase)} to ${phaseName(phase)}.`);
    }
    this.#phase = phase;
    this.#phaseSince = UNDATED;
  }
}

/** As Apache escapes its logs: what a client sent may hold line ends and codes that a terminal obeys. */
function escaped(latin1: string): string {
  return latin1.replaceAll(/["\\]|[^\x20-\x7e]/g, (character) =>
    character === '"' || character === '\\'
      ? `\\${character}`
      : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
