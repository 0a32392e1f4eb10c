/**
 * A deadline for an answer from a socket. It is judged after the next poll: what arrived while the process was paused is
 * read before it is called late.
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

  /** The time begins again. */
  refresh(): void {
    clearImmediate(this.#judging);
    this.#timer.refresh();
  }

  clear(): void {
    clearImmediate(this.#judging);
    clearTimeout(this.#timer);
  }
}
