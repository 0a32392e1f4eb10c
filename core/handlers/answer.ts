/**
 * What a handler returned, checked and in one form. Nothing a plugin returns reaches the wire unchecked: names and
 * values cannot inject lines, framing fields stay the core's own, a status is one.
 */
import { JackfieldError } from '../errors.js';
import { isToken } from '../http/octets.js';
import { FieldText, formatFields } from '../http/response-head.js';
import type { ResponseBody, ResponseParts, ResponseValue } from '../plugin-api.js';
import { HttpError } from './http-error.js';

export interface Answer {
  readonly status: number;
  readonly fields: AnswerFields;
  readonly body: ResponseBody | undefined;
  /** The length that the plugin promised for a body whose length cannot be seen (a stream, an answer to HEAD). */
  readonly contentLength: number | undefined;
  /** The plugin or the error wants the connection closed behind this answer. */
  readonly close: boolean;
}

/** What a set of headers comes to, checked. Neither framing fields nor Connection are among them. */
export interface AnswerFields {
  /** Names and values in turn, in the spelling they were given in. */
  readonly raw: readonly string[];
  /** `raw` as it goes over the wire. */
  readonly text: FieldText;
  /** As given, where it was. */
  readonly contentLength: string | undefined;
  readonly close: boolean;
  /** The Content-Type that was added because they named none. */
  readonly defaultType: string | undefined;
}

const TEXT = 'text/plain; charset=utf-8';
const TEXT_FIELDS = onlyType(TEXT);
const OCTET_FIELDS = onlyType('application/octet-stream');

function onlyType(type: string): AnswerFields {
  const raw = ['Content-Type', type];
  const text = new FieldText(formatFields(raw), false);
  return { raw, text, contentLength: undefined, close: false, defaultType: type };
}

/** @throws JackfieldError HANDLER_ANSWER_INVALID, with what is wrong as its detail. */
export function toAnswer(value: ResponseValue): Answer {
  if (typeof value === 'string')
    return { status: 200, fields: TEXT_FIELDS, body: value, contentLength: undefined, close: false };
  if (value instanceof Uint8Array || isAsyncIterable(value)) {
    return { status: 200, fields: OCTET_FIELDS, body: value, contentLength: undefined, close: false };
  }
  if (typeof value !== 'object' || value === null) {
    const hint = value === undefined ? ' Return { status: 204 } where there is nothing to say.' : '';
    throw invalid(`It returned ${String(value)}.${hint}`);
  }
  if (Array.isArray(value)) throw invalid('It returned a list. For JSON return { json: … }.');
  return isWebResponse(value) ? fromWebResponse(value) : fromParts(value);
}

function fromParts(parts: ResponseParts): Answer {
  for (const name in parts) {
    if (name !== 'status' && name !== 'headers' && name !== 'body' && name !== 'json') {
      throw invalid(
        `Its answer has a part "${name}"; there are status, headers, body and json. For JSON return { json: … }.`,
      );
    }
  }
  if (parts.body !== undefined && parts.json !== undefined)
    throw invalid('Its answer has both a body and json.');
  const body = parts.json === undefined ? parts.body : toJson(parts.json);
  const status = parts.status ?? (body === undefined ? 204 : 200);
  return checked(status, parts.headers, body, defaultType(parts));
}

function defaultType({ body, json }: ResponseParts): string | undefined {
  if (json !== undefined) return 'application/json';
  if (body === undefined) return undefined;
  return typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

function toJson(value: unknown): string {
  try {
    const text: string | undefined = JSON.stringify(value);
    if (text !== undefined) return text;
  } catch (cause) {
    throw invalid('Its json cannot be written as JSON.', cause);
  }
  throw invalid('Its json cannot be written as JSON.');
}

/** By shape: a Response may come from another copy of the fetch implementation. */
function isWebResponse(value: object): value is Response {
  return 'bodyUsed' in value && 'headers' in value && 'status' in value;
}

function fromWebResponse(response: Response): Answer {
  if (response.bodyUsed) throw invalid('The body of its Response was read already.');
  // The web stream is an async iterable in Node, which the DOM's type does not say.
  const body = (response.body ?? undefined) as AsyncIterable<Uint8Array> | undefined;
  return checked(response.status, response.headers, body, undefined);
}

function isAsyncIterable(value: unknown): value is AsyncIterable<string | Uint8Array> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

/** Whether the body comes bit by bit. */
export function isStream(body: Answer['body']): boolean {
  return typeof body === 'object' && !(body instanceof Uint8Array);
}

function checked(
  status: number,
  headers: ResponseParts['headers'],
  body: unknown,
  type: string | undefined,
): Answer {
  // 1xx are never final; 101 is the core's own.
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw invalid(`Its status is ${String(status)}; a final status is a whole number from 200 to 599.`);
  }
  if (
    body !== undefined &&
    typeof body !== 'string' &&
    !(body instanceof Uint8Array) &&
    !isAsyncIterable(body)
  ) {
    throw invalid('Its body is no string, bytes or stream. For JSON return { json: … }.');
  }
  const bodyless = status === 204 || status === 205 || status === 304;
  if (bodyless && body !== undefined && (typeof body !== 'string' || body !== '')) {
    throw invalid(`A ${status} answer has no body (RFC 9110 §6.4.1).`);
  }
  const fields = checkedFields(headers, type);
  const contentLength =
    fields.contentLength === undefined ? undefined : checkLength(fields.contentLength, body);
  return { status, fields, body: bodyless ? undefined : body, contentLength, close: fields.close };
}

