/**
 * One request and its answer, from the head to the end.
 *
 * Laws of this file:
 * - The request arrives (`isReceived`) independently of its answer, whose states are the table below.
 * - An exchange is over once: when its answer is written, or when it is lost. Its dispatcher and the overload limit are
 *   told then, and only then.
 */
import type { ErrorCode, JackfieldError } from '../errors.js';
import { ERRORS } from '../errors.js';
import type { Log } from '../log.js';
import type { ExchangeRequest } from './exchange-request.js';
import type { RequestBody } from './request-body.js';
import { logFields } from './request-state.js';
import { followers, type Transitions } from './states.js';

/** Where an answer stands. */
export const ANSWER = {
  /** A handler or hooks have the request. */
  open: 1,
  /** The server refuses the request by itself: no answer of a handler is sent any more. Hooks may work on the refusal. */
  refused: 2,
  /** An answer was chosen; no other takes its place, except an error while nothing of it was sent. */
  answered: 4,
  /** The head of the final answer is in the outbox: no interim one may follow. */
  begun: 8,
  /** The answer is in the outbox whole, or a plugin has taken the connection over. */
  written: 16,
  /** The connection ended before that. */
  lost: 32,
} as const;

export type AnswerState = keyof typeof ANSWER;

/** From each state to those that may follow it. */
export const ANSWER_TRANSITIONS: Transitions<AnswerState> = {
  open: ['refused', 'answered', 'lost'],
  refused: ['answered', 'lost'],
  answered: ['begun', 'written', 'lost'],
  begun: ['written', 'lost'],
  written: [],
  lost: [],
};

const FOLLOWING = followers(ANSWER, ANSWER_TRANSITIONS);
const IS_ANSWERED = ANSWER.answered | ANSWER.begun | ANSWER.written | ANSWER.lost;
const HAS_BEGUN = ANSWER.begun | ANSWER.written | ANSWER.lost;

/** What an exchange needs of the dispatcher that answers it. */
export interface Dispatching {
  readonly log: Log;
  /** Whether a plugin wants to know how exchanges end. */
  readonly watchesClose: boolean;
  /**
   * Called once for each exchange, when it is over.
   * @param goesOn A plugin has taken the connection over: the end is that of the connection.
   */
  closed(exchange: Exchange, goesOn: boolean): void;
}

/** Counts exchanges under way. */
export interface Counting {
  end(): void;
}

export class Exchange<D extends Dispatching = Dispatching> {
  readonly request: ExchangeRequest;
  /** The dispatcher that began it also ends it, even if a reload has replaced it. */
  readonly dispatcher: D;
  /** Absent if the request has none. */
  readonly body: RequestBody | undefined;
  /** When it began, by `performance.now()`; 0 if no plugin asks. */
  readonly startedAt: number;
  readonly #counting: Counting | undefined;
  #state: number = ANSWER.open;
  #isReceived: boolean;
  #status = 0;
  #code: ErrorCode | undefined = undefined;
  #contentOctets = 0;
  #sentContinue = false;
  #bodyBegun: boolean;
  #endLooksWhole = false;

  /**
   * @param counting What counts it, if anything does; a reload may have replaced it when the exchange is over.
   * @param bodyBegun Octets of the body are here already.
   */
  constructor(
    request: ExchangeRequest,
    body: RequestBody | undefined,
    dispatcher: D,
    counting: Counting | undefined,
    bodyBegun: boolean,
  ) {
    this.request = request;
    this.dispatcher = dispatcher;
    this.body = body;
    this.startedAt = dispatcher.watchesClose ? performance.now() : 0;
    this.#counting = counting;
    this.#isReceived = body === undefined;
    this.#bodyBegun = bodyBegun;
  }

  // The request

  /** The request has arrived whole. */
  get isReceived(): boolean {
    return this.#isReceived;
  }

  /** @param trailers Names and values in turn. */
  received(trailers: readonly string[]): void {
    this.#isReceived = true;
    this.body?.complete(trailers);
  }

  /** Octets after the head have come. */
  bodyBegins(): void {
    this.#bodyBegun = true;
  }

  /** The client may be waiting for `100 Continue`. A client that sends its body does not wait (RFC 9110 §10.1.1). */
  get mayAwaitContinue(): boolean {
    return this.request.head.section.expectsContinue && !this.#sentContinue && !this.#bodyBegun;
  }

  /** `100 Continue` was sent. */
  get sentContinue(): boolean {
    return this.#sentContinue;
  }

  continued(): void {
    this.#sentContinue = true;
    this.informed();
  }

