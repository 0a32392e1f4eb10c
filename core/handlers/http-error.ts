import { sameInAllCopies } from '../across-copies.js';

/** Thrown by a handler or a hook to answer with a status and a sentence; an alternative to returning them. */
export class HttpError extends Error {
  override readonly name = 'HttpError';

  /**
   * @param status 400 to 599.
   * @param message The body of the answer, as text.
   */
  constructor(
    readonly status: number,
    message: string,
    readonly headers: Readonly<Record<string, string | readonly string[]>> = {},
  ) {
    super(message);
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new TypeError(`HttpError takes a status from 400 to 599, not ${status}.`);
    }
  }
}

sameInAllCopies(HttpError, 'HttpError');
