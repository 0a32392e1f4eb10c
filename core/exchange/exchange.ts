/**
 * One request and its answer, from the head to the end.
 *
 * Rules of this file:
 * - The request arrives (`isReceived`) independently of its answer, whose states are in the table below.
 * - An exchange is over once: when its answer is written, or when it is lost. Only then are its dispatcher and the
 *   overload limit notified.
 */
import type { ErrorCode, JackfieldError } from '../errors.js';
import { ERRORS } from '../errors.js';
import type { Log } from '../log.js';
import type { ExchangeRequest } from './exchange-request.js';
import type { RequestBody } from './request-body.js';
import { logFields } from './request-state.js';
import { followers, type Transitions } from './states.js';

/** The states of an answer. */
export const ANSWER = {
  /** The request is with a handler or hooks. */
  open: 1,
  /** The server itself refuses the request: a handler's answer is no longer sent. Hooks may work on the refusal. */
  refused: 2,
  /** An answer was chosen; only an error may replace it, and only while nothing of it was sent. */
  answered: 4,
  /** The head of the final answer is in the outbox: no interim response may follow. */
  begun: 8,
  /** The whole answer is in the outbox, or a plugin has taken the connection over. */
  written: 16,
  /** The connection ended before that. */
  lost: 32,
} as const;

export type AnswerState = keyof typeof ANSWER;

/** From each state to the states that may follow it. */
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

/** The part of the dispatcher that an exchange needs. */
export interface Dispatching {
  readonly log: Log;
  /** Whether a plugin has a `close` hook. */
  readonly watchesClose: boolean;
  /**
   * Called once for each exchange, when it is over.
   * @param goesOn A plugin has taken the connection over: the end is that of the connection.
   */
  closed(exchange: Exchange, goesOn: boolean): void;
}

/** Counts the exchanges in progress. */
export interface Counting {
  end(): void;
}

export class Exchange<D extends Dispatching = Dispatching> {
  readonly request: ExchangeRequest;
  /** The dispatcher that began this exchange also ends it, even if a reload has replaced it. */
  readonly dispatcher: D;
  /** Absent if the request has none. */
  readonly body: RequestBody | undefined;
  /** When the exchange began, by `performance.now()`; 0 if no plugin uses it. */
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
   * @param counting Counter of the server, if there is one; a reload may have replaced it when the exchange ends.
   * @param bodyBegun Whether octets of the body are here already.
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

  /** The whole request has arrived. */
  get isReceived(): boolean {
    return this.#isReceived;
  }

  /** @param trailers Names and values in turn. */
  received(trailers: readonly string[]): void {
    this.#isReceived = true;
    this.body?.complete(trailers);
  }

  /** Octets after the head have arrived. */
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

  /** The head of the final answer was sent, or no answer is needed any more. */
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

  /** Status of the final answer; 0 until its head is written. */
  get status(): number {
    return this.#status;
  }

  /** Code of the error that the final answer reports. */
  get code(): ErrorCode | undefined {
    return this.#code;
  }

  /** Octets of content in the outbox so far. */
  get contentOctets(): number {
    return this.#contentOctets;
  }

  /**
   * Whether the end of the connection could look like the end of a response. Either it delimits the final body, or only
   * an interim response was sent, which Chromium treats as an empty 200.
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

  /** @param endsWithConnection Whether the end of the connection delimits the body. */
  beginHead(status: number, code: ErrorCode | undefined, endsWithConnection: boolean): void {
    this.#enter(ANSWER.begun);
    this.#status = status;
    this.#code = code;
    this.#endLooksWhole = endsWithConnection;
  }

  /** @param octets Octets of content that went into the outbox. */
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
    // Do this first: hooks that are still working on an answer then see that nothing is sent any more.
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

  /** Logs a fault that the client does not see. */
  blame(error: unknown): void {
    // If the client aborted the body that the answer is made from, it is not the plugin's fault.
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

  /** The log names the plugin; the client gets the refusal. */
  hooksTimedOut(): void {
    const { handledBy, method, path } = this.request;
    this.dispatcher.log.error(
      { plugin: handledBy, method, path, ...logFields.get(this.request) },
      'A hook took too long; the error answer of the server was sent without it.',
    );
  }
}

/** Logs the failure of an answer, or of a plugin that took the connection over. */
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
