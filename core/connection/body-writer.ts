/**
 * Sends a body that does not go out in one piece: a stream, or more octets than may be buffered. The source is asked
 * for more only when the peer has taken what was sent.
 */
import { JackfieldError } from '../errors.js';
import type { ResponseBody } from '../plugin-api.js';
import type { Outbox } from './outbox.js';

export interface BodyWriting {
  readonly outbox: Outbox;
  readonly body: Exclude<ResponseBody, string>;
  /** Sends the head; called once, before the first octet of the body, unless the source fails at once. */
  readonly sendHead: () => void;
  readonly chunked: boolean;
  /** What Content-Length promised. */
  readonly contentLength: number | undefined;
  /** Octets of one write. */
  readonly pieceOctets: number;
  /** Whether the connection was lost or the answer given up. */
  readonly isOver: () => boolean;
}

/**
 * @throws what the source throws, or HANDLER_ANSWER_INVALID where it has more or less than it promised. Where
 * `sendHead` was called already, the only honest end is to break the connection off.
 */
export async function writeBody(writing: BodyWriting): Promise<void> {
  const { outbox, chunked, contentLength, isOver } = writing;
  let sent = 0;
  let headSent = false;
  const sendHead = (): void => {
    if (headSent || isOver()) return;
    headSent = true;
    writing.sendHead();
    outbox.flushSoon();
  };
  // A source that fails at once can still be answered 500; one that is slow to begin does not hold the head back.
  const soon = setImmediate(sendHead);
  try {
    for await (const part of partsOf(writing.body, writing.pieceOctets)) {
      const octets = toOctets(part);
      if (isOver()) return;
      if (!headSent) {
        clearImmediate(soon);
        sendHead();
      }
      sent += octets.length;
      if (contentLength !== undefined && sent > contentLength) break;
      if (octets.length === 0) continue; // an empty chunk would end the body
      if (chunked) outbox.text(`${octets.length.toString(16)}\r\n`);
      outbox.octets(octets);
      if (chunked) outbox.text('\r\n');
      if (outbox.isBlocked) {
        await outbox.room();
        if (isOver()) return;
      } else outbox.flushSoon();
    }
  } finally {
    clearImmediate(soon);
  }
  if (contentLength !== undefined && sent !== contentLength) {
    throw new JackfieldError(
      'HANDLER_ANSWER_INVALID',
      `Its Content-Length is ${contentLength}, its body has ${sent} octets or more.`,
    );
  }
  if (isOver()) return;
  sendHead();
  if (chunked) outbox.text('0\r\n\r\n');
}

function partsOf(
  body: BodyWriting['body'],
  pieceOctets: number,
): AsyncIterable<unknown> | Iterable<Uint8Array> {
  return body instanceof Uint8Array ? pieces(body, pieceOctets) : body;
}

function* pieces(body: Uint8Array, pieceOctets: number): Generator<Uint8Array> {
  for (let at = 0; at < body.length; at += pieceOctets) yield body.subarray(at, at + pieceOctets);
}

function toOctets(part: unknown): Uint8Array {
  if (part instanceof Uint8Array) return part;
  if (typeof part === 'string') return Buffer.from(part);
  throw new JackfieldError(
    'HANDLER_ANSWER_INVALID',
    `Its stream gave ${typeof part}; it may give strings and bytes.`,
  );
}

/** Tells a source that nobody will read it, or read on. How it takes that is its own affair. */
export function abandon(body: ResponseBody | undefined): void {
  if (typeof body !== 'object' || body instanceof Uint8Array) return;
  hush(body);
  const source = body as { destroy?: () => void; cancel?: () => unknown; return?: () => unknown };
  try {
    if (typeof source.destroy === 'function') source.destroy();
    else if (typeof source.cancel === 'function') Promise.resolve(source.cancel()).catch(ignore);
    // A generator that has not begun runs none of its code.
    else if (typeof source.return === 'function') Promise.resolve(source.return()).catch(ignore);
  } catch {
    // Nobody is left to be told.
  }
}

/** A Node stream that fails while nobody reads it would end the process; whoever reads it later still meets the error. */
export function hush(body: ResponseBody | undefined): void {
  const source = body as { on?: (event: string, listener: () => void) => unknown } | undefined;
  if (typeof source === 'object' && typeof source.on === 'function') source.on('error', ignore);
}

function ignore(): void {}
