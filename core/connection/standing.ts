/** Where a connection stands, and since when. Times in milliseconds. */
import { mayFollow, PHASE, type Phase, phaseName } from './phases.js';

/**
 * A moment that no tick has dated yet. Reading a clock for each phase of each request would cost more than parsing it,
 * so the next tick dates what began before it: never too early, so that no deadline is over before its time.
 */
const UNDATED = 0;

export class Standing {
  #phase: Phase = PHASE.idle;
  #phaseSince = UNDATED;
  /** When the first octet of the request under way came. */
  #requestSince = UNDATED;
  /** Since when the peer has taken nothing; `UNDATED` while it keeps up. */
  #blockedSince = UNDATED;

  get phase(): Phase {
    return this.#phase;
  }

  /** @throws TypeError if the table of phases has no such transition. */
  enter(phase: Phase): void {
    if (phase === this.#phase) return;
    if (!mayFollow(this.#phase, phase)) {
      throw new TypeError(`A connection does not go from ${phaseName(this.#phase)} to ${phaseName(phase)}.`);
    }
    this.#phase = phase;
    this.#phaseSince = UNDATED;
  }

  /** The deadline of the phase starts again. */
  restartPhase(): void {
    this.#phaseSince = UNDATED;
  }

  requestBegins(): void {
    this.#requestSince = UNDATED;
  }

  /** The peer has taken what was sent. */
  peerKeepsUp(): void {
    this.#blockedSince = UNDATED;
  }

  /** @param latest The present time: whatever is not dated yet began before it. */
  date(latest: number, isBlocked: boolean): void {
    if (this.#phaseSince === UNDATED) this.#phaseSince = latest;
    if (this.#requestSince === UNDATED) this.#requestSince = latest;
    if (!isBlocked) this.#blockedSince = UNDATED;
    else if (this.#blockedSince === UNDATED) this.#blockedSince = latest;
  }

  inPhase(now: number): number {
    return now - this.#phaseSince;
  }

  /** Since the first octet of the request under way came. */
  inRequest(now: number): number {
    return now - this.#requestSince;
  }

  /** Since the peer has taken nothing; 0 while it keeps up. */
  blocked(now: number): number {
    return this.#blockedSince === UNDATED ? 0 : now - this.#blockedSince;
  }
}
