/** The phase of a connection, and since when. Times in milliseconds. */
import { mayFollow, PHASE, type Phase, phaseName } from './phases.js';

/**
 * A start that no tick has dated yet. Reading a clock for each phase of each request would cost more than parsing it.
 * So the next tick dates earlier starts: never too early, so that no deadline is over before its time.
 */
const UNDATED = 0;

export class Standing {
  #phase: Phase = PHASE.idle;
  #phaseSince = UNDATED;
  /** When the first octet of the current request arrived. */
  #requestSince = UNDATED;
  /** Since when the peer accepts nothing; `UNDATED` while it keeps up. */
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

  /** The peer has accepted the octets. */
  peerKeepsUp(): void {
    this.#blockedSince = UNDATED;
  }

  /** @param latest The current time: a start that has no date yet was before it. */
  date(latest: number, isBlocked: boolean): void {
    if (this.#phaseSince === UNDATED) this.#phaseSince = latest;
    if (this.#requestSince === UNDATED) this.#requestSince = latest;
    if (!isBlocked) this.#blockedSince = UNDATED;
    else if (this.#blockedSince === UNDATED) this.#blockedSince = latest;
  }

  inPhase(now: number): number {
    return now - this.#phaseSince;
  }

  /** Time since the first octet of the current request. */
  inRequest(now: number): number {
    return now - this.#requestSince;
  }

  /** Time since the peer stopped accepting octets; 0 while it keeps up. */
  blocked(now: number): number {
    return this.#blockedSince === UNDATED ? 0 : now - this.#blockedSince;
  }
}
