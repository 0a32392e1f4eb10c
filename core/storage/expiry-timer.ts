/** Calls a function when the next entry expires. It does not keep the process alive. */

/** Entries expire by the machine's clock, which may be changed while a timer waits: check it at least this often. */
const LONGEST_MS = 60_000;

export class ExpiryTimer {
  readonly #notice: () => void;
  #timer: NodeJS.Timeout | undefined;
  #at = Number.POSITIVE_INFINITY;

  /** @param notice May find that nothing has expired yet: timers are not exact, and a long wait ends early. */
  constructor(notice: () => void) {
    this.#notice = notice;
  }

  /** @param at Milliseconds since the epoch. A moment later than the current one changes nothing. */
  arm(at: number | undefined): void {
    if (at === undefined || at >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = at;
    const delay = Math.min(Math.max(at - Date.now(), 1), LONGEST_MS);
    this.#timer = setTimeout(() => {
      this.#at = Number.POSITIVE_INFINITY;
      this.#notice();
    }, delay).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#at = Number.NEGATIVE_INFINITY;
  }
}
