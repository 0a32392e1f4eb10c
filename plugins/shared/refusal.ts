/** The answer for an error of the table, with its fields. */
import { HttpError, JackfieldError } from '../../core/plugin-api.js';

/** @param detail The part about this request; see `JackfieldError`. */
export function refusal(
  code: JackfieldError['code'],
  headers: Readonly<Record<string, string | readonly string[]>>,
  detail = '',
): HttpError {
  const { status, message } = new JackfieldError(code, detail);
  return new HttpError(status, message, headers, code);
}
