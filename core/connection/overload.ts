/**
 * Turns requests away while there is more to do than can be done in time: those that are let in are answered, and the
 * others know at once that they are not (RFC 9110 §15.6.4). A server without such limits has none of this.
 */
import type { OverloadLimits } from '../config/resolved-config.js';
import { ERRORS } from '../errors.js';
import { type Answer, errorAnswer } from '../handlers/answer.js';
import { HttpError } from '../handlers/http-error.js';
import type { Log } from '../log.js';
import { CountedWarning } from './counted-warning.js';

/** Often enough to notice in time; twenty timers a second cost nothing. */
const SAMPLE_MS = 50;

export class Overload {
  readonly #limits: OverloadLimits;
  readonly #answer: Answer;
  readonly #clock: () => number;
  readonly #refusals: CountedWarning;
  readonly #sampling: NodeJS.Timeout | undefined;
  #inFlight = 0;
  /** When the timer should come next. */
  #due: number;
  /** How late it came, half of it forgotten with every time it comes. */
  #delayMs = 0;

  /** @param clock Milliseconds. */
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

  /** @returns undefined where nothing is limited. */
  static of(limits: OverloadLimits, log: Log): Overload | undefined {
    const { maxInFlight, maxLoopDelayMs } = limits;
    return Number.isFinite(maxInFlight) || Number.isFinite(maxLoopDelayMs)
      ? new Overload(limits, log)
      : undefined;
  }

  /** Requests that were turned away. */
  get refused(): number {
    return this.#refusals.total;
  }

  /** Asked at the head of every request. */
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

  /** @param close The connection closes behind it. */
  refuse(close: boolean): Answer {
    this.#refusals.count({ inFlight: this.#inFlight, loopDelayMs: Math.round(this.#loopDelayMs) });
    return close ? { ...this.#answer, close } : this.#answer;
  }

  /** What the timer does. */
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
    // A turn that takes long right now counts before the timer can tell.
    return Math.max(this.#delayMs, this.#clock() - this.#due);
  }
}
