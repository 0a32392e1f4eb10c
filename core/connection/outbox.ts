/**
 * What a connection has to send. Everything that is said while one read is worked on leaves in one write, and a peer
 * that is behind stops its own connection and nothing else.
 */
import type { Transport } from './transport.js';

/** Bytes up to here are joined with the head they follow; more are worth a write of their own. */
const MAX_JOINED_OCTETS = 16_384;

export class Outbox {
  readonly #transport: Transport;
  readonly #sent: ((octets: Uint8Array) => void) | undefined;
  readonly #flushAt: number;
  /** Latin1 text: joining strings is cheaper than joining buffers. */
  #text = '';
  #blocked = false;
  #waiters: (() => void)[] = [];

  /** @param sent Sees every octet, where somebody looks. */
  constructor(transport: Transport, flushAt: number, sent?: (octets: Uint8Array) => void) {
    this.#transport = transport;
    this.#flushAt = flushAt;
    this.#sent = sent;
  }

  /** Whether the peer has to take something before more may be sent. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** @param text Latin1, one octet a character. */
  text(text: string): void {
    this.#text += text;
    if (this.#text.length >= this.#flushAt) this.flush();
  }

  octets(octets: Uint8Array): void {
    if (octets.length <= MAX_JOINED_OCTETS) {
      this.text(Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1'));
      return;
    }
    this.flush();
    this.#sent?.(octets);
    this.#blocked = !this.#transport.write(octets) || this.#blocked;
  }

  flush(): void {
    if (this.#text === '') return;
    const text = this.#text;
    this.#text = '';
    this.#sent?.(Buffer.from(text, 'latin1'));
    this.#blocked = !this.#transport.write(text) || this.#blocked;
  }

  /** The peer took what was sent, or is gone: whoever waits goes on and looks. */
  drained(): void {
    this.#blocked = false;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  /** Resolves when there is room. */
  async room(): Promise<void> {
    if (this.#blocked) await new Promise<void>((resolve) => this.#waiters.push(resolve));
  }
}
