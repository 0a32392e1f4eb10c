/**
 * Where the octets of an answer come from, one shape for every kind of stream, and how each of them is told that
 * nobody wants the rest.
 *
 * Law of this file: a source ends once. Either it comes to its end, or it fails, or it is cancelled.
 */
import type { Readable } from 'node:stream';
import type { ResponseBody } from '../plugin-api.js';

export type Streamed = Exclude<ResponseBody, string | Uint8Array>;

/** On a stream that has to be opened: the head waits until its first part is there, because opening may fail. */
export const HOLDS_HEAD: unique symbol = Symbol('holds the head of its answer');

export interface BodySource {
  next(): PromiseLike<IteratorResult<unknown>> | IteratorResult<unknown>;
  /** Lets go of what the source holds. Rejects where the source fails at that. */
  cancel(): Promise<unknown>;
}

/** Begins to read a stream; nobody else may. */
export function openSource(body: Streamed | Iterable<unknown>): BodySource {
  if (isWebStream(body)) {
    const reader = body.getReader();
    return { next: () => reader.read(), cancel: () => reader.cancel() };
  }
  if (isNodeStream(body)) {
    const parts = body[Symbol.asyncIterator]();
    return { next: () => parts.next(), cancel: async () => void body.destroy() };
  }
  const parts = Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]();
  // A generator that waits for something of its own ends when that comes; `signal` of the request tells it earlier.
  return { next: () => parts.next(), cancel: async () => parts.return?.() };
}

/** Tells a stream that nobody will read it; whatever comes of that concerns nobody. */
export function abandon(body: ResponseBody | undefined): void {
  if (typeof body !== 'object' || body instanceof Uint8Array) return;
  if (isWebStream(body)) body.cancel().catch(() => {});
  else if (isNodeStream(body)) body.destroy();
  // A generator that has not begun runs none of its code.
  else if ('return' in body && typeof body.return === 'function') settle(body.return());
}

/**
 * To be called for every stream that a plugin hands over. Between that and its first read a Node stream may fail (a
 * file that does not exist), and the event of an error that nobody listens to ends the process.
 */
export function expectErrors(body: Streamed): void {
  if (isNodeStream(body)) body.on('error', ignore);
}

/** Whether somebody else reads the stream already. */
export function isTaken(body: Streamed): boolean {
  return isWebStream(body) && body.locked;
}

/** By shape: a stream may come from another copy of its library. */
function isWebStream(body: object): body is ReadableStream<unknown> {
  return 'getReader' in body && typeof body.getReader === 'function';
}

function isNodeStream(body: object): body is Readable {
  return 'destroy' in body && typeof body.destroy === 'function' && 'on' in body;
}

function settle(result: unknown): void {
  Promise.resolve(result).catch(ignore);
}

function ignore(): void {}
