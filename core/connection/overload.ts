/**
 * Refuses requests while the server cannot answer all of them in time: accepted requests are answered, and the others
 * are refused at once (RFC 9110 §15.6.4). A server without such limits has no object of this class.
 */
import type { OverloadLimits } from '../config/resolved-config.js';
import { ERRORS } from '../errors.js';
import { type Answer, errorAnswer } from '../handlers/answer.js';
import { HttpError } from '../handlers/http-error.js';
import type { Log } from '../log.js';
import { CountedWarning } from './counted-warning.js';

/** Short enough to notice an overload in time; twenty timer calls a second cost nothing. */
const SAMPLE_MS = 50;

export class Overload {
  readonly #limits: OverloadLimits;
  readonly #answer: Answer;
  readonly #clock: () => number;
  readonly #refusals: CountedWarning;
  readonly #sampling: NodeJS.Timeout | undefined;
  #inFlight = 0;
  /** When the timer is due. */
  #due: number;
  /** How late the timer was; each time, half of the old value is kept. */
  #delayMs = 0;

  /** @param clock Returns milliseconds. */
  constructor(limits: OverloadLimits, log: Log, clock: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#clock = clock;
    this.#due = clock() + SAMPLE_MS;
    this.#refusals = new CountedWarning(log, 'Requests were refused: the server is overloaded.');
    const { status, sentence } = ERRORS.OVERLOADED;
    const fields = { 'Retry-After': String(limits.retryAfterSeconds) };
    this.#answer = errorAnswer(new HttpError(status, sentence, fields, 'OVERLOADED'));
    if (Number.isFinite(limits.maxLoopDelayMs))
      this.#sampling = setInterval(() => this.sample(), SAMPLE_MS).unref();
  }

  /** @returns undefined if there is no limit. */
  static of(limits: OverloadLimits, log: Log): Overload | undefined {
    const { maxInFlight, maxLoopDelayMs } = limits;
    return Number.isFinite(maxInFlight) || Number.isFinite(maxLoopDelayMs)
      ? new Overload(limits, log)
      : undefined;
  }

  /** Number of refused requests. */
  get refused(): number {
    return this.#refusals.total;
  }

  /** Checked at the head of every request. */
  get isOver(): boolean {
    return this.#inFlight >= this.#limits.maxInFlight || this.#loopDelayMs > this.#limits.maxLoopDelayMs;
  }

  /** An exchange begins; it may be answered in the same turn. */
  begin(): void {
    this.#inFlight++;
  }

  end(): void {
    this.#inFlight--;
  }

  /** @param close The connection closes after it. */
  refuse(close: boolean): Answer {
    this.#refusals.count({ inFlight: this.#inFlight, loopDelayMs: Math.round(this.#loopDelayMs) });
    return close ? { ...this.#answer, close } : this.#answer;
  }

  /** The timer's function. */
  sample(): void {
    const now = this.#clock();
    this.#delayMs = Math.max(now - this.#due, this.#delayMs / 2);
    this.#due = now + SAMPLE_MS;
  }

  stop(): void {
    clearInterval(this.#sampling);
    this.#refusals.stop();
  }

  get #loopDelayMs(): number {
    if (this.#sampling === undefined) return 0;
    // If the current turn is long, this notices it before the timer can.
    return Math.max(this.#delayMs, this.#clock() - this.#due);
  }
}
