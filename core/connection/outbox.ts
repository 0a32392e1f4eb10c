/**
 * The octets that a connection has to send. All output from processing one read leaves in one write. A slow peer stops
 * only its own connection.
 */
import type { Transport } from './transport.js';

/** Bytes up to this size are joined with the text before them; larger ones are cheaper to pass on unchanged. */
const MAX_JOINED_OCTETS = 1_024;

export class Outbox {
  readonly #transport: Transport;
  readonly #sent: ((octets: Uint8Array) => void) | undefined;
  readonly #flushAt: number;
  /** Parts before `#text`, in order. */
  #parts: (string | Uint8Array)[] | undefined;
  #partOctets = 0;
  /** Latin1: joining strings is cheaper than joining buffers. */
  #text = '';
  #blocked = false;
  #flushing: NodeJS.Immediate | undefined;
  #waiters: (() => void)[] | undefined;

  /**
   * @param flushAt Octets that are sent without waiting for more.
   * @param sent Called with every octet, if there is a tap.
   */
  constructor(transport: Transport, flushAt: number, sent?: (octets: Uint8Array) => void) {
    this.#transport = transport;
    this.#flushAt = flushAt;
    this.#sent = sent;
  }

  /** Whether the peer must accept something before more may be sent. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** @param text Latin1, one octet per character. */
  text(text: string): void {
    this.#text += text;
    if (this.#text.length + this.#partOctets >= this.#flushAt) this.flush();
  }

  /** @param octets Must not change afterwards. */
  octets(octets: Uint8Array): void {
    if (octets.length <= MAX_JOINED_OCTETS) {
      this.text(Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1'));
      return;
    }
    this.#parts ??= [];
    if (this.#text !== '') this.#parts.push(this.#text);
    this.#parts.push(octets);
    this.#partOctets += this.#text.length + octets.length;
    this.#text = '';
    if (this.#partOctets >= this.#flushAt) this.flush();
  }

  flush(): void {
    if (this.#flushing !== undefined) {
      clearImmediate(this.#flushing);
      this.#flushing = undefined;
    }
    const text = this.#text;
    this.#text = '';
    if (this.#parts !== undefined) {
      const parts = text === '' ? this.#parts : [...this.#parts, text];
      this.#parts = undefined;
      this.#partOctets = 0;
      if (this.#sent !== undefined)
        for (const part of parts) this.#sent(Buffer.from(part as string, 'latin1'));
      this.#blocked = !this.#transport.writeAll(parts) || this.#blocked;
    } else if (text !== '') {
      this.#sent?.(Buffer.from(text, 'latin1'));
      this.#blocked = !this.#transport.write(text) || this.#blocked;
    }
  }

  /** Ends our direction after the octets so far; blocked until the peer has room for all of them. */
  end(): void {
    this.flush();
    this.#blocked = true;
    this.#transport.end();
  }

  /** Flushes at the end of this turn of the event loop, so that all output of a stream until then leaves together. */
  flushSoon(): void {
    this.#flushing ??= setImmediate(() => {
      this.#flushing = undefined;
      this.flush();
    });
  }

  /** The peer accepted the octets, or is gone: wakes waiting writers, which check again. */
  drained(): void {
    this.#blocked = false;
    const waiters = this.#waiters;
    if (waiters === undefined) return;
    this.#waiters = undefined;
    for (const waiter of waiters) waiter();
  }

  /** Resolves when there is room. */
  async room(): Promise<void> {
    if (!this.#blocked) return;
    await new Promise<void>((resolve) => {
      this.#waiters ??= [];
      this.#waiters.push(resolve);
    });
  }
}
