/**
 * The chunked transfer coding, RFC 9112 §7.1: octets in, chunk data out, until the last chunk. The parser reads the
 * trailer section after it.
 */
import type { ErrorCode } from '../errors.js';
import { type ExtensionState, extend, mayEnd } from './chunk-extensions.js';
import { CR, HEX_VALUE, LF } from './octets.js';

/** The position of the reader within the coding. */
type ChunkState =
  | 'size' // hexadecimal digits
  | 'extension' // the rest of the line after the digits
  | 'size-lf'
  | 'data'
  | 'data-cr'
  | 'data-lf';

export type ChunkStep =
  | { readonly type: 'need-data' }
  | { readonly type: 'data'; readonly start: number; readonly end: number }
  | { readonly type: 'last-chunk' }
  | { readonly type: 'error'; readonly code: ErrorCode };

const NEED_DATA: ChunkStep = { type: 'need-data' };
const LAST_CHUNK: ChunkStep = { type: 'last-chunk' };
const error = (code: ErrorCode): ChunkStep => ({ type: 'error', code });

/** 2^48 has 13 digits. Leading zeros are legal, but an endless row of them is an attack. */
const MAX_SIZE_DIGITS = 16;

export interface ChunkLimits {
  readonly maxBodyOctets: number;
  /** Limit for all extensions of one body together. */
  readonly maxExtensionOctets: number;
}

export class ChunkedBody {
  readonly #limits: ChunkLimits;
  #state: ChunkState = 'size';
  #digits = 0;
  #size = 0;
  #extension: ExtensionState = 'size';
  #extensionOctets = 0;
  #bodyOctets = 0;
  /** Position of the next octet in the buffer that `next` got last; valid after every step. */
  at = 0;

  constructor(limits: ChunkLimits) {
    this.#limits = limits;
  }

  /** Reads on from `at` to `end`. */
  next(octets: Uint8Array, end = octets.length): ChunkStep {
    while (this.at < end) {
      if (this.#state === 'data') return this.#data(end);
      const step = this.#octet(octets[this.at++]!);
      if (step !== undefined) return step;
    }
    return NEED_DATA;
  }

  #data(end: number): ChunkStep {
    const start = this.at;
    this.at = Math.min(end, start + this.#size);
    this.#size -= this.at - start;
    if (this.#size === 0) this.#state = 'data-cr';
    return { type: 'data', start, end: this.at };
  }

  #octet(octet: number): ChunkStep | undefined {
    switch (this.#state) {
      case 'size':
        if (HEX_VALUE[octet] !== 255) return this.#sizeDigit(HEX_VALUE[octet]!);
        if (this.#digits === 0) return error('CHUNK_INVALID');
        this.#state = 'extension';
        this.#extension = 'size';
        return this.#extensionOctet(octet);
      case 'extension':
        return this.#extensionOctet(octet);
      case 'size-lf':
        return octet === LF ? this.#sizeLine() : error('CHUNK_INVALID');
      case 'data-cr':
        this.#state = 'data-lf';
        return octet === CR ? undefined : error('CHUNK_INVALID');
      case 'data-lf':
        this.#state = 'size';
        return octet === LF ? undefined : error('CHUNK_INVALID');
      case 'data':
        throw new TypeError('Chunk data is read in runs, not by octet.');
    }
  }

  #sizeDigit(value: number): ChunkStep | undefined {
    this.#digits++;
    if (this.#digits > MAX_SIZE_DIGITS) return error('CHUNK_INVALID');
    // 16 digits exceed the exact integers of a double, but never fall below the limit: the sum below still refuses
    // them.
    this.#size = this.#size * 16 + value;
    return this.#bodyOctets + this.#size > this.#limits.maxBodyOctets ? error('BODY_TOO_LARGE') : undefined;
  }

  #extensionOctet(octet: number): ChunkStep | undefined {
    if (octet === CR && mayEnd(this.#extension)) {
      this.#state = 'size-lf';
      return undefined;
    }
    this.#extensionOctets++;
    if (this.#extensionOctets > this.#limits.maxExtensionOctets) return error('CHUNK_EXTENSIONS_TOO_LARGE');
    const next = extend(this.#extension, octet);
    if (next === undefined) return error('CHUNK_INVALID');
    this.#extension = next;
    return undefined;
  }

  #sizeLine(): ChunkStep | undefined {
    this.#digits = 0;
    if (this.#size === 0) return LAST_CHUNK;
    this.#bodyOctets += this.#size;
    this.#state = 'data';
    return undefined;
  }
}
