/**
 * Sources of the octets of an answer: one interface for every kind of stream, and a way to cancel each kind.
 *
 * Rule of this file: a source ends once. It reaches its end, or it fails, or it is cancelled.
 */
import type { ResponseBody } from '../api/answer.js';

export type Streamed = Exclude<ResponseBody, string | Uint8Array>;

/**
 * Marks a stream that must be opened: the head waits for the first part, because opening may fail. Code that wraps such
 * a stream, like `compress`, must copy the mark. `Symbol.for`, so that another copy of jackfield knows it too.
 */
export const HOLDS_HEAD: unique symbol = Symbol.for('jackfield.holds-head');

export interface AnswerSource {
  next(): PromiseLike<IteratorResult<unknown>> | IteratorResult<unknown>;
  /** Releases the source's resources. Rejects if the source fails while closing. */
  cancel(): Promise<unknown>;
}

/** Begins to read a stream; the caller becomes its only reader. */
export function openSource(body: Streamed | Iterable<unknown>): AnswerSource {
  if (isWebStream(body)) {
    const reader = body.getReader();
    return { next: () => reader.read(), cancel: () => reader.cancel() };
  }
  const parts = Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]();
  const next: AnswerSource['next'] = () => parts.next();
  if (isDestroyable(body)) return { next, cancel: async () => body.destroy() };
  // A generator ends after its current `await`; the `signal` of the request reaches it earlier.
  return { next, cancel: async () => parts.return?.() };
}

/** Tells a stream that nobody will read it, and ignores its errors. */
export function abandon(body: ResponseBody | undefined): void {
  if (typeof body !== 'object' || body instanceof Uint8Array) return;
  release(body).catch(ignore);
}

/** Does the same for a stream in an invalid result of a plugin. Never throws, whatever the value is. */
export function abandonFaulty(value: unknown): void {
  try {
    const body: unknown = isIterable(value) ? value : Reflect.get(Object(value), 'body');
    if (!isIterable(body)) return;
    expectErrors(body);
    abandon(body);
  } catch {
    // A value whose properties cannot be read has nothing to release.
  }
}

function isIterable(value: unknown): value is Streamed {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

async function release(body: Streamed): Promise<void> {
  if (isWebStream(body)) await body.cancel();
  else if (isDestroyable(body)) body.destroy();
  // A generator that has not begun runs none of its code here.
  else if ('return' in body && typeof body.return === 'function') await body.return();
}

/**
 * Call it for every stream that a plugin passes in. A Node stream may fail before its first read (a file that does not
 * exist), and an `error` event without a listener ends the process.
 */
export function expectErrors(body: Streamed): void {
  if ('on' in body && typeof body.on === 'function') body.on('error', ignore);
}

/** Whether the stream already has a reader. */
export function isTaken(body: Streamed): boolean {
  return isWebStream(body) && body.locked;
}

/** Checked by shape: a stream may come from another copy of its library. */
function isWebStream(body: object): body is ReadableStream<unknown> {
  return 'getReader' in body && typeof body.getReader === 'function';
}

/** A Node stream. */
function isDestroyable(body: object): body is { destroy(): unknown } {
  return 'destroy' in body && typeof body.destroy === 'function';
}

function ignore(): void {}
