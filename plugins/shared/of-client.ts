/** Calls of the store with keys, values and prefixes that a client has chosen. */
import { fromClient } from '../../core/plugin-api.js';

/** The store refuses at once, before it returns a promise: it is the client's mistake if such a text is too long. */
export function ofClient<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw fromClient(error);
  }
}
