/** The answer of an error of the table, with the fields that go with it. */
import { HttpError, JackfieldError } from '../../core/plugin-api.js';

export function refusal(
  code: JackfieldError['code'],
  headers: Readonly<Record<string, string | readonly string[]>>,
): HttpError {
  const { status, message } = new JackfieldError(code);
  return new HttpError(status, message, headers, code);
}
