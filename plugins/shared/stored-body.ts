/** What plugins check before they store the body of a request as text. */
import { JackfieldError, type Request } from '../../core/plugin-api.js';
import { refusal } from './refusal.js';

/**
 * Refuses a request without any body. A client that follows a 301 may repeat the request without its body and without
 * Content-Length; to store that as an empty value would erase what is there. `Content-Length: 0` is an empty body.
 * Source: RFC 9110 §8.6 and §15.5.12. Errors: LENGTH_REQUIRED.
 */
export function mustHaveBody({ headers }: Pick<Request, 'headers'>): void {
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) return;
  throw new JackfieldError('LENGTH_REQUIRED');
}

/**
 * Refuses a body in a content coding: nothing here decodes one, and what would be stored is not what was meant.
 * Source: RFC 9110 §8.4; `Accept-Encoding` in the answer says what is accepted (§12.5.3).
 * Errors: CONTENT_CODING_UNSUPPORTED.
 */
export function mustNotBeCoded({ headers }: Pick<Request, 'headers'>): void {
  const codings = headers['content-encoding'];
  // `identity` is no coding; RFC 9110 §8.4.1 has senders leave it out, and some do not.
  if (codings === undefined || /^[\s,]*(?:identity[\s,]*)*$/i.test(codings)) return;
  throw refusal('CONTENT_CODING_UNSUPPORTED', { 'Accept-Encoding': 'identity' }, codings);
}
