/**
 * Warns of what may happen thousands of times a second: the first is told at once, the rest is counted and told with
 * one line a second, so that the log does not become the next trouble.
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

  /** Since the start. */
  get total(): number {
    return this.#total;
  }

  /** @param fields Of the latest, for the line. */
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

  /** Tells what was not told yet. */
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
