/**
 * Gives each exchange of a connection its one answer: from the dispatcher, or a refusal by the server itself, or a
 * plugin takes the connection over.
 *
 * Rule of this file: an exchange is answered once. If a handler answers or fails after that, it is only logged.
 */
import { JackfieldError } from '../errors.js';
import { abandon } from '../exchange/answer-source.js';
import { type Exchange as AnyExchange, logBroken } from '../exchange/exchange.js';
import type { BreakableConnection } from '../exchange/taken-connections.js';
import { type Answer, dropStream, errorAnswer, isStream, type Refusal } from '../handlers/answer.js';
import type { Dispatcher } from '../handlers/dispatcher.js';
import type { HandOver } from '../handlers/hand-over.js';
import type { RequestParser } from '../http/parser.js';
import { AnswerSender, type SenderEvents, type SenderServices } from './answer-sender.js';
import type { Inbox } from './inbox.js';
import type { KeepAlive } from './keep-alive.js';
import type { Outbox } from './outbox.js';
import type { Overload } from './overload.js';
import { PHASE } from './phases.js';
import type { Standing } from './standing.js';
import { TakenConnection } from './taken-connection.js';
import type { Transport } from './transport.js';

/** An exchange, with the type of its dispatcher. */
export type Exchange = AnyExchange<Dispatcher>;

export interface AnswererServices extends SenderServices {
  readonly dispatcher: Dispatcher;
  /** While true, every answer is the last of its connection. */
  readonly isStopping: boolean;
}

/** The functions of the connection that answering needs. */
export interface AnsweredConnection extends BreakableConnection {
  /** Processes the received octets; does nothing if that is already in progress. */
  pump(): void;
  /** Sends the content of the outbox, unless `pump` will. */
  flush(): void;
  close(): void;
  /** Resets the connection because of a fault of the server or of a dialect. */
  fault(error: unknown): void;
  broken(): void;
  takenOver(by: TakenConnection): void;
}

/** The parts of the connection that answering uses. */
export interface AnsweredParts {
  readonly transport: Transport;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly parser: RequestParser;
  readonly standing: Standing;
  readonly keepAlive: KeepAlive;
}

export class Answerer implements SenderEvents {
  readonly #connection: AnsweredConnection;
  readonly #parts: AnsweredParts;
  readonly #services: AnswererServices;
  readonly #sender: AnswerSender;
  /** The refusal of the current exchange. */
  #refusal: Refusal | undefined;

  constructor(connection: AnsweredConnection, parts: AnsweredParts, services: AnswererServices) {
    this.#connection = connection;
    this.#parts = parts;
    this.#services = services;
    this.#sender = new AnswerSender(parts.outbox, parts.keepAlive, services, this);
  }

  // Answers of the dispatcher

  dispatch(exchange: Exchange): void {
    const answer = exchange.dispatcher.dispatch(exchange.request);
    if (!(answer instanceof Promise)) {
      this.#answer(exchange, answer);
      return;
    }
    answer.then(
      (late) => this.#answerLate(exchange, late),
      (error: unknown) => this.#connection.fault(error),
    );
  }

