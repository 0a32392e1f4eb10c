/** The destinations of bodies of answers: the peer, or memory until the body is complete. */
import type { Exchange } from '../exchange/exchange.js';
import type { BodySink } from './body-writer.js';
import type { Outbox } from './outbox.js';

/** Sends to the peer. Counts the content of the exchange. */
export class PeerSink implements BodySink {
  readonly #outbox: Outbox;
  readonly #exchange: Exchange;
  readonly #head: () => string;

  /** @param head Called when the head is sent. */
  constructor(outbox: Outbox, exchange: Exchange, head: () => string) {
    this.#outbox = outbox;
    this.#exchange = exchange;
    this.#head = head;
  }

  begin(): void {
    this.#outbox.text(this.#head());
  }

  content(octets: Uint8Array): void {
    this.#outbox.octets(octets);
    this.#exchange.wrote(octets.length);
  }

  text(text: string): void {
    this.#outbox.text(text);
  }

  flushSoon(): void {
    this.#outbox.flushSoon();
  }

  get isBlocked(): boolean {
    return this.#outbox.isBlocked;
  }

  room(): Promise<void> {
    return this.#outbox.room();
  }

  blame(error: unknown): void {
    this.#exchange.blame(error);
  }
}

/** Collects a body that must be complete before its head can be written. */
export class Collector implements BodySink {
  readonly isBlocked = false;
  readonly #exchange: Exchange;
  readonly #parts: Uint8Array[] = [];

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get whole(): Buffer {
    return Buffer.concat(this.#parts);
  }

  begin(): void {}

  content(octets: Uint8Array): void {
    this.#parts.push(octets);
  }

  text(): void {}

  flushSoon(): void {}

  async room(): Promise<void> {}

  blame(error: unknown): void {
    this.#exchange.blame(error);
  }
}
