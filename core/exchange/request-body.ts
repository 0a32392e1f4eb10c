/**
 * The body of one request on its way from the connection to a handler, with back-pressure: a body that nobody reads
 * fills at most `maxBufferedOctets` and then stops the connection from reading.
 */
import { JackfieldError } from '../errors.js';
import { fieldRecord } from '../http/header-section.js';

/** Calls from the body to its connection. */
export interface BodySource {
  /** A reader waits for octets: a client that waits for `100 Continue` may send them. */
  bodyWanted(): void;
  /** There is room in the buffer again. */
  bodyDrained(): void;
}

type Waiter = { readonly resolve: () => void; readonly reject: (error: JackfieldError) => void };

export class RequestBody implements AsyncIterable<Uint8Array> {
  readonly #source: BodySource;
  readonly #highWaterMark: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  #claimed = false;
  #whole = false;
  #complete = false;
  #discarding = false;
  #error: JackfieldError | undefined;
  #waiter: Waiter | undefined;
  #rawTrailers: readonly string[] = [];
  #trailers: Readonly<Record<string, string | undefined>> | undefined;

  constructor(source: BodySource, highWaterMark: number) {
    this.#source = source;
    this.#highWaterMark = highWaterMark;
  }

  // The connection's side

  /** @param octets Kept without a copy: they must not change afterwards. */
  push(octets: Buffer): void {
    if (this.#discarding) return;
    this.#chunks.push(octets);
    this.#buffered += octets.length;
    if (!this.#whole) this.#wake();
  }

  /** Whether the connection must stop reading for now. A body that is read as a whole has its own limit. */
  get isFull(): boolean {
    return !this.#whole && this.#buffered >= this.#highWaterMark;
  }

  /** Whether a reader waits for more of it. */
  get isAwaited(): boolean {
    return this.#waiter !== undefined;
  }

  /** @param trailers Names and values in turn. */
  complete(trailers: readonly string[]): void {
    // A refused body has already failed, and its octets reach no reader.
    if (this.#error !== undefined) return;
    this.#rawTrailers = trailers;
    this.#trailers = undefined;
    this.#complete = true;
    this.#wake();
  }

  fail(error: JackfieldError): void {
    if (this.#complete) return;
    this.#error ??= error;
    this.#chunks = [];
    this.#buffered = 0;
    this.#wake();
  }

  /** The error with which the connection failed the body. */
  get failure(): JackfieldError | undefined {
    return this.#error;
  }

  /** The exchange is over: octets that still arrive are dropped. */
  discard(): void {
    this.#discarding = true;
    this.#chunks = [];
    this.#buffered = 0;
  }

  // The handler's side

  /** Empty until the body is complete. */
  get trailers(): Readonly<Record<string, string | undefined>> {
    this.#trailers ??= fieldRecord(this.#rawTrailers);
    return this.#trailers;
  }

  /** Errors: BODY_ALREADY_READ, and the connection's error. */
  async bytes(): Promise<Buffer> {
    const whole = this.bytesNow();
    if (whole !== undefined) return whole;
    this.#claim();
    this.#whole = true;
    this.#source.bodyDrained();
    while (!this.#complete) await this.#more();
    return this.#takeAll();
  }

  /** The body if it is already complete, as most are when their handler reads them; otherwise undefined. */
  bytesNow(): Buffer | undefined {
    if (!this.#complete) return undefined;
    this.#claim();
    this.#source.bodyDrained();
    return this.#takeAll();
  }

  #takeAll(): Buffer {
    const [first] = this.#chunks;
    const bytes = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#chunks = [];
    this.#buffered = 0;
    return bytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    this.#claim();
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        const wasFull = this.isFull;
        this.#buffered -= chunk.length;
        if (wasFull && !this.isFull) this.#source.bodyDrained();
        yield chunk;
      } else if (this.#complete) return;
      else await this.#more();
    }
  }

  #claim(): void {
    if (this.#claimed) throw new JackfieldError('BODY_ALREADY_READ');
    this.#claimed = true;
  }

  #more(): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    this.#source.bodyWanted();
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  #wake(): void {
    const waiter = this.#waiter;
    this.#waiter = undefined;
    if (this.#error !== undefined) waiter?.reject(this.#error);
    else waiter?.resolve();
  }
}
