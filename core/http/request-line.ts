/** The request line, RFC 9112 §3: method SP request-target SP HTTP-version CRLF. */
import type { ErrorCode } from '../errors.js';
import { CR, IS_TARGET, IS_TOKEN, isAll, isToken, LF, PERCENT, QUESTION_MARK, SLASH, SP } from './octets.js';
import { parseTarget } from './request-target.js';

/** The longest registered method has 17 octets. */
export const MAX_METHOD_OCTETS = 64;

/** One object for all request lines of a connection, so a request line costs no allocation. */
export class RequestLine {
  method = '';
  /** As sent. */
  target = '';
  /** Normalised; see `request-target.ts`. */
  path = '';
  /** The text after the first `?`. */
  query = '';
  /** Set in the absolute form only. */
  authority: string | undefined;
  /** The target is an https URI. */
  needsTls = false;
  minorVersion: 0 | 1 = 1;
  /** Where the next line begins. */
  end = 0;

  /**
   * @param text Latin1; the line begins at `start` with an octet of a token and may be incomplete.
   * @returns the error, if the line is complete; the fields of this object are then invalid.
   */
  read(text: string, start: number, maxTargetOctets: number): ErrorCode | undefined {
    let p = start + 1;
    while (IS_TOKEN[text.charCodeAt(p)] === 1) p++;
    const methodEnd = p;
    if (text.charCodeAt(p) !== SP) return faultOf(text, start);

    const targetStart = ++p;
    let mark = -1;
    let escaped = false;
    for (let code = text.charCodeAt(p); IS_TARGET[code] === 1; code = text.charCodeAt(++p)) {
      if (code === QUESTION_MARK && mark === -1) mark = p;
      else if (code === PERCENT) escaped = true;
    }
    const targetEnd = p;
    if (targetEnd === targetStart || text.charCodeAt(p) !== SP) return faultOf(text, start);

    const version = p + 1;
    const minor = text.charCodeAt(version + 7) - 0x30;
    if (!isHttp1(text, version) || !(minor >= 0 && minor <= 9) || !isLineEnd(text, version + 8)) {
      return faultOf(text, start);
    }
    if (methodEnd - start > MAX_METHOD_OCTETS) return 'METHOD_TOO_LONG';
    if (targetEnd - targetStart > maxTargetOctets) return 'TARGET_TOO_LONG';

    this.method = methodOf(text, start, methodEnd);
    this.target = text.slice(targetStart, targetEnd);
    // RFC 9110 §2.5: a later minor version is treated as the latest known one.
    this.minorVersion = minor === 0 ? 0 : 1;
    this.end = version + 10;
    if (text.charCodeAt(targetStart) !== SLASH || escaped || this.method === 'CONNECT')
      return this.#otherForm();
    this.path = mark === -1 ? this.target : text.slice(targetStart, mark);
    this.query = mark === -1 ? '' : text.slice(mark + 1, targetEnd);
    this.authority = undefined;
    this.needsTls = false;
    return undefined;
  }

  #otherForm(): ErrorCode | undefined {
    const parsed = parseTarget(this.method, this.target);
    if (parsed === undefined) return 'TARGET_INVALID';
    this.path = parsed.path;
    this.query = parsed.query;
    this.authority = parsed.authority;
    this.needsTls = parsed.needsTls === true;
    return undefined;
  }
}

/** Finds the faulty part of a refused request line, in the order of the line. */
function faultOf(text: string, start: number): ErrorCode {
  const end = text.indexOf('\r\n', start);
  const parts = text.slice(start, end === -1 ? undefined : end).split(' ');
  const [method = '', target = '', version = ''] = parts;
  if (!isToken(method)) return 'METHOD_INVALID';
  if (parts.length !== 3 || target === '' || version === '') return 'REQUEST_LINE_INVALID';
  if (!isAll(target, IS_TARGET)) return 'TARGET_INVALID';
  return /^HTTP\/[0-9]\.[0-9]$/.test(version) ? 'VERSION_UNSUPPORTED' : 'VERSION_INVALID';
}

/** Compared one by one: an engine call for so few characters costs more. */
function isHttp1(text: string, at: number): boolean {
  return (
    text.charCodeAt(at) === 0x48 &&
    text.charCodeAt(at + 1) === 0x54 &&
    text.charCodeAt(at + 2) === 0x54 &&
    text.charCodeAt(at + 3) === 0x50 &&
    text.charCodeAt(at + 4) === 0x2f &&
    text.charCodeAt(at + 5) === 0x31 &&
    text.charCodeAt(at + 6) === 0x2e
  );
}

function isLineEnd(text: string, at: number): boolean {
  return text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF;
}

/** A constant for the most frequent method: the registry then does not hash it again. */
function methodOf(text: string, start: number, end: number): string {
  const isGet = end - start === 3 && text.charCodeAt(start) === 0x47 && text.charCodeAt(start + 1) === 0x45;
  return isGet && text.charCodeAt(start + 2) === 0x54 ? 'GET' : text.slice(start, end);
}
