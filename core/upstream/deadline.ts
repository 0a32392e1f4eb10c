/**
 * One deadline at a time for what comes from a socket. To set it costs a comparison: the timer is left as it is, and
 * looks at the time when it fires. It is judged after the next poll: data that arrived while this process was paused is
 * read before it counts as late.
 */
export class Deadline {
  readonly #late: () => void;
  #dueAt = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  /** When the timer fires. */
  #firesAt = Number.POSITIVE_INFINITY;

  constructor(late: () => void) {
    this.#late = late;
  }

  /** Replaces the deadline before. */
  start(ms: number): void {
    const now = performance.now();
    this.#dueAt = now + ms;
    if (this.#firesAt > this.#dueAt) this.#arm(now);
  }

  /** There is no deadline for now. */
  stop(): void {
    this.#dueAt = Number.POSITIVE_INFINITY;
  }

  /** The last call. */
  close(): void {
    this.stop();
    clearTimeout(this.#timer);
  }

  #arm(now: number): void {
    clearTimeout(this.#timer);
    this.#firesAt = this.#dueAt;
    // It keeps no process alive: the socket does.
    this.#timer = setTimeout(() => this.#fired(), Math.ceil(this.#dueAt - now)).unref();
  }

  #fired(): void {
    this.#timer = undefined;
    this.#firesAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    if (this.#dueAt === Number.POSITIVE_INFINITY) return;
    if (this.#dueAt > now) {
      this.#arm(now);
      return;
    }
    setImmediate(() => {
      if (this.#dueAt <= now) this.#late();
      else if (this.#dueAt < this.#firesAt) this.#arm(performance.now());
    });
  }
}
