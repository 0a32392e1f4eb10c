/** The content codings, and the compression of whole bodies. */
import { promisify } from 'node:util';
import zlib from 'node:zlib';

export const CODINGS = ['br', 'zstd', 'gzip', 'deflate'] as const;
export type Coding = (typeof CODINGS)[number];

export interface Levels {
  /** For brotli. */
  readonly quality: number;
  /** For gzip and deflate. */
  readonly level: number;
}

/** The types know zstd only from Node 22.15 on; its classes are as those of brotli. */
interface Zstd {
  readonly createZstdCompress?: typeof zlib.createBrotliCompress;
  readonly zstdCompress?: typeof zlib.brotliCompress;
  readonly zstdCompressSync?: typeof zlib.brotliCompressSync;
}
const zstd: Zstd = zlib as Zstd;

export function isAvailable(coding: Coding): boolean {
  return coding !== 'zstd' || zstd.createZstdCompress !== undefined;
}

/**
 * Up to here a body is compressed in the event loop: it takes a fraction of a millisecond, less than a stream, a thread
 * and the way there and back.
 */
const MAX_INLINE_OCTETS = 32_768;
/** Above, brotli takes many times as long. */
const MAX_INLINE_QUALITY = 5;
/**
 * Larger bodies at a time. Node has four threads by default, and file system calls and DNS look-ups need them too; one
 * compression after another is done no later than all at once.
 */
const MAX_AT_ONCE = 2;

export class Encoder {
  readonly #brotli: zlib.BrotliOptions;
  readonly #zlib: zlib.ZlibOptions;
  readonly #isSlow: boolean;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor({ quality, level }: Levels) {
    this.#brotli = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: quality } };
    this.#zlib = { level };
    this.#isSlow = quality > MAX_INLINE_QUALITY;
    keepFreedMemory();
  }

  /**
   * @param isUnwanted Asked when a body that had to wait gets its turn; such a body is not compressed.
   * @returns the octets; a promise if another thread compresses them.
   */
  whole(
    body: string | Uint8Array,
    coding: Coding,
    isUnwanted: () => boolean,
  ): Uint8Array | Promise<Uint8Array> {
    const isLong = body.length > MAX_INLINE_OCTETS || (coding === 'br' && this.#isSlow);
    return isLong ? this.#inTurn(body, coding, isUnwanted) : this.#now(body, coding);
  }

  stream(coding: Coding): zlib.BrotliCompress | zlib.Gzip {
    switch (coding) {
      case 'br':
        return zlib.createBrotliCompress(this.#brotli);
      case 'zstd':
        return zstd.createZstdCompress!();
      case 'gzip':
        return zlib.createGzip(this.#zlib);
      case 'deflate':
        return zlib.createDeflate(this.#zlib);
    }
  }

  #now(body: string | Uint8Array, coding: Coding): Buffer {
    // One buffer for most results, instead of 16 KiB for each.
    const chunkSize = Math.max(1_024, body.length >> 2);
    switch (coding) {
      case 'br':
        return zlib.brotliCompressSync(body, { ...this.#sized(body), chunkSize });
      case 'zstd':
        return zstd.zstdCompressSync!(body);
      case 'gzip':
        return zlib.gzipSync(body, { ...this.#zlib, chunkSize });
      case 'deflate':
        return zlib.deflateSync(body, { ...this.#zlib, chunkSize });
    }
  }

  async #inTurn(body: string | Uint8Array, coding: Coding, isUnwanted: () => boolean): Promise<Uint8Array> {
    if (this.#running < MAX_AT_ONCE) this.#running++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return isUnwanted() ? Buffer.from(body) : await this.#inThread(body, coding);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }

  #inThread(body: string | Uint8Array, coding: Coding): Promise<Buffer> {
    switch (coding) {
      case 'br':
        return promisify<string | Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress)(
          body,
          this.#sized(body),
        );
      case 'zstd':
        return promisify<string | Uint8Array, Buffer>(zstd.zstdCompress!)(body);
      case 'gzip':
        return promisify<string | Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip)(body, this.#zlib);
      case 'deflate':
        return promisify<string | Uint8Array, zlib.ZlibOptions, Buffer>(zlib.deflate)(body, this.#zlib);
    }
  }

  #sized({ length }: string | Uint8Array): zlib.BrotliOptions {
    return { params: { ...this.#brotli.params, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: length } };
  }
}

let keepsFreedMemory = false;

/**
 * Makes glibc keep what a compression frees for the next one. By default it gives 128 KiB and more at the end of the
 * heap back to the system; deflate needs 256 KiB, so each compression would map and clear those pages again, which can
 * take longer than the compression. When a large block is freed, glibc raises that limit to twice its size, and brotli
 * takes 4 MiB for a text that is announced as long. Other allocators are not changed by it.
 */
function keepFreedMemory(): void {
  if (keepsFreedMemory) return;
  keepsFreedMemory = true;
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
  zlib.brotliCompressSync('x', { params: { [BROTLI_PARAM_QUALITY]: 4, [BROTLI_PARAM_SIZE_HINT]: 1 << 22 } });
}