  /** An interim response was sent. */
  informed(): void {
    this.#endLooksWhole = true;
  }

  // The answer

  /** The server refuses the request, and hooks work on the refusal. */
  get isRefused(): boolean {
    return this.#state === ANSWER.refused;
  }

  /** An answer was chosen, or none is needed any more. */
  get isAnswered(): boolean {
    return (this.#state & IS_ANSWERED) !== 0;
  }

  /** The final answer has begun on the wire, or none is needed any more. */
  get hasBegun(): boolean {
    return (this.#state & HAS_BEGUN) !== 0;
  }

  get isWritten(): boolean {
    return this.#state === ANSWER.written;
  }

  /** Received and written: the next exchange may begin. */
  get isDone(): boolean {
    return this.#isReceived && this.#state === ANSWER.written;
  }

  /** Of the final answer; 0 until its head is written. */
  get status(): number {
    return this.#status;
  }

  /** Of the error that the final answer reports. */
  get code(): ErrorCode | undefined {
    return this.#code;
  }

  /** Octets of content in the outbox so far. */
  get contentOctets(): number {
    return this.#contentOctets;
  }

  /**
   * The end of the connection could pass for the end of a response: it delimits the body of the final one, or an interim
   * response was sent and no final one, which Chromium takes for an empty 200.
   */
  get endLooksWhole(): boolean {
    return this.#endLooksWhole && this.#state !== ANSWER.written;
  }

  refuse(): void {
    this.#enter(ANSWER.refused);
  }

  answered(): void {
    this.#enter(ANSWER.answered);
  }

  /** @param endsWithConnection The end of the connection delimits the body. */
  beginHead(status: number, code: ErrorCode | undefined, endsWithConnection: boolean): void {
    this.#enter(ANSWER.begun);
    this.#status = status;
    this.#code = code;
    this.#endLooksWhole = endsWithConnection;
  }

  /** @param octets Of content that went into the outbox. */
  wrote(octets: number): void {
    this.#contentOctets += octets;
  }

  written(): void {
    this.#enter(ANSWER.written);
    this.#over();
  }

  /** A plugin has taken the connection over. */
  handedOver(): void {
    this.#enter(ANSWER.written);
    this.#over(true);
  }

  /** The connection is gone. */
  lose(lost: JackfieldError): void {
    const isOver = this.#state === ANSWER.written;
    // First, so that hooks that still work on an answer find that nothing is sent any more.
    if (!isOver) this.#enter(ANSWER.lost);
    this.request.abort(lost);
    this.body?.fail(lost);
    if (!isOver) this.#over();
  }

  #over(goesOn = false): void {
    this.#counting?.end();
    this.dispatcher.closed(this, goesOn);
  }

  #enter(state: number): void {
    if ((FOLLOWING[this.#state]! & state) === 0) {
      throw new TypeError(`An exchange does not go from ${stateName(this.#state)} to ${stateName(state)}.`);
    }
    this.#state = state;
  }

  // The log

  /** Logs a fault that the client is not told. */
  blame(error: unknown): void {
    // If the client broke off the body that the answer is made of, the plugin has done nothing wrong.
    const isClients = this.body?.failure !== undefined && error === this.body.failure;
    logBroken(this.dispatcher.log, this.request, error, isClients ? 'debug' : 'error');
  }

  handlerTimedOut(): void {
    const { handledBy, method, path } = this.request;
    this.dispatcher.log.error(
      { plugin: handledBy, method, path, code: 'HANDLER_TIMEOUT', ...logFields.get(this.request) },
      ERRORS.HANDLER_TIMEOUT.sentence,
    );
  }

  /** The log names the plugin; the client gets its refusal. */
  hooksTimedOut(): void {
    const { handledBy, method, path } = this.request;
    this.dispatcher.log.error(
      { plugin: handledBy, method, path, ...logFields.get(this.request) },
      'A hook took too long; the error answer of the server was sent without it.',
    );
  }
}

/** Logs that an answer, or what a plugin does with a connection that it took over, has failed. */
export function logBroken(
  log: Log,
  request: ExchangeRequest,
  error: unknown,
  level: 'debug' | 'error' = 'error',
): void {
  const { handledBy, dialect, method, path } = request;
  log[level](
    { plugin: handledBy, dialect, method, path, ...logFields.get(request), err: error },
    'The answer of a plugin failed while it was sent.',
  );
}

function stateName(state: number): string {
  return Object.entries(ANSWER).find(([, bit]) => bit === state)?.[0] ?? String(state);
}
