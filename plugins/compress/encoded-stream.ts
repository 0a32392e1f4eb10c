/** Streams, compressed on their way. zlib runs in its own threads, so the event loop is free. */
import { constants } from 'node:zlib';
import { HOLDS_HEAD, JackfieldError } from '../../core/plugin-api.js';
import { type Parts, partsOf, type Streamed } from '../shared/stream-parts.js';
import type { Coding, Encoder } from './codings.js';

type CompressStream = ReturnType<Encoder['stream']>;

/**
 * A stream, compressed while it is read. When its source pauses, the data so far is sent, so that events arrive in
 * time. Before the first read, nothing is read from the source and no encoder exists.
 */
export class EncodedStream implements AsyncIterable<Uint8Array> {
  readonly #source: Streamed;
  readonly #coding: Coding;
  readonly #encoders: Encoder;
  readonly #octets: number | undefined;
  #encoder: CompressStream | undefined;

  /** @param octets What the source has, if that was promised. */
  constructor(source: Streamed, coding: Coding, encoders: Encoder, octets?: number) {
    this.#source = source;
    this.#coding = coding;
    this.#encoders = encoders;
    this.#octets = octets;
    // A source that may fail when it is opened, such as a file that is gone, can still be answered with another status.
    if (HOLDS_HEAD in source) Object.defineProperty(this, HOLDS_HEAD, { value: true });
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    const encoder = this.#encoders.stream(this.#coding);
    this.#encoder = encoder;
    const parts = partsOf(this.#source);
    // Until the first read, nobody else listens for errors.
    encoder.on('error', () => {});
    // Whenever the encoder closes early, close the source too.
    encoder.once('close', () => void parts.cancel());
    feed(encoder, parts, this.#octets, FLUSH[this.#coding]).catch((error: Error) => encoder.destroy(error));
    return encoder[Symbol.asyncIterator]();
  }

  /** Nobody needs the stream, or the rest of it. */
  destroy(): void {
    if (this.#encoder === undefined) void partsOf(this.#source).cancel();
    else this.#encoder.destroy();
  }
}

/** What sends the data so far and keeps the dictionary: the default of gzip and deflate forgets it. */
const FLUSH: { readonly [C in Coding]?: number } = {
  gzip: constants.Z_SYNC_FLUSH,
  deflate: constants.Z_SYNC_FLUSH,
};

/**
 * Errors: HANDLER_ANSWER_INVALID if the source has not the promised number of octets. Compressed, the answer has no
 * length that anybody could check, and a part would pass for the whole.
 */
async function feed(
  encoder: CompressStream,
  parts: Parts,
  promised: number | undefined,
  flush: number | undefined,
): Promise<void> {
  let octets = 0;
  let hasUnsent = false;
  for (;;) {
    const coming = parts.next();
    if (hasUnsent && (await Promise.race([coming, aTurn()])) === 'nothing yet') {
      encoder.flush(flush);
      hasUnsent = false;
    }
    const { done, value } = await coming;
    if (encoder.destroyed) return;
    if (done === true) break;
    if (typeof value !== 'string' && !(value instanceof Uint8Array))
      throw new TypeError(`The stream returned ${typeof value}; only strings and bytes are allowed.`);
    octets += Buffer.byteLength(value);
    if (promised !== undefined && octets > promised) break;
    hasUnsent = true;
    if (!encoder.write(value)) await drained(encoder);
    if (encoder.destroyed) return;
  }
  if (promised !== undefined && octets !== promised) {
    const detail = `Its Content-Length is ${promised}, but its body has ${octets} octets or more.`;
    throw new JackfieldError('HANDLER_ANSWER_INVALID', detail);
  }
  encoder.end();
}

function aTurn(): Promise<'nothing yet'> {
  return new Promise((resolve) => setImmediate(resolve, 'nothing yet'));
}

function drained(encoder: CompressStream): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      encoder.off('drain', go).off('close', go);
      resolve();
    };
    encoder.on('drain', go).on('close', go);
  });
}
