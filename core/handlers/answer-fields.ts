/**
 * The headers of an answer, checked and formatted for the wire. Names and values cannot inject lines, and only the core
 * sets framing fields.
 */

import { inspect } from 'node:util';
import type { ResponseParts } from '../api/answer.js';
import { ERRORS, JackfieldError } from '../errors.js';
import { isEntityTag } from '../http/entity-tag.js';
import { FieldLines } from '../http/field-lines.js';
import { parseHttpDate } from '../http/http-date.js';
import { isToken } from '../http/octets.js';
import type { Validators } from '../http/preconditions.js';
import { isProtocolList } from '../http/protocols.js';
import { FieldText, formatFields } from '../http/response-head.js';
import { invalid } from './invalid-answer.js';

/** A set of headers after the check, without framing fields and Connection. */
export interface AnswerFields {
  /** Names and values in turn, in their original spelling. */
  readonly raw: readonly string[];
  /** `raw` as text for the wire. */
  readonly text: FieldText;
  /** The Content-Length of the headers, if they have one. */
  readonly contentLength: string | undefined;
  readonly close: boolean;
  /** The Content-Type that was added because the headers have none. */
  readonly defaultType: string | undefined;
  /** Set if the headers have ETag or Last-Modified: such an answer is conditional. */
  readonly validators: Validators | undefined;
  /** Made by `shownFields` at its first call. */
  shown: ShownFields | undefined;
}

/**
 * Fields by their names in lower case. It inherits nothing, so that a name is there only if the answer has it. V8 makes
 * every object of `Object.create(null)` a slow hash table; those of a class are as fast as other objects.
 */
class ShownFields {
  [name: string]: string | string[];
}
Object.setPrototypeOf(ShownFields.prototype, null);
Reflect.deleteProperty(ShownFields.prototype, 'constructor');

/** @returns whether it is an object of names and values. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null || prototype === ShownFields.prototype;
  return isPlain && !(Symbol.iterator in value);
}

/** What a hook is shown: its own copy. */
export function shownFields(fields: AnswerFields): ShownFields {
  const { shown } = fields;
  if (shown !== undefined) return Object.assign(new ShownFields(), shown);
  const { raw } = fields;
  const copy = new ShownFields();
  let hasLists = false;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    const value = raw[at + 1]!;
    const before = copy[name];
    hasLists ||= before !== undefined;
    copy[name] = before === undefined ? value : [before, value].flat();
  }
  // The copies of a list would share it.
  if (!hasLists) fields.shown = Object.assign(new ShownFields(), copy);
  return copy;
}

/** The same from what a hook returned. */
export function emptyFields(): Record<string, string | readonly string[]> {
  return new ShownFields() as Record<string, string | readonly string[]>;
}

/** Frozen headers are checked once: they cannot change afterwards. Plugins freeze headers that they send often. */
const FROZEN = new WeakMap<object, AnswerFields>();
/** Fields of answers without headers, by the type of their body: text, octets, JSON. */
const BARE = new Map<string | undefined, AnswerFields>();

/**
 * @param type The Content-Type if the headers have none.
 * @param before The answer that a response hook got.
 * @throws JackfieldError HANDLER_ANSWER_INVALID.
 */
export function checkedFields(
  headers: ResponseParts['headers'],
  type: string | undefined,
  before?: AnswerFields,
): AnswerFields {
  const known = headers === undefined ? BARE.get(type) : FROZEN.get(headers);
  if (known !== undefined && (known.defaultType === undefined || known.defaultType === type)) return known;
  const fresh = checkFields(headers, type, before);
  if (headers === undefined) BARE.set(type, fresh);
  // If there was an answer before, this check may have accepted a validator that is refused elsewhere.
  else if (before === undefined && (headers instanceof FieldLines || isDeeplyFrozen(headers)))
    FROZEN.set(headers, fresh);
  return fresh;
}

function isDeeplyFrozen(headers: object): boolean {
  // The content of a Headers or a Map can change even if the object is frozen.
  if (Symbol.iterator in headers) return false;
  return Object.isFrozen(headers) && Object.values(headers).every((value) => Object.isFrozen(value));
}

