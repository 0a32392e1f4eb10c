/**
 * `.http` files, as the REST clients of editors use them: requests separated by `###`, each with comments, request
 * line, header lines, an empty line and the body. Only the subset without variables and scripts.
 *
 *     ### A title, if you like
 *     # A comment; the next one is checked:
 *     # expect 200
 *     POST /create HTTP/1.1
 *     Content-Type: application/json
 *
 *     { "key": "value" }
 *
 * A URL is absolute (`http://…`) or begins with `/`. `Host` and `Content-Length` are added if they are missing.
 */
import path from 'node:path';
import { nameOf } from '../config/config-file.js';
import { readText } from '../config/text-file.js';
import { JackfieldError } from '../errors.js';
import { nameOutcome } from './compare-classic.js';
import { type ExchangeResult, type RunOptions, runExchanges } from './run-exchanges.js';
import { authority, DEFAULT_HOST, DEFAULT_PORT, type Outcome } from './wire-connection.js';
import { fieldValue } from './wire-response.js';

export interface HttpFileRequest {
  /** The text after `###`; without one, method and URL. */
  readonly title: string;
  readonly method: string;
  /** Absent for a relative URL: the server is then an option of the run. */
  readonly to?: { readonly host: string; readonly port: number };
  /** The request target as it is sent. */
  readonly target: string;
  readonly version: '1.0' | '1.1';
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** From `# expect 200`. */
  readonly expectedStatus?: number;
}

/**
 * @param cwd Absolute; a relative `file` starts there.
 * Errors: CASES_INVALID.
 */
export async function readHttpFile(file: string, cwd: string = process.cwd()): Promise<HttpFileRequest[]> {
  const absolute = path.resolve(cwd, file);
  const name = nameOf(absolute, cwd);
  return parseHttpFile(await readText(absolute, name, 'CASES_INVALID'), name);
}

/** @param name The name of the file in errors. Errors: CASES_INVALID, with `file:line:column`. */
export function parseHttpFile(text: string, name: string): HttpFileRequest[] {
  const requests: HttpFileRequest[] = [];
  let block: Block = { title: '', firstLine: 1, lines: [] };
  const finish = (): void => {
    const request = requestOf(block, name);
    if (request !== undefined) requests.push(request);
  };
  for (const [index, line] of text.split(/\r\n|\n/).entries()) {
    const [, title] = /^###(?!#)\s*(.*?)\s*$/.exec(line) ?? [];
    if (title === undefined) {
      block.lines.push(line);
    } else {
      finish();
      block = { title, firstLine: index + 2, lines: [] };
    }
  }
  finish();
  if (requests.length === 0) throw new JackfieldError('CASES_INVALID', `${name}:1:1: there is no request.`);
  return requests;
}

interface Block {
  readonly title: string;
  /** Counted from 1, in the file. */
  readonly firstLine: number;
  readonly lines: string[];
}

