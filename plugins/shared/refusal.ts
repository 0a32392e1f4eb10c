/** The answer of an error of the table, with the fields that go with it. */
import { HttpError, JackfieldError } from '../../core/plugin-api.js';

/** @param detail What is particular to this request; see `JackfieldError`. */
export function refusal(
  code: JackfieldError['code'],
  headers: Readonly<Record<string, string | readonly string[]>>,
  detail = '',
): HttpError {
  const { status, message } = new JackfieldError(code, detail);
  return new HttpError(status, message, headers, code);
}
