import { JackfieldError } from '../errors.js';

/** A plugin returned what is no answer. */
export function invalid(detail: string, cause?: unknown): JackfieldError {
  return new JackfieldError('HANDLER_ANSWER_INVALID', detail, { cause });
}
