/**
 * Where the octets of an answer come from, one shape for every kind of stream, and how each of them is told that
 * nobody wants the rest.
 *
 * Law of this file: a source ends once. Either it comes to its end, or it fails, or it is cancelled.
 */
import type { ResponseBody } from '../api/answer.js';

export type Streamed = Exclude<ResponseBody, string | Uint8Array>;

/**
 * On a stream that has to be opened: the head waits until its first part is there, because opening may fail. Whoever
 * wraps such a stream, as `compress` does, takes it over. `Symbol.for`, so that another copy of jackfield means the same.
 */
export const HOLDS_HEAD: unique symbol = Symbol.for('jackfield.holds-head');

/**
 * On a stream of the core whose parts nobody keeps: called with a part whose octets the system has, so that their memory
 * may be used again.
 */
export const LENDS: unique symbol = Symbol('lends');

export interface AnswerSource {
  /** As `LENDS`, if the stream has it. */
  readonly giveBack?: ((octets: Uint8Array) => void) | undefined;
  next(): PromiseLike<IteratorResult<unknown>> | IteratorResult<unknown>;
  /** Lets go of what the source holds. Rejects where the source fails at that. */
  cancel(): Promise<unknown>;
}

/** Begins to read a stream; nobody else may. */
export function openSource(body: Streamed | Iterable<unknown>): AnswerSource {
  if (isWebStream(body)) {
    const reader = body.getReader();
    return { next: () => reader.read(), cancel: () => reader.cancel() };
  }
  const parts = Symbol.asyncIterator in body ? body[Symbol.asyncIterator]() : body[Symbol.iterator]();
  const next: AnswerSource['next'] = () => parts.next();
  if (isLender(body)) return { next, giveBack: body[LENDS], cancel: async () => body.destroy() };
  if (isDestroyable(body)) return { next, cancel: async () => body.destroy() };
  // A generator that waits for something of its own ends when that comes; `signal` of the request tells it earlier.
  return { next, cancel: async () => parts.return?.() };
}

/** Tells a stream that nobody will read it. How it takes that is its own affair. */
export function abandon(body: ResponseBody | undefined): void {
  if (typeof body !== 'object' || body instanceof Uint8Array) return;
  letGo(body).catch(ignore);
}

/** Likewise of a stream in something that a plugin returned and that is no answer; whatever it is, this does not throw. */
export function abandonFaulty(value: unknown): void {
  try {
    const body: unknown = isIterable(value) ? value : Reflect.get(Object(value), 'body');
    if (!isIterable(body)) return;
    expectErrors(body);
    abandon(body);
  } catch {
    // What cannot even be looked at holds nothing that could be let go of.
  }
}

function isIterable(value: unknown): value is Streamed {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

async function letGo(body: Streamed): Promise<void> {
  if (isWebStream(body)) await body.cancel();
  else if (isDestroyable(body)) body.destroy();
  // A generator that has not begun runs none of its code.
  else if ('return' in body && typeof body.return === 'function') await body.return();
}

/**
 * To be called for every stream that a plugin hands over. Between that and its first read a Node stream may fail (a
 * file that does not exist), and the event of an error that nobody listens to ends the process.
 */
export function expectErrors(body: Streamed): void {
  if ('on' in body && typeof body.on === 'function') body.on('error', ignore);
}

/** Whether somebody else reads the stream already. */
export function isTaken(body: Streamed): boolean {
  return isWebStream(body) && body.locked;
}

/** By shape: a stream may come from another copy of its library. */
function isWebStream(body: object): body is ReadableStream<unknown> {
  return 'getReader' in body && typeof body.getReader === 'function';
}

/** @returns whether its parts are lent; such a stream can be destroyed. */
function isLender(body: object): body is { destroy(): unknown; [LENDS](octets: Uint8Array): void } {
  return LENDS in body;
}

/** Node's streams. */
function isDestroyable(body: object): body is { destroy(): unknown } {
  return 'destroy' in body && typeof body.destroy === 'function';
}

function ignore(): void {}
