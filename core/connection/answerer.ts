/**
 * Gives each exchange of a connection its one answer: of the dispatcher, or a refusal by the server itself, or the
 * connection goes over to a plugin.
 *
 * Law of this file: an exchange is answered once. What a handler does after that (a late answer, a late error) is logged
 * at most.
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

/** An exchange as a connection has it. */
export type Exchange = AnyExchange<Dispatcher>;

export interface AnswererServices extends SenderServices {
  readonly dispatcher: Dispatcher;
  /** Every answer is the last of its connection. */
  readonly isStopping: boolean;
}

/** What answering needs of the connection. */
export interface AnsweredConnection extends BreakableConnection {
  /** Works on what was received; does nothing if that is under way. */
  pump(): void;
  /** Sends what is in the outbox, unless the pump will. */
  flush(): void;
  close(): void;
  /** Breaks the connection off because of a mistake of the server or of a dialect. */
  fault(error: unknown): void;
  broken(): void;
  takenOver(by: TakenConnection): void;
}

/** The parts of the connection that answering works with. */
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
  /** Of the exchange under way. */
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

  /** The server has too much to do. */
  turnAway(exchange: Exchange, overload: Overload): void {
    // A body that is on its way would be read for nothing.
    exchange.body?.fail(new JackfieldError('OVERLOADED'));
    exchange.body?.discard();
    const isWhole = exchange.isReceived || this.#parts.inbox.readBody(exchange.body) === 'complete';
    this.#refuse(exchange, overload.refuse(!isWhole));
  }

  /** Answers octets that are not a request, so there is no exchange; then the connection closes. */
  refuseUnread(error: JackfieldError): void {
    const { parser, transport } = this.#parts;
    const { code, status } = error;
    const contentOctets = this.#sender.sendError(error, parser.isHead);
    const requestLine = escaped(parser.requestLine);
    this.#connection.close();
    const { remoteAddress } = transport;
    this.#services.dispatcher.unread({ status, code, remoteAddress, requestLine, contentOctets });
  }

  /** Ends an exchange with an error; then the connection closes. */
  refuse(exchange: Exchange, error: JackfieldError): void {
    exchange.body?.fail(error);
    this.#parts.keepAlive.refused();
    if (exchange.isAnswered) {
      // The answer is on its way and cannot be taken back; it is the last.
      if (exchange.isWritten) this.#connection.close();
      return;
    }
    // Nobody reads what still comes of it.
    exchange.body?.discard();
    this.#refuse(exchange, { ...errorAnswer(error), close: true }, error);
  }

  /** The hooks that work on a refusal have had their time: it is sent as it is. */
  refuseWithoutHooks(exchange: Exchange): void {
    const refusal = this.#refusal;
    if (refusal === undefined || !exchange.isRefused) return;
    exchange.hooksTimedOut();
    dropStream(refusal);
    this.#sendRefusal(exchange, refusal);
    this.#connection.pump();
  }

  /** Sends an answer of the server's own, at once or when the hooks have worked on it. @param error For `error` hooks. */
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

  /** The answer after which the connection belongs to a plugin, or an error if it cannot be handed over. */
  #handOver(exchange: Exchange, answer: Answer, { takeOver, writesHead, plugin }: HandOver): void {
    const { transport, inbox, outbox, standing } = this.#parts;
    // Only of a request that is here whole it is known where the body ends and the other protocol begins.
    const isWhole = exchange.isReceived || inbox.readBody(exchange.body) === 'complete';
    const { request, dispatcher } = exchange;
    // A hook may have had the answer last.
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
    // The connection may go on for days. Neither it nor the request may hold the dispatcher, and with it all plugins
    // that there were when the exchange began.
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

  /** The peer is gone: a stream that is on its way is closed. */
  gone(): void {
    this.#sender.gone();
  }

  // Events of the sender

  sent(exchange: AnyExchange): void {
    exchange.written();
    // If it stays open, the pump reads past the rest of a body.
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

/** As Apache escapes its logs: what a client sent may hold line ends and codes that a terminal obeys. */
function escaped(latin1: string): string {
  return latin1.replaceAll(/["\\]|[^\x20-\x7e]/g, (character) =>
    character === '"' || character === '\\'
      ? `\\${character}`
      : `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
