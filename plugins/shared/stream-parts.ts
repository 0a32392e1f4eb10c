/** Streams that a plugin reads on behalf of the core, to give them on changed. */
import type { ResponseBody } from '../../core/plugin-api.js';

export type Streamed = Exclude<ResponseBody, string | Uint8Array>;

/** The parts of any stream, and how it is told that nobody wants the rest. */
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
      // How a source takes that nobody wants it is its own affair.
      await cancel().catch(() => {});
    },
  };
}

/** Node streams and web streams end at once when they are told; a generator when it has what it waits for. */
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
