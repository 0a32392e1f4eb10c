/**
 * Checks the return value of a handler and brings it into one form. Nothing unchecked reaches the wire: names and
 * values cannot inject lines, only the core sets framing fields, and the status is valid.
 */

import type { ResponseBody, ResponseParts, ResponseValue, ShownResponse } from '../api/answer.js';
import { ERRORS, type ErrorCode, JackfieldError } from '../errors.js';
import { abandon, expectErrors, isTaken } from '../exchange/answer-source.js';
import { FieldLines } from '../http/field-lines.js';
import { strangeSentence } from '../known-members.js';
import { type AnswerFields, checkedFields, deriveFields, onlyType, shownFields } from './answer-fields.js';
import { type AnswerTrailers, toTrailers } from './answer-trailers.js';
import { type HandOver, toHandOver } from './hand-over.js';
import { HttpError } from './http-error.js';
import { invalid } from './invalid-answer.js';
import { jsonText } from './json-text.js';
import { endToEndHeaders, isWebResponse } from './web-response.js';

export interface Answer {
  readonly status: number;
  readonly fields: AnswerFields;
  readonly body: ResponseBody | undefined;
  /** The plugin's Content-Length for a body of unknown length (a stream, an answer to HEAD). */
  readonly contentLength: number | undefined;
  /** The plugin or the error closes the connection after this answer. */
  readonly close: boolean;
  /** The connection leaves HTTP after this answer. Plain answers have neither this key nor `trailers`. */
  readonly handOver?: HandOver;
  readonly trailers?: AnswerTrailers;
  /** Code of the error in the answer, for logs and metrics. */
  readonly code?: ErrorCode;
}

const TEXT = 'text/plain; charset=utf-8';
const TEXT_FIELDS = onlyType(TEXT);
/**
 * A cache may store a 404, 405, 410, 414 or 501 without an explicit lifetime (RFC 9110 §15.1); it would then go on
 * sending the error after the resource was created. So no error is stored, whatever its status.
 */
const NO_STORE = ['Cache-Control', 'no-store'] as const;
const ERROR_FIELDS = deriveFields(TEXT_FIELDS, () => true, NO_STORE);
const OCTET_FIELDS = onlyType('application/octet-stream');

/** A refusal by the server itself, while hooks work on it. */
export interface Refusal {
  /** The refusal that the server made. */
  readonly plain: Answer;
  /** The refusal after the last hook; sent as it is when the hooks' time is over. */
  answer: Answer;
}

/** Removes a hook's stream from a refusal: a hook that failed or hangs may have read a part of it. */
export function dropStream(refusal: Refusal): void {
  if (!isStream(refusal.answer.body)) return;
  abandon(refusal.answer.body);
  refusal.answer = refusal.plain;
}

/**
 * @param before For the result of a response hook: the answer that the hook got.
 * @throws JackfieldError HANDLER_ANSWER_INVALID; the detail says what is wrong.
 */
export function toAnswer(value: ResponseValue, before?: Answer): Answer {
  if (typeof value === 'string')
    return { status: 200, fields: TEXT_FIELDS, body: value, contentLength: undefined, close: false };
  if (value instanceof Uint8Array || isAsyncIterable(value)) {
    const body = checkBody(value);
    return { status: 200, fields: OCTET_FIELDS, body, contentLength: undefined, close: false };
  }
  if (typeof value !== 'object' || value === null) {
    const hint = value === undefined ? ' Return { status: 204 } for an answer without content.' : '';
    throw invalid(`It returned ${String(value)}.${hint}`);
  }
  if (Array.isArray(value)) throw invalid('It returned an array. For JSON return { json: … }.');
  return isWebResponse(value) ? fromWebResponse(value) : fromParts(value, before);
}

function fromParts(parts: ResponseParts, before: Answer | undefined): Answer {
  let isPlain = true;
  let isEmpty = true;
  for (const name in parts) {
    isEmpty = false;
    if (name === 'status' || name === 'headers' || name === 'body') continue;
    if (name === 'json') {
      if (parts.json !== undefined) continue;
      throw invalid('Its json is undefined. For no content return { status: 204 }, for null { json: null }.');
    }
    // Hooks return what they were shown with it.
    if (name === 'contentLength' && before !== undefined) continue;
    if (name !== 'trailers' && name !== 'takeOver') throw strangeAnswer(parts, name);
    isPlain = false;
  }
  // An error, a Map or a Date has no own members and would look like `{}`.
  if ((isEmpty && !isLiteral(parts)) || parts instanceof Error) throw strangeAnswer(parts);
  return isPlain ? plain(parts, before) : special(parts, before);
}