function checkFields(
  headers: ResponseParts['headers'],
  type: string | undefined,
  before?: AnswerFields,
): AnswerFields {
  const raw: string[] = [];
  let contentLength: string | undefined;
  let close = false;
  let hasType = false;
  let hasDate = false;
  let etag: string | undefined;
  let modified: string | undefined;
  let upgrades = false;
  const take = (name: string, lower: string, value: unknown): void => {
    checkValue(name, value);
    if (lower === 'content-length') contentLength = checkRepeatedLength(contentLength, value);
    else if (lower === 'connection') close = checkConnection(value) || close;
    else raw.push(name, value);
    if (lower === 'content-type') hasType = true;
    else if (lower === 'date') hasDate = true;
    // Two lines are a list, and neither of these fields allows a list (RFC 9110 §5.3).
    else if (lower === 'etag') etag = etag === undefined ? value : `${etag}, ${value}`;
    else if (lower === 'last-modified') modified = modified === undefined ? value : `${modified}, ${value}`;
    else if (lower === 'upgrade') upgrades = checkUpgrade(value);
  };
  const isRecord = headers !== undefined && isRecordOf(headers);
  const names: string[] = [];
  for (const [name, value] of entriesOf(headers)) {
    const lower = lowerName(name);
    if (isRecord) {
      // The list of names is short, so searching it is faster than a set.
      if (names.includes(lower)) return checkFields(lastSpellings(headers), type, before);
      names.push(lower);
    }
    if (Array.isArray(value)) for (const one of value) take(name, lower, one);
    else take(name, lower, value);
  }
  const defaultType = hasType ? undefined : type;
  if (defaultType !== undefined) raw.unshift('Content-Type', defaultType);
  const validators =
    etag === undefined && modified === undefined
      ? undefined
      : // Headers and FieldLines often come from another server, whose mistakes are not the plugin's.
        toValidators(
          etag,
          modified,
          headers instanceof Headers || headers instanceof FieldLines ? 'lenient' : before,
        );
  return {
    raw,
    text: new FieldText(formatFields(raw), hasDate, upgrades),
    contentLength,
    close,
    defaultType,
    validators,
    shown: undefined,
  };
}

/**
 * For headers from a configuration, so that a fault is found at the start and not with each request.
 * @returns what is wrong, as a sentence; undefined if a handler may return them.
 */
export function headersFault(headers: Readonly<Record<string, string>>): string | undefined {
  try {
    const { contentLength } = checkedFields(headers, undefined);
    return contentLength === undefined ? undefined : 'Content-Length is set by the server.';
  } catch (error) {
    if (!(error instanceof JackfieldError)) throw error;
    // Behind the sentence of the error stands what is wrong.
    return error.message.slice(ERRORS.HANDLER_ANSWER_INVALID.sentence.length + 1).replace(/^Its /, '');
  }
}

/** One name in two spellings is one field; the last one wins, as with equal spellings. */
export function lastSpellings<Value>(fields: Readonly<Record<string, Value>>): Record<string, Value> {
  const last = new Map<string, [string, Value]>();
  for (const [name, value] of Object.entries(fields)) last.set(name.toLowerCase(), [name, value]);
  return Object.fromEntries(last.values());
}

/**
 * An invalid value from elsewhere is passed on and not used for conditions; an invalid value from the plugin is an
 * error of the plugin.
 * @param from `lenient`: the value comes from elsewhere. Fields: those of the answer that a hook got; values that they
 *   already had are accepted.
 */
function toValidators(
  etag: string | undefined,
  modified: string | undefined,
  from: AnswerFields | 'lenient' | undefined,
): Validators | undefined {
  const isTag = etag !== undefined && isEntityTag(etag);
  const lastModified = modified === undefined ? undefined : parseHttpDate(modified);
  if (from !== 'lenient') {
    if (etag !== undefined && !isTag && !holds(from, 'etag', etag))
      throw invalid(`Its ETag is ${etag}; an entity tag needs quotes (RFC 9110 §8.8.3).`);
    if (modified !== undefined && lastModified === undefined && !holds(from, 'last-modified', modified))
      throw invalid(
        `Its Last-Modified is ${modified}, which is not a date in the form of toUTCString() (RFC 9110 §5.6.7).`,
      );
  }
  return isTag || lastModified !== undefined ? { etag: isTag ? etag : undefined, lastModified } : undefined;
}

/** Whether these fields have this value under this name, with all its lines joined. */
function holds(fields: AnswerFields | undefined, name: string, value: string): boolean {
  if (fields === undefined) return false;
  const lines = fields.raw.filter((_, at) => at % 2 === 1 && fields.raw[at - 1]!.toLowerCase() === name);
  return lines.join(', ') === value;
}

/**
 * A copy with some fields removed and some added.
 * @param keeps Called with names in lower case; returns whether to keep the field.
 * @param more Added names and values, in turn.
 */
export function deriveFields(
  fields: AnswerFields,
  keeps: (name: string) => boolean,
  more: readonly string[] = [],
): AnswerFields {
  const raw: string[] = [];
  let hasDate = false;
  let upgrades = false;
  for (let at = 0; at < fields.raw.length; at += 2) {
    const name = fields.raw[at]!.toLowerCase();
    hasDate ||= name === 'date';
    upgrades ||= name === 'upgrade';
    if (keeps(name)) raw.push(fields.raw[at]!, fields.raw[at + 1]!);
  }
  raw.push(...more);
  return {
    ...fields,
    raw,
    text: new FieldText(formatFields(raw), hasDate, upgrades),
    contentLength: undefined,
    shown: undefined,
  };
}