const COMMENT = /^\s*(?:#|\/\/)\s*(.*)$/;
const TOKEN = "[!#$%&'*+.^_`|~\\w-]+";
const REQUEST_LINE = new RegExp(`^(?:(${TOKEN})[ \\t]+)?(\\S+)(?:[ \\t]+HTTP/(1\\.[01]))?[ \\t]*$`);
const HEADER_LINE = new RegExp(`^(${TOKEN})[ \\t]*:[ \\t]*(.*?)[ \\t]*$`);

/** Undefined for a block of comments and empty lines only. */
function requestOf(block: Block, name: string): HttpFileRequest | undefined {
  const { lines, firstLine } = block;
  const refuse = (index: number, sentence: string): JackfieldError =>
    new JackfieldError('CASES_INVALID', `${name}:${firstLine + index}:1: ${sentence}.`);
  let requestLine: Pick<HttpFileRequest, 'method' | 'to' | 'target' | 'version'> | undefined;
  let expectedStatus: number | undefined;
  const headers: (readonly [string, string])[] = [];
  let index = 0;
  for (; index < lines.length; index++) {
    const line = lines[index]!;
    const [, comment] = COMMENT.exec(line) ?? [];
    const empty = line.trim() === '';
    if (comment !== undefined) {
      const [, status] = /^expect\s+(\d+)\s*$/i.exec(comment) ?? [];
      if (status === undefined) continue;
      if (!/^[1-5]\d\d$/.test(status))
        throw refuse(index, `the expected status ${status} is not from 100 to 599`);
      expectedStatus = Number(status);
    } else if (requestLine === undefined) {
      if (empty) continue;
      requestLine = readRequestLine(line, (sentence) => refuse(index, sentence));
    } else {
      if (empty) break;
      const [, field, value] = HEADER_LINE.exec(line) ?? [];
      if (field === undefined || value === undefined) throw refuse(index, 'a header line is "Name: value"');
      headers.push([field, value]);
    }
  }
  if (requestLine === undefined) return undefined;
  const body = lines.slice(index + 1);
  if (/^<@?\s/.test(body[0] ?? '')) throw refuse(index + 1, 'a body from another file is not supported');
  return {
    title: block.title || `${requestLine.method} ${requestLine.target}`,
    ...requestLine,
    headers,
    // The empty lines before the next ### are not part of the body.
    body: body.join('\n').replace(/\n+$/, ''),
    ...(expectedStatus === undefined ? {} : { expectedStatus }),
  };
}

function readRequestLine(
  line: string,
  refuse: (sentence: string) => JackfieldError,
): Pick<HttpFileRequest, 'method' | 'to' | 'target' | 'version'> {
  if (line.includes('{{')) throw refuse('variables such as {{name}} are not supported');
  const [, method = 'GET', url, version = '1.1'] = REQUEST_LINE.exec(line) ?? [];
  if (url === undefined) throw refuse('a request line is "METHOD URL" or "METHOD URL HTTP/1.1"');
  if (/^https:/i.test(url)) throw refuse('https is not supported, only http');
  // The fragment is not sent (RFC 9110 §4.2.5); characters outside of ASCII are percent-encoded.
  const sent = url.replace(/#.*$/, '').replace(/[^\x21-\x7e]+/g, encodeURIComponent);
  const known = { method, version: version as '1.0' | '1.1' };
  if (sent.startsWith('/') || sent === '*') return { ...known, target: sent };
  const [, bracketed, name, port = '80', target] =
    /^http:\/\/(?:\[([\da-f:.]+)\]|([^/?[\]@:]+))(?::(\d{1,5}))?([/?].*)?$/i.exec(sent) ?? [];
  const host = bracketed ?? name;
  if (host === undefined || Number(port) > 65_535) throw refuse('a URL begins with "/" or "http://host"');
  return { ...known, to: { host, port: Number(port) }, target: originForm(target ?? '') };
}

/** RFC 9112 §3.2.1: an empty path is sent as `/`. */
function originForm(target: string): string {
  return target.startsWith('/') ? target : `/${target}`;
}

/** @param server The authority for requests with a relative URL. */
export function httpRequestOctets(request: HttpFileRequest, server: string): Buffer {
  const { method, target, version, headers, body, to } = request;
  const has = (name: string): boolean => headers.some(([written]) => written.toLowerCase() === name);
  const lines = [`${method} ${target} HTTP/${version}`];
  if (!has('host')) lines.push(`Host: ${to === undefined ? server : authority(to.host, to.port)}`);
  lines.push(...headers.map(([name, value]) => `${name}: ${value}`));
  // RFC 9110 §8.6: a method that anticipates a body sends Content-Length even without one.
  const says = body !== '' || ['POST', 'PUT', 'PATCH'].includes(method);
  if (says && !has('content-length') && !has('transfer-encoding')) {
    lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/**
 * Yields each result as soon as it is known. A request without an expected status passes with any response.
 * Errors: SERVER_UNREACHABLE, which ends the run.
 */
export function runHttpFile(
  requests: readonly HttpFileRequest[],
  options: RunOptions = {},
): AsyncGenerator<ExchangeResult, void, undefined> {
  const server = authority(options.host ?? DEFAULT_HOST, options.port ?? DEFAULT_PORT);
  return runExchanges(
    requests.map((request) => ({
      title: request.title,
      request: httpRequestOctets(request, server),
      manner: { method: request.method, wire: 'standard' } as const,
      ...(request.to === undefined ? {} : { to: request.to }),
      judge: (outcome) => judge(request, outcome),
      ends: (outcome) => announcesEnd(request.method, outcome),
    })),
    options,
  );
}

function judge({ expectedStatus }: HttpFileRequest, outcome: Outcome): string[] {
  if (outcome.kind !== 'response') return [`expected a response, received ${nameOutcome(outcome)}`];
  const { status } = outcome.response;
  return [
    ...(expectedStatus === undefined || status === expectedStatus
      ? []
      : [`status: expected ${expectedStatus}, received ${status}`]),
    ...(outcome.surplusOctets === 0 ? [] : [`${outcome.surplusOctets} octets follow the response`]),
  ];
}

/** RFC 9112 §9.3; and a body without a length ends with its connection. */
function announcesEnd(method: string, outcome: Outcome): boolean {
  if (outcome.kind !== 'response') return true;
  const { version, status, fields } = outcome.response;
  const connection = fieldValue({ fields }, 'connection') ?? '';
  const framed = fieldValue({ fields }, 'content-length') ?? fieldValue({ fields }, 'transfer-encoding');
  const needsFraming = method !== 'HEAD' && status !== 204 && status !== 304;
  return (
    /(^|,)\s*close\s*(,|$)/i.test(connection) ||
    (version === 'HTTP/1.0' && !/(^|,)\s*keep-alive\s*(,|$)/i.test(connection)) ||
    (needsFraming && framed === undefined)
  );
}
