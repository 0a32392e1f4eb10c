/** Calls once the next entry expires. Does not keep the process alive. */

/** What `setTimeout` can wait; a longer delay it takes for none. */
const LONGEST_MS = 2_147_483_647;

export class ExpiryTimer {
  readonly #notice: () => void;
  #timer: NodeJS.Timeout | undefined;
  #at = Number.POSITIVE_INFINITY;

  /** @param notice May find that nothing expired yet: timers are not exact, and waits are cut to what they can. */
  constructor(notice: () => void) {
    this.#notice = notice;
  }

  /** @param at Milliseconds since the epoch; a later moment than the one that is waited for changes nothing. */
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
