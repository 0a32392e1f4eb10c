/**
 * The value of the Date field (IMF-fixdate, RFC 9110 §5.6.7), formatted once per second for all answers. It follows the
 * system clock in both directions.
 */
export class HttpClock {
  #second = -1;
  #date = '';

  /** For example `Tue, 03 May 2022 03:11:44 GMT`. */
  get date(): string {
    return this.#date;
  }

  /** Reads the system clock. */
  tick(): void {
    const second = Math.floor(Date.now() / 1000);
    if (second === this.#second) return;
    this.#second = second;
    this.#date = new Date(second * 1000).toUTCString();
  }
}
