/**
 * An answer while `response` hooks work on it.
 *
 * Most hooks only change fields. The next hook gets such a result unchanged, and the fields are checked once, after the
 * last hook: nothing unchecked is sent, and three hooks cost one check. Every other change is checked before the next
 * hook runs, because that hook must see its effect: the text of `json`, a 304 for a validator that matches, the default
 * content type.
 */
import type { ResponseValue, ShownResponse } from '../api/answer.js';
import type { ExchangeRequest } from '../exchange/exchange-request.js';
import { type Answer, Fields, toParts } from './answer.js';
import { lowerName } from './answer-fields.js';
import { type Blamed, blamed } from './blamed.js';
import { answerTo, withoutLoss } from './checked-answer.js';
import { withoutLostFields } from './hand-over.js';

interface Returned {
  readonly plugin: string;
  readonly value: ResponseValue;
}

export class ResponseDraft {
  readonly #request: ExchangeRequest;
  /** Checked. */
  #answer: Answer;
  /**
   * Results of hooks since `#answer` was checked. Only the last one counts; the others help to find the faulty hook.
   */
  #unchecked: Returned[] = [];

  constructor(request: ExchangeRequest, answer: Answer) {
    this.#request = request;
    this.#answer = answer;
  }

  /** The answer after its last check. */
  get checked(): Answer {
    return this.#answer;
  }

  /** The next hook's own copy of the answer. Errors: a `Blamed` with HANDLER_ANSWER_INVALID. */
  show(): ShownResponse {
    const last = this.#unchecked.at(-1);
    if (last === undefined) return toParts(this.#answer);
    return shownAsIs(this.#answer, last.value) ?? toParts(this.check());
  }

  replace(plugin: string, value: ResponseValue): void {
    this.#unchecked.push({ plugin, value });
  }

  /** Checks the result of the last hook. Errors: a `Blamed` with HANDLER_ANSWER_INVALID. */
  check(): Answer {
    const last = this.#unchecked.at(-1);
    if (last === undefined) return this.#answer;
    try {
      const before = this.#answer;
      this.#answer = withoutLoss(before, this.#checked(last));
      this.#unchecked = [];
      return this.#answer;
    } catch (error) {
      throw blamed(last.plugin, error);
    }
  }

  /** The first hook with an invalid result: a later hook may have passed it on, or failed because of it. */
  culprit(): Blamed | undefined {
    for (const returned of this.#unchecked) {
      try {
        this.#checked(returned);
      } catch (error) {
        return blamed(returned.plugin, error);
      }
    }
    return undefined;
  }

  #checked({ value }: Returned): Answer {
    const shown = this.#answer;
    // The type of a plugin's result is unknown; `answerTo` checks it.
    const fitting = shown.handOver === undefined ? value : (withoutLostFields(shown, value) as ResponseValue);
    return answerTo(this.#request, fitting, shown);
  }
}

/** The result of a hook for the next hook, if it changes only fields; otherwise undefined. */
function shownAsIs(answer: Answer, value: ResponseValue): ShownResponse | undefined {
  const { status, body, fields, handOver, trailers } = answer;
  // A 426 needs an Upgrade field, which is checked with the status.
  if (handOver !== undefined || trailers !== undefined || status === 426) return undefined;
  try {
    if (!isRecord(value)) return undefined;
    for (const name in value)
      if (name !== 'status' && name !== 'headers' && name !== 'body') return undefined;
    if (value.status !== status || value.body !== body) return undefined;
    const headers = copyOfFields(value.headers, fields.raw);
    if (headers === undefined) return undefined;
    return body === undefined ? { status, headers } : { status, headers, body };
  } catch {
    // The name is not a token, or a proxy object throws: the check reports it.
    return undefined;
  }
}

/**
 * A copy with names in lower case. Undefined if a field must be checked before the next hook runs, or if the default
 * type must replace a removed one.
 * @param before Names and values in turn, of the answer that the hook got.
 */
function copyOfFields(fields: unknown, before: readonly string[]): ShownResponse['headers'] | undefined {
  if (!isRecord(fields)) return undefined;
  const copy = new Fields();
  for (const name in fields) {
    const lower = lowerName(name);
    const value = fields[name];
    if (lower === 'connection' || lower === 'content-length') return undefined;
    if ((lower === 'etag' || lower === 'last-modified') && value !== fieldOf(before, lower)) return undefined;
    if (typeof value === 'string') copy[lower] = value;
    else if (isSeveral(value)) copy[lower] = [...value];
    else return undefined;
  }
  const losesType = copy['content-type'] === undefined && fieldOf(before, 'content-type') !== undefined;
  return losesType ? undefined : copy;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null || prototype === Fields.prototype;
  return isPlain && !(Symbol.iterator in value);
}

/** At least two lines. A list of one line must become a string, so it is checked first. */
function isSeveral(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 1 && value.every((line) => typeof line === 'string');
}

/** @param name In lower case. */
function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let at = 0; at < fields.length; at += 2) if (fields[at]!.toLowerCase() === name) return fields[at + 1];
  return undefined;
}
