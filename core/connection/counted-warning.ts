/**
 * Warns of events that may happen thousands of times a second: the first is logged at once, later ones are counted and
 * logged in one line per second, so that the log does not become a problem too.
 */
import type { Log } from '../log.js';

const EVERY_MS = 1_000;

export class CountedWarning {
  readonly #log: Log;
  readonly #message: string;
  #count = 0;
  #total = 0;
  #fields: Readonly<Record<string, unknown>> = {};
  #waiting: NodeJS.Timeout | undefined;

  constructor(log: Log, message: string) {
    this.#log = log;
    this.#message = message;
  }

  /** Number since the start. */
  get total(): number {
    return this.#total;
  }

  /** @param fields Fields of the latest event, for the line. */
  count(fields: Readonly<Record<string, unknown>> = {}): void {
    this.#count++;
    this.#total++;
    this.#fields = fields;
    if (this.#waiting !== undefined) return;
    this.#tell();
    this.#waiting = setInterval(() => {
      if (this.#count > 0) this.#tell();
      else this.stop();
    }, EVERY_MS).unref();
  }

  /** Logs the events that were not logged yet. */
  stop(): void {
    clearInterval(this.#waiting);
    this.#waiting = undefined;
    if (this.#count > 0) this.#tell();
  }

  #tell(): void {
    this.#log.warn({ ...this.#fields, count: this.#count, total: this.#total }, this.#message);
    this.#count = 0;
  }
}
