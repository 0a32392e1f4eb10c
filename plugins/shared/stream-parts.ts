/** Reads streams in place of the core, to return them changed. */
import type { ResponseBody } from '../../core/plugin-api.js';

export type Streamed = Exclude<ResponseBody, string | Uint8Array>;

/** The parts of any stream, and a way to cancel the rest. */
export interface Parts {
  next(): Promise<IteratorResult<unknown>>;
  cancel(): Promise<void>;
}

export function partsOf(source: Streamed): Parts {
  const { next, cancel } = opened(source);
  let isOver = false;
  return {
    next: async () => {
      const part = await next();
      isOver ||= part.done === true;
      return part;
    },
    cancel: async () => {
      if (isOver) return;
      isOver = true;
      // Ignore how the source reacts to the cancel.
      await cancel().catch(() => {});
    },
  };
}

/** Node streams and web streams end at once when cancelled; a generator ends after its current wait. */
function opened(source: object & AsyncIterable<unknown>): {
  next: () => PromiseLike<IteratorResult<unknown>>;
  cancel: () => Promise<unknown>;
} {
  if (isWebStream(source)) {
    const reader = source.getReader();
    return { next: () => reader.read(), cancel: () => reader.cancel() };
  }
  const parts = source[Symbol.asyncIterator]();
  const next = () => parts.next();
  if ('destroy' in source && typeof source.destroy === 'function') {
    const { destroy } = source;
    return { next, cancel: async () => destroy.call(source) };
  }
  return { next, cancel: async () => parts.return?.() };
}

/** By shape: a stream may come from another copy of its library. */
function isWebStream(source: object): source is ReadableStream<unknown> {
  return 'getReader' in source && typeof source.getReader === 'function';
}