/** Frozen headers are checked once: they cannot change afterwards. Plugins freeze what they send every time. */
const FROZEN = new WeakMap<object, AnswerFields>();

function checkedFields(headers: ResponseParts['headers'], type: string | undefined): AnswerFields {
  const known = headers === undefined ? undefined : FROZEN.get(headers);
  if (known !== undefined && (known.defaultType === undefined || known.defaultType === type)) return known;
  const fresh = checkFields(headers, type);
  if (headers !== undefined && isDeeplyFrozen(headers)) FROZEN.set(headers, fresh);
  return fresh;
}

function isDeeplyFrozen(headers: object): boolean {
  // Freezing a Headers or a Map keeps nobody from changing what it holds.
  if (Symbol.iterator in headers) return false;
  return Object.isFrozen(headers) && Object.values(headers).every((value) => Object.isFrozen(value));
}

function checkFields(headers: ResponseParts['headers'], type: string | undefined): AnswerFields {
  const raw: string[] = [];
  let contentLength: string | undefined;
  let close = false;
  let hasType = false;
  let hasDate = false;
  const take = (name: string, value: string): void => {
    const lower = checkField(name, value);
    if (lower === 'content-length') contentLength = checkRepeatedLength(contentLength, value);
    else if (lower === 'connection') close = checkConnection(value) || close;
    else raw.push(name, value);
    if (lower === 'content-type') hasType = true;
    else if (lower === 'date') hasDate = true;
  };
  for (const [name, value] of entriesOf(headers)) {
    if (Array.isArray(value)) for (const one of value) take(name, one);
    else take(name, value as string);
  }
  const defaultType = hasType ? undefined : type;
  if (defaultType !== undefined) raw.unshift('Content-Type', defaultType);
  return { raw, text: new FieldText(formatFields(raw), hasDate), contentLength, close, defaultType };
}

function checkRepeatedLength(before: string | undefined, value: string): string {
  if (before !== undefined && before !== value)
    throw invalid(`It sets Content-Length twice, ${before} and ${value}.`);
  return value;
}

function entriesOf(headers: ResponseParts['headers']): Iterable<[string, string | readonly string[]]> {
  if (headers === undefined) return [];
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw invalid('Its headers are neither a Headers nor an object of names and values.');
  }
  return headers instanceof Headers || Symbol.iterator in headers
    ? (headers as unknown as Iterable<[string, string]>)
    : Object.entries(headers);
}

/** HTAB, SP, visible ASCII and obs-text, without white space at either end (RFC 9110 §5.5). */
const FIELD_VALUE = /^(?![ \t])[\t\x20-\x7e\x80-\xff]*(?<![ \t])$/;

/** @returns the name in lower case. */
function checkField(name: string, value: unknown): string {
  if (!isToken(name)) throw invalid(`Its field name ${JSON.stringify(name)} is not a token (RFC 9110 §5.1).`);
  if (typeof value !== 'string' || !FIELD_VALUE.test(value)) {
    throw invalid(`The value of its field ${name} is not one line of latin1 text: ${JSON.stringify(value)}.`);
  }
  const lower = name.toLowerCase();
  if (lower === 'transfer-encoding' || lower === 'trailer' || lower === 'upgrade' || lower === 'keep-alive') {
    throw invalid(`It sets ${name}, which is the connection's own.`);
  }
  return lower;
}

function checkLength(value: string, body: unknown): number {
  const length = /^[0-9]{1,15}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isNaN(length)) throw invalid(`Its Content-Length is ${JSON.stringify(value)}.`);
  const actual =
    typeof body === 'string' ? Buffer.byteLength(body) : body instanceof Uint8Array ? body.length : undefined;
  if (actual !== undefined && actual !== length) {
    throw invalid(`Its Content-Length is ${length}, its body has ${actual} octets.`);
  }
  return length;
}

function checkConnection(value: string): boolean {
  const option = value.trim().toLowerCase();
  if (option === 'close') return true;
  if (option === 'keep-alive') return false;
  throw invalid(`Its Connection field says ${JSON.stringify(value)}; a handler may only ask for "close".`);
}

function invalid(detail: string, cause?: unknown): JackfieldError {
  return new JackfieldError('HANDLER_ANSWER_INVALID', detail, { cause });
}

/** The answer that tells an error to the client: its sentence as text. */
export function errorAnswer(error: unknown): Answer {
  if (error instanceof HttpError) return checked(error.status, error.headers, error.message, TEXT);
  const told = error instanceof JackfieldError ? error : new JackfieldError('HANDLER_FAILED');
  const { status, closes: close } = told;
  return { status, fields: TEXT_FIELDS, body: sentenceFor(told), contentLength: undefined, close };
}

/** What is wrong inside a plugin is for the log, not for the client. */
function sentenceFor(error: JackfieldError): string {
  return error.code === 'HANDLER_ANSWER_INVALID' ? new JackfieldError(error.code).message : error.message;
}

/** The parts that a response hook is shown. */
export function toParts({ status, fields: { raw }, body }: Answer): ResponseParts {
  const headers: Record<string, string | string[]> = Object.create(null);
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    const value = raw[at + 1]!;
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  return body === undefined ? { status, headers } : { status, headers, body };
}
