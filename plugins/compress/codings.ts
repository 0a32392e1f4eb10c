/** The compression itself. zlib runs in its own threads, so the event loop is free. */
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { HOLDS_HEAD } from '../../core/plugin-api.js';
import { type Parts, partsOf, type Streamed } from '../shared/stream-parts.js';

export const CODINGS = ['br', 'gzip', 'deflate'] as const;
export type Coding = (typeof CODINGS)[number];

export interface Levels {
  /** For brotli. */
  readonly quality: number;
  /** For the others. */
  readonly level: number;
}

const brotli = promisify<string | Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);
const gzip = promisify<string | Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);
const deflate = promisify<string | Uint8Array, zlib.ZlibOptions, Buffer>(zlib.deflate);

export function compressWhole(
  body: string | Uint8Array,
  coding: Coding,
  { quality, level }: Levels,
): Promise<Buffer> {
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_SIZE_HINT } = zlib.constants;
  switch (coding) {
    case 'br':
      return brotli(body, {
        params: { [BROTLI_PARAM_QUALITY]: quality, [BROTLI_PARAM_SIZE_HINT]: body.length },
      });
    case 'gzip':
      return gzip(body, { level });
    case 'deflate':
      return deflate(body, { level });
  }
}

function encoderFor(coding: Coding, { quality, level }: Levels): zlib.BrotliCompress | zlib.Gzip {
  switch (coding) {
    case 'br':
      return zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: quality } });
    case 'gzip':
      return zlib.createGzip({ level });
    case 'deflate':
      return zlib.createDeflate({ level });
  }
}

/**
 * A stream, compressed while it is read. When its source pauses, the data so far is sent, so that events arrive in
 * time. Before the first read, nothing is read from the source and no encoder exists.
 */
export class EncodedStream implements AsyncIterable<Uint8Array> {
  readonly #source: Streamed;
  readonly #coding: Coding;
  readonly #levels: Levels;
  #encoder: ReturnType<typeof encoderFor> | undefined;

  constructor(source: Streamed, coding: Coding, levels: Levels) {
    this.#source = source;
    this.#coding = coding;
    this.#levels = levels;
    // A source that may fail when it is opened, such as a file that is gone, can still be answered with another status.
    if (HOLDS_HEAD in source) Object.defineProperty(this, HOLDS_HEAD, { value: true });
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const encoder = encoderFor(this.#coding, this.#levels);
    this.#encoder = encoder;
    const parts = partsOf(this.#source);
    // Until the first read, nobody else listens for errors.
    encoder.on('error', () => {});
    // Whenever the encoder closes early, close the source too.
    encoder.once('close', () => void parts.cancel());
    feed(encoder, parts).catch((error: Error) => encoder.destroy(error));
    return encoder[Symbol.asyncIterator]();
  }

  /** Nobody needs the stream, or the rest of it. */
  destroy(): void {
    if (this.#encoder === undefined) void partsOf(this.#source).cancel();
    else this.#encoder.destroy();
  }
}

async function feed(encoder: zlib.BrotliCompress | zlib.Gzip, parts: Parts): Promise<void> {
  let hasUnsent = false;
  for (;;) {
    const coming = parts.next();
    if (hasUnsent && (await Promise.race([coming, aTurn()])) === 'nothing yet') {
      encoder.flush();
      hasUnsent = false;
    }
    const { done, value } = await coming;
    if (encoder.destroyed) return;
    if (done === true) break;
    if (typeof value !== 'string' && !(value instanceof Uint8Array))
      throw new TypeError(`The stream returned ${typeof value}; only strings and bytes are allowed.`);
    hasUnsent = true;
    if (!encoder.write(value)) await drained(encoder);
    if (encoder.destroyed) return;
  }
  encoder.end();
}

function aTurn(): Promise<'nothing yet'> {
  return new Promise((resolve) => setImmediate(resolve, 'nothing yet'));
}

function drained(encoder: zlib.BrotliCompress | zlib.Gzip): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      encoder.off('drain', go).off('close', go);
      resolve();
    };
    encoder.on('drain', go).on('close', go);
  });
}
