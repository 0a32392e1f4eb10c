/**
 * Fields that are sent line by line as they were given, for programs that forward messages of others: several lines of
 * one name stay several (RFC 9110 §5.3), an entity tag that is not valid stays as it is, and no Content-Type is added.
 */
import { IS_FIELD_VALUE, isAll, isBlank, isToken } from './octets.js';
import { formatFields } from './response-head.js';

export class FieldLines implements Iterable<readonly [name: string, value: string]> {
  /** Names and values in turn. */
  readonly raw: readonly string[];
  /** As they go over the wire. */
  readonly text: string;

  /**
   * @param raw Names and values in turn, in any case.
   * @throws TypeError if a name is not a token, or a value is not one line of latin1 text without blanks at its ends.
   */
  constructor(raw: readonly string[]) {
    for (let at = 0; at < raw.length; at += 2) {
      if (!isToken(raw[at]!) || !isValue(raw[at + 1]))
        throw new TypeError(`This is not a field line: ${JSON.stringify(raw.slice(at, at + 2))}.`);
    }
    this.raw = raw;
    this.text = formatFields(raw);
  }

  *[Symbol.iterator](): IterableIterator<readonly [name: string, value: string]> {
    const { raw } = this;
    for (let at = 0; at < raw.length; at += 2) yield [raw[at]!, raw[at + 1]!];
  }
}

function isValue(value: string | undefined): boolean {
  if (typeof value !== 'string') return false;
  if (value === '') return true;
  return (
    isAll(value, IS_FIELD_VALUE) &&
    !isBlank(value.charCodeAt(0)) &&
    !isBlank(value.charCodeAt(value.length - 1))
  );
}
