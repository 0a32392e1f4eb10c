/** Where a request's body ends, RFC 9112 §6.3. Decided only here, before any handler runs. */
import type { ErrorCode } from '../errors.js';
import { trimBlanks } from './octets.js';

export type Framing =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly octets: number }
  | {
      readonly kind: 'chunked';
      /** Some readers of the same octets understand this framing differently, so nothing after it can be trusted. */
      readonly isOdd: boolean;
    };

const NONE: Framing = { kind: 'none' };
const CHUNKED: Framing = { kind: 'chunked', isOdd: false };
const ODDLY_CHUNKED: Framing = { kind: 'chunked', isOdd: true };

/** "A reasonable number" of empty elements (RFC 9110 §5.6.1): no sender makes more by mistake. */
const MAX_EMPTY_CODINGS = 4;

export interface FramingFields {
  readonly minorVersion: number;
  /** The values of all Content-Length field lines. */
  readonly contentLength: readonly string[];
  /** The values of all Transfer-Encoding field lines. */
  readonly transferEncoding: readonly string[];
}

/** @returns the framing, or the code of the error that makes all later octets untrustworthy. */
export function decideFraming({
  minorVersion,
  contentLength,
  transferEncoding,
}: FramingFields): Framing | ErrorCode {
  // Items 1 and 2 of the list are about responses.
  if (transferEncoding.length > 0) {
    // Item 3: having both fields is a sign of request smuggling. The RFC lets a server refuse; we always do.
    if (contentLength.length > 0) return 'FRAMING_CONFLICT';
    // §6.1: a transfer coding in an HTTP/1.0 message counts as faulty framing.
    if (minorVersion === 0) return 'TRANSFER_ENCODING_INVALID';
    return decideTransferEncoding(transferEncoding);
  }
  // Items 5 and 6. RFC 9110 §8.6 lets a server refuse a list of equal lengths too; we do.
  const [length, ...others] = contentLength;
  if (length === undefined) return NONE; // Item 7
  const octets = others.length === 0 && /^[0-9]+$/.test(length) ? Number(length) : Number.NaN;
  if (!Number.isSafeInteger(octets)) return 'CONTENT_LENGTH_INVALID';
  return octets === 0 ? NONE : { kind: 'length', octets };
}

/**
 * Item 4: chunked must be the last coding and appear once. We support no other coding.
 *
 * Empty elements are ignored, as RFC 9110 §5.6.1 demands. A proxy in front that does not ignore them may take the
 * chunked body for the next request. The connection closes after the answer, so a smuggled request reaches nobody.
 */
function decideTransferEncoding(values: readonly string[]): Framing | ErrorCode {
  const elements = values
    .join(',')
    .split(',')
    .map((coding) => trimBlanks(coding).toLowerCase());
  const codings = elements.filter((coding) => coding !== '');
  if (elements.length - codings.length > MAX_EMPTY_CODINGS) return 'TRANSFER_ENCODING_INVALID';
  if (codings.at(-1) !== 'chunked' || codings.indexOf('chunked') !== codings.length - 1)
    return 'TRANSFER_ENCODING_INVALID';
  if (codings.length > 1) return 'TRANSFER_ENCODING_UNSUPPORTED';
  return elements.length === 1 ? CHUNKED : ODDLY_CHUNKED;
}
