/** How far a long command is: one line that writes over itself, on a terminal only. */
import type { Output } from '../command.js';

const EVERY_MS = 100;

export class Progress {
  readonly #output: Output;
  readonly #shown: boolean;
  #last = Number.NEGATIVE_INFINITY;
  #width = 0;

  constructor(output: Output) {
    this.#output = output;
    this.#shown = 'isTTY' in output && output.isTTY === true;
  }

  tell(doing: string, entries: number): void {
    if (!this.#shown || performance.now() - this.#last < EVERY_MS) return;
    this.#last = performance.now();
    const text = `${entries} entries ${doing}`;
    this.#output.write(`\r${text.padEnd(this.#width)}`);
    this.#width = text.length;
  }

  /** Takes the line away, before anything else is written. */
  end(): void {
    if (this.#width > 0) this.#output.write(`\r${' '.repeat(this.#width)}\r`);
    this.#width = 0;
  }
}

export function entryCount(count: number): string {
  return `${count} ${count === 1 ? 'entry' : 'entries'}`;
}
