/** Gathers a body that has to be there whole before the first octet of its head can be written. */
import type { Sink } from './body-writer.js';

export class Collector implements Sink {
  readonly isBlocked = false;
  readonly #parts: Buffer[] = [];

  get whole(): Buffer {
    return Buffer.concat(this.#parts);
  }

  text(text: string): void {
    this.#parts.push(Buffer.from(text, 'latin1'));
  }

  octets(octets: Uint8Array): void {
    this.#parts.push(Buffer.from(octets.buffer, octets.byteOffset, octets.length));
  }

  async room(): Promise<void> {}

  flushSoon(): void {}
}
