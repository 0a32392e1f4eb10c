/**
 * A deadline for an answer from a socket. It is judged after the next poll: data that arrived while this process was
 * paused is read before it counts as late.
 */
export class Deadline {
  readonly #late: () => void;
  readonly #timer: NodeJS.Timeout;
  #judging: NodeJS.Immediate | undefined;

  constructor(ms: number, late: () => void) {
    this.#late = late;
    this.#timer = setTimeout(() => {
      this.#judging = setImmediate(this.#late);
    }, ms);
  }

  /** Restarts the time. */
  refresh(): void {
    clearImmediate(this.#judging);
    this.#timer.refresh();
  }

  clear(): void {
    clearImmediate(this.#judging);
    clearTimeout(this.#timer);
  }
}