const PARTS = ['status', 'headers', 'body', 'json', 'trailers', 'takeOver'];

/** @param name A member that answers do not have. */
function strangeAnswer(parts: object, name?: string): JackfieldError {
  if (parts instanceof Error)
    return invalid(`It returned an error; throw the error instead. The error: ${parts.message}`, parts);
  if (name !== undefined)
    return invalid(`${strangeSentence(name, PARTS, 'An answer')} For JSON return { json: … }.`);
  const tag = Object.prototype.toString.call(parts).slice('[object '.length, -1);
  return invalid(
    `It returned an object of type ${tag} without any part of an answer. For JSON return { json: … }.`,
  );
}

function isLiteral(parts: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(parts);
  return prototype === Object.prototype || prototype === null;
}

/** Handles rare answers: the connection is taken over, or the body has trailers. */
function special({ takeOver, trailers, ...parts }: ResponseParts, before: Answer | undefined): Answer {
  if (takeOver !== undefined) {
    const handOver = toHandOver(takeOver, trailers === undefined ? parts : { ...parts, trailers });
    return { ...handOver, body: undefined, contentLength: undefined, close: false };
  }
  const answer = plain(parts, before);
  if (trailers === undefined) return answer;
  const checkedTrailers = toTrailers(trailers);
  const { body } = answer;
  // Without a body there is no place for trailers.
  if (body === undefined) return answer;
  if (typeof body !== 'string' && !(body instanceof Uint8Array))
    return { ...answer, trailers: checkedTrailers };
  const octets = Buffer.from(body as string);
  return { ...answer, body: only(octets), contentLength: octets.length, trailers: checkedTrailers };
}

/** Turns a whole body into a stream, so that it is chunked. */
async function* only(octets: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield octets;
}

function plain(parts: ResponseParts, before: Answer | undefined): Answer {
  if (parts.body !== undefined && parts.json !== undefined)
    throw invalid('Its answer has both a body and json.');
  const body = parts.json === undefined ? parts.body : jsonText(parts.json);
  const status = parts.status ?? (body === undefined ? 204 : 200);
  const type = before !== undefined && isTypeless(before, body) ? undefined : defaultType(parts);
  return checked(status, parts.headers, body, type, before?.fields);
}

/** An upstream may send a body without a type. If a hook keeps that body, no default type is added. */
function isTypeless({ body, fields: { raw } }: Answer, kept: unknown): boolean {
  return (
    body !== undefined &&
    body === kept &&
    !raw.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'content-type')
  );
}

function defaultType({ body, json, headers }: ResponseParts): string | undefined {
  if (headers instanceof FieldLines) return undefined;
  if (json !== undefined) return 'application/json';
  if (body === undefined) return undefined;
  return typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

function fromWebResponse(response: Response): Answer {
  if (response.type === 'error')
    throw invalid('It returned Response.error(), which has no status. Throw an HttpError.');
  if (response.bodyUsed) throw invalid('The body of its Response has already been read.');
  return checked(response.status, endToEndHeaders(response), response.body ?? undefined, undefined);
}

function isAsyncIterable(value: unknown): value is AsyncIterable<string | Uint8Array> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Whether the body is a stream. */
export function isStream(body: Answer['body']): boolean {
  return typeof body === 'object' && !(body instanceof Uint8Array);
}

function checked(
  status: number,
  headers: ResponseParts['headers'],
  body: unknown,
  type: string | undefined,
  before?: AnswerFields,
): Answer {
  // 1xx are never final; only the core sends 101.
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw invalid(`Its status is ${String(status)}; a final status is a whole number from 200 to 599.`);
  }
  const content = checkBody(body);
  const bodyless = status === 204 || status === 205 || status === 304;
  if (bodyless && content !== undefined && content !== '') {
    throw invalid(`A ${status} answer has no body (RFC 9110 §6.4.1).`);
  }
  const fields = checkedFields(headers, type, before);
  if (status === 426 && !fields.raw.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'upgrade')) {
    throw invalid('A 426 answer needs an Upgrade field with the required protocol (RFC 9110 §15.5.22).');
  }
  const contentLength =
    fields.contentLength === undefined ? undefined : checkLength(fields.contentLength, content);
  return { status, fields, body: bodyless ? undefined : content, contentLength, close: fields.close };
}

function checkBody(body: unknown): ResponseBody | undefined {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) return body;
  if (!isAsyncIterable(body))
    throw invalid('Its body is not a string, bytes or a stream. For JSON return { json: … }.');
  if (isTaken(body)) throw invalid('Its body is a stream that other code is reading.');
  expectErrors(body);
  return body;
}

