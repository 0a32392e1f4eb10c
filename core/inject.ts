/** Builds a request from parts, and parses a response into parts, for `inject`. */
import { JackfieldError } from './errors.js';
import { isToken } from './http/octets.js';
import { strangeSentence } from './known-members.js';

export interface InjectRequest {
  /** Default `GET`. */
  readonly method?: string;
  /** Default `/`. */
  readonly target?: string;
  /** `Host: 127.0.0.1` and the length of a given body, even an empty one, are added unless they are named. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
}

export interface InjectResponse {
  readonly status: number;
  readonly reason: string;
  /** By lower-case name; several lines of one name are joined with `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** The body as UTF-8. */
  readonly text: string;
  json(): unknown;
}

const PARTS = ['method', 'target', 'headers', 'body'];

/** @throws TypeError if the parts cannot be a request. Nothing else is checked: a test may send invalid requests. */
export function requestOctets(request: InjectRequest): Buffer {
  const unknown = Object.keys(request).find((part) => !PARTS.includes(part));
  const sentence = unknown === undefined ? '' : strangeSentence(unknown, PARTS, 'inject');
  if (unknown !== undefined) {
    const meant = unknown === 'path' || unknown === 'url' ? ' The path is called target.' : '';
    throw new TypeError(sentence + meant);
  }
  const { method = 'GET', target = '/', headers = {}, body = '' } = request;
  if (typeof body !== 'string' && !(body instanceof Uint8Array)) {
    throw new TypeError('The body of inject must be a string or bytes; for JSON pass JSON.stringify(value).');
  }
  if (!isToken(method)) throw new TypeError(`The method ${JSON.stringify(method)} is not a token.`);
  if (/[\s]/.test(target)) throw new TypeError(`The target ${JSON.stringify(target)} has white space.`);
  const content = Buffer.from(body as string);
  const lines = [`${method} ${target} HTTP/1.1`];
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  if (!names.has('host')) lines.push('Host: 127.0.0.1');
  for (const [name, value] of Object.entries(headers)) {
    for (const one of [value].flat()) {
      if (/[\r\n]/.test(name + one))
        throw new TypeError(`The field ${JSON.stringify(name)} has a line break.`);
      lines.push(`${name}: ${one}`);
    }
  }
  // An empty body gets a length; a missing one does not.
  if (request.body !== undefined && !names.has('content-length') && !names.has('transfer-encoding')) {
    lines.push(`Content-Length: ${content.length}`);
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), content]);
}

/**
 * Parses the last response in these octets; interim responses (RFC 9110 §15.2) are skipped.
 * Errors: RESPONSE_INCOMPLETE, so that a test never takes a part of a response for all of it (RFC 9112 §8).
 */
export function readResponse(octets: Buffer, method = 'GET'): InjectResponse {
  const headEnd = octets.indexOf('\r\n\r\n');
  if (headEnd === -1) throw new JackfieldError('RESPONSE_INCOMPLETE');
  const [statusLine = '', ...fieldLines] = octets.toString('latin1', 0, headEnd).split('\r\n');
  const [, code = '0', reason = ''] = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(statusLine) ?? [];
  const status = Number(code);
  const rest = octets.subarray(headEnd + 4);
  const headers: Record<string, string | undefined> = Object.create(null);
  for (const line of fieldLines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  // A final 100 exists only in the classic dialect, and has a Date. Octets after 101 belong to another protocol.
  const isFinal =
    status >= 200 || status < 100 || status === 101 || (status === 100 && headers.date !== undefined);
  if (!isFinal) return readResponse(rest, method);
  const hasNoBody = method === 'HEAD' || status < 200 || status === 204 || status === 304;
  const body = headers['transfer-encoding'] === 'chunked' && !hasNoBody ? unchunk(rest) : rest;
  if (!hasNoBody && body.length < Number(headers['content-length'] ?? 0))
    throw new JackfieldError('RESPONSE_INCOMPLETE');
  return response(status, reason, headers, body);
}

function response(
  status: number,
  reason: string,
  headers: InjectResponse['headers'],
  body: Buffer,
): InjectResponse {
  const text = body.toString('utf8');
  return { status, reason, headers, body, text, json: () => JSON.parse(text) };
}

/** Chunks of our own writer, which have no extensions; trailers are skipped. */
function unchunk(octets: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < octets.length; ) {
    const lineEnd = octets.indexOf('\r\n', at);
    if (lineEnd === -1) break;
    const size = Number.parseInt(octets.toString('latin1', at, lineEnd), 16);
    if (size === 0) return Buffer.concat(parts);
    parts.push(octets.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
  throw new JackfieldError('RESPONSE_INCOMPLETE');
}
