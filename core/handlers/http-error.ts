import { sameInAllCopies } from '../across-copies.js';
import type { ErrorCode } from '../errors.js';

/** Thrown by a handler or a hook to answer with a status and a sentence; an alternative to returning them. */
export class HttpError extends Error {
  override readonly name = 'HttpError';

  /**
   * @param status 400 to 599.
   * @param message The body of the answer, as text.
   * @param code A code from the table of errors, for logs and metrics: `Outcome.code`.
   */
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string | readonly string[]>> = {},
    readonly code?: ErrorCode,
  ) {
    super(message);
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new TypeError(`HttpError needs a status from 400 to 599, not ${status}.`);
    }
  }
}

sameInAllCopies(HttpError, 'HttpError');