function checkLength(value: string, body: unknown): number {
  const length = /^[0-9]{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(length)) throw invalid(`Its Content-Length is ${JSON.stringify(value)}.`);
  const actual =
    typeof body === 'string' ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.length : undefined;
  if (actual !== undefined && actual !== length) {
    throw invalid(`Its Content-Length is ${length}, but its body has ${actual} octets.`);
  }
  return length;
}

/** The answer that reports an error to the client: its message as text. */
export function errorAnswer(error: unknown): Answer {
  const code = codeOf(error);
  if (error instanceof HttpError)
    return withCode(unstored(checked(error.status, error.headers, error.message, TEXT)), code);
  const reported = isOurs(error) ? error : new JackfieldError('HANDLER_FAILED');
  const { status, closes: close } = reported;
  const body = sentenceFor(reported);
  return withCode({ status, fields: ERROR_FIELDS, body, contentLength: undefined, close }, code);
}

/** Undefined for an HttpError without code. Another copy of jackfield may have codes that this one does not have. */
export function codeOf(error: unknown): ErrorCode | undefined {
  const isHttpError = error instanceof HttpError;
  if (!isHttpError && !isOurs(error)) return 'HANDLER_FAILED';
  const { code }: { readonly code?: unknown } = error;
  if (typeof code === 'string' && Object.hasOwn(ERRORS, code)) return code as ErrorCode; // a key of the table
  return isHttpError ? undefined : 'HANDLER_FAILED';
}

/** If a hook turns an error into a success, the answer reports no error. */
export function withCode(answer: Answer, code: ErrorCode | undefined): Answer {
  return code === undefined || answer.status < 400 ? answer : { ...answer, code };
}

/** The same answer with `no-store`, unless the plugin sets Cache-Control. */
function unstored(answer: Answer): Answer {
  const { fields } = answer;
  const says = fields.raw.some((name, at) => at % 2 === 0 && name.toLowerCase() === 'cache-control');
  return says ? answer : { ...answer, fields: deriveFields(fields, () => true, NO_STORE) };
}

/**
 * Faults inside a plugin or a store are only logged: their messages have file paths and server addresses, which clients
 * must not see.
 */
function sentenceFor(error: JackfieldError): string {
  const isInside =
    error.code === 'HANDLER_ANSWER_INVALID' || (error.code.startsWith('STORAGE_') && error.status >= 500);
  return isInside ? new JackfieldError(error.code).message.replace(/:$/, '.') : error.message;
}

/** Errors of the client, and answers that a plugin chose, are not faults of a plugin. */
export function isExpected(error: unknown): boolean {
  if (error instanceof HttpError) return error.status < 500;
  return isOurs(error) && error.status < 500;
}

/** Errors of another copy count too, but it may be any version: so check the properties that we send. */
function isOurs(error: unknown): error is JackfieldError {
  if (!(error instanceof JackfieldError)) return false;
  const { status, message }: { readonly status: unknown; readonly message: unknown } = error;
  return (
    Number.isInteger(status) && Number(status) >= 400 && Number(status) <= 599 && typeof message === 'string'
  );
}

/**
 * The answer after a response hook replaced it. The hook does not get the promised length and the wish to close the
 * connection, so it can replace a body without setting them; if it kept the body, they still apply.
 */
export function replaceAnswer(before: Answer, by: Answer): Answer {
  const contentLength = by.contentLength ?? (by.body === before.body ? before.contentLength : undefined);
  const close = by.close || before.close;
  const { code } = before;
  const isSolved = by.status < 400 && before.status >= 400;
  // One literal for both cases: copying answers is the largest cost of a hook.
  return code === undefined || isSolved
    ? { ...by, contentLength, close }
    : { ...by, contentLength, close, code };
}

/** The parts of an answer that a response hook gets. */
export function toParts(answer: Answer): ShownResponse {
  const { status, fields, handOver, trailers } = answer;
  const headers = shownFields(fields);
  if (handOver !== undefined) {
    const { takeOver, writesHead } = handOver;
    // Hooks expect `headers`, even if they are not sent.
    return writesHead ? { status, headers, takeOver } : { headers, takeOver };
  }
  const parts = shownParts(status, headers, answer);
  return trailers === undefined ? parts : { ...parts, trailers: trailers.source };
}

/** @param answer Whose body and promised length they have. */
export function shownParts(
  status: number,
  headers: ShownResponse['headers'],
  { body, contentLength }: Pick<Answer, 'body' | 'contentLength'>,
): ShownResponse {
  if (contentLength !== undefined && (body === undefined || isStream(body)))
    return body === undefined ? { status, headers, contentLength } : { status, headers, body, contentLength };
  return body === undefined ? { status, headers } : { status, headers, body };
}