  #answerLate(exchange: Exchange, answer: Answer): void {
    try {
      if (exchange.isAnswered || exchange.isRefused) abandon(answer.body);
      else {
        this.#services.clock.tick();
        this.#answer(exchange, answer);
        this.#connection.pump();
      }
    } catch (error) {
      this.#connection.fault(error);
    }
  }

  // Refusals

  /** Refuses a request because of overload. */
  turnAway(exchange: Exchange, overload: Overload): void {
    // Do not read a body that nobody needs.
    exchange.body?.fail(new JackfieldError('OVERLOADED'));
    exchange.body?.discard();
    const isWhole = exchange.isReceived || this.#parts.inbox.readBody(exchange.body) === 'complete';
    this.#refuse(exchange, overload.refuse(!isWhole));
  }

  /** Answers octets that are not a request, so there is no exchange. Then the connection closes. */
  refuseUnread(error: JackfieldError): void {
    const { parser, transport } = this.#parts;
    const { code, status } = error;
    const contentOctets = this.#sender.sendError(error, parser.isHead);
    const requestLine = escaped(parser.requestLine);
    this.#connection.close();
    const { remoteAddress } = transport;
    this.#services.dispatcher.unread({ status, code, remoteAddress, requestLine, contentOctets });
  }

  /** Ends an exchange with an error. Then the connection closes. */
  refuse(exchange: Exchange, error: JackfieldError): void {
    exchange.body?.fail(error);
    this.#parts.keepAlive.refused();
    if (exchange.isAnswered) {
      // The answer is already being sent and cannot be withdrawn; it is the last.
      if (exchange.isWritten) this.#connection.close();
      return;
    }
    // Nobody reads the rest of the body.
    exchange.body?.discard();
    this.#refuse(exchange, { ...errorAnswer(error), close: true }, error);
  }

  /** The time of the hooks for a refusal is over: it is sent as it is. */
  refuseWithoutHooks(exchange: Exchange): void {
    const refusal = this.#refusal;
    if (refusal === undefined || !exchange.isRefused) return;
    exchange.hooksTimedOut();
    dropStream(refusal);
    this.#sendRefusal(exchange, refusal);
    this.#connection.pump();
  }

  /** Sends an answer from the server itself, at once or after hooks worked on it. @param error For `error` hooks. */
  #refuse(exchange: Exchange, answer: Answer, error?: JackfieldError): void {
    const refusal: Refusal = { plain: answer, answer };
    this.#refusal = refusal;
    exchange.refuse();
    this.#parts.standing.restartPhase();
    const hooks = exchange.dispatcher.refuse(exchange, refusal, error);
    if (!(hooks instanceof Promise)) {
      this.#sendRefusal(exchange, refusal);
      return;
    }
    hooks
      .then(() => {
        if (exchange.isAnswered) return;
        this.#sendRefusal(exchange, refusal);
        this.#connection.pump();
      })
      .catch((error: unknown) => this.#connection.fault(error));
  }

  #sendRefusal(exchange: Exchange, refusal: Refusal): void {
    this.#refusal = undefined;
    this.#answer(exchange, refusal.answer);
    this.#connection.flush();
    if (exchange.isWritten && this.#parts.keepAlive.isLast) this.#connection.close();
  }

  // Sending

  #answer(exchange: Exchange, chosen: Answer): void {
    const { standing, keepAlive } = this.#parts;
    if (standing.phase === PHASE.closed) {
      abandon(chosen.body);
      return;
    }
    const answer = exchange.dispatcher.withFields(exchange.request, chosen);
    if (answer.handOver !== undefined) {
      this.#handOver(exchange, answer, answer.handOver);
      return;
    }
    exchange.answered();
    if (exchange.body !== undefined && !isStream(answer.body)) exchange.body.discard();
    keepAlive.answering(exchange, answer);
    standing.enter(PHASE.writing);
    try {
      this.#sender.send(exchange, answer);
    } catch (error) {
      this.#connection.fault(error);
    }
  }

  /** Sends the answer after which the connection belongs to a plugin, or an error if it cannot be handed over. */
  #handOver(exchange: Exchange, answer: Answer, { takeOver, writesHead, plugin }: HandOver): void {
    const { transport, inbox, outbox, standing } = this.#parts;
    // Only when the request is complete do we know where its body ends and the other protocol begins.
    const isWhole = exchange.isReceived || inbox.readBody(exchange.body) === 'complete';
    const { request, dispatcher } = exchange;
    // A hook may have handled the answer last.
    request.handledBy = plugin;
    const owner = dispatcher.takenBy(plugin);
    if (!isWhole || this.#services.isStopping || owner?.isOver === true) {
      this.#answer(exchange, errorAnswer(this.#whyNotHandedOver(exchange, isWhole)));
      return;
    }
    exchange.answered();
    standing.enter(PHASE.taken);
    if (writesHead) this.#sender.sendHandOver(exchange, answer);
    const connection = this.#connection;
    const services = this.#services;
    owner?.add(connection);
    const { log } = dispatcher;
    const { startedAt } = exchange;
    // A plugin that writes the head itself says yes with it.
    const status = request.method === 'CONNECT' && !writesHead ? 200 : answer.status;
    // The connection may stay open for days. Neither it nor the request may keep the dispatcher in memory, and with it
    // all plugins from the time when the exchange began.
    const events = {
      failed: (error: unknown) => logBroken(log, request, error),
      closed: (lost: JackfieldError, contentOctets: number) => {
        owner?.delete(connection);
        request.abort(lost);
        services.dispatcher.handedBack(request, { status, contentOctets, startedAt });
      },
    };
    connection.takenOver(new TakenConnection(transport, outbox, takeOver, events, writesHead));
    exchange.handedOver();
    request.forwarder = undefined;
  }

  #whyNotHandedOver(exchange: Exchange, isWhole: boolean): JackfieldError {
    if (isWhole) return new JackfieldError(this.#services.isStopping ? 'SERVER_CLOSING' : 'PLUGIN_LEFT');
    const error = new JackfieldError(
      'HANDLER_ANSWER_INVALID',
      'It takes over the connection before the whole body of the request was received; read the body first.',
    );
    exchange.blame(error);
    return error;
  }

  /** The peer is gone: a stream in progress is closed. */
  gone(): void {
    this.#sender.gone();
  }

  // Events of the sender

  sent(exchange: AnyExchange): void {
    exchange.written();
    // If the connection stays open, the pump skips the rest of a body.
    if (this.#parts.keepAlive.closesAfterAnswer(exchange)) this.#connection.close();
  }

  sentLater(exchange: AnyExchange): void {
    this.sent(exchange);
    this.#connection.pump();
  }

  broken(): void {
    this.#connection.broken();
  }
}

/** Escaped as in Apache's logs: a client may send line ends and terminal control codes. */
function escaped(latin1: string): string {
  return latin1.replaceAll(/["\\]|[^\x20-\x7e]/g, (character) =>
    character === '"' || character === '\\'
      ? `\\${character}`
      : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
