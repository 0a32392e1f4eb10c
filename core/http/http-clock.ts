/** The value of the Date field (IMF-fixdate, RFC 9110 §5.6.7), made once a second however many answers need it. */
export class HttpClock {
  #second = -1;
  #date = '';

  /** Now, as `Tue, 03 May 2022 03:11:44 GMT`. */
  get date(): string {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#date = new Date(second * 1000).toUTCString();
    }
    return this.#date;
  }
}
