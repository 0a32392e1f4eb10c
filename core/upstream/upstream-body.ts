/** The body of a response on its way from its connection to a reader, with back-pressure. */

import type { JackfieldError } from '../errors.js';
import { LENDS } from '../exchange/answer-source.js';
import { giveBack } from '../exchange/lent-octets.js';

/** What a body asks of its connection. */
export interface BodyOrigin {
  /** There is room again. */
  resume(): void;
  /** Nobody reads the rest. */
  cancel(): void;
}

interface Reader {
  resolve(result: IteratorResult<Uint8Array, undefined>): void;
  reject(error: unknown): void;
}

/** Octets that may wait for their reader: as much as one read. */
const MAX_WAITING_OCTETS = 65_536;
const DONE = { done: true, value: undefined } as const;

export class UpstreamBody implements AsyncIterableIterator<Uint8Array> {
  readonly #origin: BodyOrigin;
  readonly #parts: Buffer[] = [];
  #waiting = 0;
  #isComplete = false;
  #error: JackfieldError | undefined;
  #reader: Reader | undefined;
  #trailers: readonly string[] = [];

  constructor(origin: BodyOrigin) {
    this.#origin = origin;
  }

  // The connection's side

  get isFull(): boolean {
    return this.#waiting >= MAX_WAITING_OCTETS;
  }

  /** @param octets Not to be changed afterwards. */
  push(octets: Buffer): void {
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve({ done: false, value: octets });
      return;
    }
    this.#parts.push(octets);
    this.#waiting += octets.length;
  }

  /** @param trailers Names and values in turn. */
  complete(trailers: readonly string[]): void {
    this.#trailers = trailers;
    this.#isComplete = true;
    this.#reader?.resolve(DONE);
    this.#reader = undefined;
  }

  fail(error: JackfieldError): void {
    this.#error = error;
    this.#reader?.reject(error);
    this.#reader = undefined;
  }

  // The reader's side

  /** Trailer fields, names and values in turn; empty until the body has ended. */
  get trailers(): readonly string[] {
    return this.#trailers;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Errors: UPSTREAM_INVALID, UPSTREAM_TIMEOUT. */
  next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const part = this.#parts.shift();
    if (part !== undefined) {
      const wasFull = this.isFull;
      this.#waiting -= part.length;
      // A complete body has no part in the connection any more: the next exchange may have begun.
      if (wasFull && !this.isFull && !this.#isComplete) this.#origin.resume();
      return Promise.resolve({ done: false, value: part });
    }
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#isComplete) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  return(): Promise<typeof DONE> {
    this.destroy();
    return Promise.resolve(DONE);
  }

  [LENDS](octets: Uint8Array): void {
    giveBack(octets);
  }

  /** Nobody reads the rest: its connection is closed. */
  destroy(): void {
    if (this.#isComplete) return;
    this.#parts.length = 0;
    this.complete([]);
    this.#origin.cancel();
  }
}
