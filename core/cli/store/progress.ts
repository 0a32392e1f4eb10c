/** The progress of a long command: one line that overwrites itself, on a terminal only. */
import type { Output } from '../command.js';

const EVERY_MS = 100;

export class Progress {
  readonly #output: Output;
  readonly #isTerminal: boolean;
  #last = Number.NEGATIVE_INFINITY;
  #width = 0;

  constructor(output: Output) {
    this.#output = output;
    this.#isTerminal = 'isTTY' in output && output.isTTY === true;
  }

  tell(doing: string, entries: number): void {
    if (!this.#isTerminal || performance.now() - this.#last < EVERY_MS) return;
    this.#last = performance.now();
    const text = `${entries} entries ${doing}`;
    this.#output.write(`\r${text.padEnd(this.#width)}`);
    this.#width = text.length;
  }

  /** Clears the line, before anything else is printed. */
  end(): void {
    if (this.#width > 0) this.#output.write(`\r${' '.repeat(this.#width)}\r`);
    this.#width = 0;
  }
}

export function entryCount(count: number): string {
  return `${count} ${count === 1 ? 'entry' : 'entries'}`;
}
