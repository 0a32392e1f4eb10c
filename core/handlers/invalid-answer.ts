import { JackfieldError } from '../errors.js';

/** The error for an invalid answer of a plugin. */
export function invalid(detail: string, cause?: unknown): JackfieldError {
  return new JackfieldError('HANDLER_ANSWER_INVALID', detail, { cause });
}