/** Fields about the content or the connection: they are judged with the answer as a whole. */
const NOT_ADDED = new Set([
  'connection',
  'content-length',
  'content-type',
  'date',
  'etag',
  'last-modified',
  'upgrade',
]);

/**
 * The fields with others, in place of those with the same names; `Vary` is added to that of the answer.
 * @throws JackfieldError HANDLER_ANSWER_INVALID.
 */
export function addFields(fields: AnswerFields, added: Readonly<Record<string, string>>): AnswerFields {
  const more: string[] = [];
  const replaced: string[] = [];
  for (const name in added) {
    const value = added[name];
    const lower = checkField(name, value);
    if (NOT_ADDED.has(lower)) throw invalid(`A hook of the stage "fields" sets ${name}; use "response".`);
    more.push(name, value!);
    if (lower !== 'vary' && hasField(fields, lower)) replaced.push(lower);
  }
  if (more.length === 0) return fields;
  const { contentLength } = fields;
  if (replaced.length > 0)
    return { ...deriveFields(fields, (name) => !replaced.includes(name), more), contentLength };
  return { ...fields, raw: [...fields.raw, ...more], text: fields.text.with(formatFields(more)) };
}

function hasField({ raw }: AnswerFields, lower: string): boolean {
  for (let at = 0; at < raw.length; at += 2) if (lowerName(raw[at]!) === lower) return true;
  return false;
}

function checkRepeatedLength(before: string | undefined, value: string): string {
  if (before !== undefined && before !== value)
    throw invalid(`It sets Content-Length twice, ${before} and ${value}.`);
  return value;
}

function entriesOf(headers: ResponseParts['headers']): Iterable<[string, unknown]> {
  if (headers === undefined) return [];
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw invalid('Its headers are neither a Headers nor an object of names and values.');
  }
  return isRecordOf(headers)
    ? Object.entries(headers)
    : // Treat any other iterable as pairs; each is checked.
      (headers as unknown as Iterable<[string, unknown]>);
}

/** Whether it is an object of names and values, not a Headers or another list of pairs. */
function isRecordOf(
  headers: NonNullable<ResponseParts['headers']>,
): headers is Readonly<Record<string, string | readonly string[]>> {
  return typeof headers === 'object' && !(headers instanceof Headers) && !(Symbol.iterator in headers);
}

/** HTAB, SP, visible ASCII and obs-text, without white space at either end (RFC 9110 §5.5). */
const FIELD_VALUE = /^(?![ \t])[\t\x20-\x7e\x80-\xff]*(?<![ \t])$/;

/** Valid names and their lower-case form: answers repeat the same few names. */
const NAMES = new Map<string, string>();
/** More than all plugins use; upstream servers and clients may send any number of names. */
const MAX_NAMES = 500;

/** @returns the name in lower case. */
export function checkField(name: string, value: unknown): string {
  const lower = lowerName(name);
  checkValue(name, value);
  return lower;
}

/** Errors: HANDLER_ANSWER_INVALID if it is not a token, or if only the core may set this field. */
export function lowerName(name: string): string {
  return NAMES.get(name) ?? checkName(name);
}

function checkValue(name: string, value: unknown): asserts value is string {
  if (typeof value !== 'string' || !FIELD_VALUE.test(value)) {
    throw invalid(`The value of its field ${name} is not one line of latin1 text: ${describe(value)}.`);
  }
}

/** `JSON.stringify` throws for a BigInt and returns undefined for a function. */
function describe(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value)
    : inspect(value, { depth: 0, breakLength: Infinity });
}

function checkName(name: string): string {
  if (!isToken(name)) throw invalid(`Its field name ${JSON.stringify(name)} is not a token (RFC 9110 §5.1).`);
  const lower = name.toLowerCase();
  if (lower === 'transfer-encoding' || lower === 'trailer' || lower === 'keep-alive') {
    throw invalid(`It sets ${name}, which only the server may set.`);
  }
  // A copy, because a slice of a message would keep the whole message in memory.
  if (NAMES.size < MAX_NAMES) NAMES.set(Buffer.from(name, 'latin1').toString('latin1'), lower);
  return lower;
}

function checkConnection(value: string): boolean {
  const option = value.trim().toLowerCase();
  if (option === 'close') return true;
  // The core adds these itself.
  if (option === 'keep-alive' || option === 'upgrade') return false;
  throw invalid(`Its Connection field says ${JSON.stringify(value)}; a handler may only ask for "close".`);
}

function checkUpgrade(value: string): true {
  if (!isProtocolList(value))
    throw invalid(
      `Its Upgrade field is ${JSON.stringify(value)}, which is not a list of protocols (RFC 9110 §7.8).`,
    );
  return true;
}

/** One Content-Type and no other field: enough for most answers. */
export function onlyType(type: string): AnswerFields {
  return checkFields(undefined, type);
}
