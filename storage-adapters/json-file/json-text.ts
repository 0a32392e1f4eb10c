/**
 * The text form of the data: one JSON object of strings, an entry a line, in creation order.
 *
 * `JSON.parse` will not do for reading: it puts keys that look like indexes first, merges repeated keys and knows
 * no positions. So the object is read here entry by entry, and `JSON.parse` reads the strings.
 */
import { isUtf8 } from 'node:buffer';
import { StorageError } from '../../core/storage/contract.js';

/** One entry as a line without its end. */
export function lineOf(key: string, value: string): string {
  return `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`;
}

/**
 * The pairs of the object, in the order of the file.
 * Errors: STORAGE_CORRUPT with `file:line:column` and what to do.
 * @param file Its name, for errors.
 */
export function pairsIn(octets: Uint8Array, file: string): Map<string, string> {
  return new Reader(textOf(octets, file), file).object();
}

/** UTF-8, where a byte order mark is no part of the text. Errors: STORAGE_CORRUPT. */
export function textOf(octets: Uint8Array, file: string): string {
  if (isUtf8(octets)) return new TextDecoder().decode(octets);
  const lax = new TextDecoder('utf-8', { ignoreBOM: true }).decode(octets);
  const again = Buffer.from(lax);
  const wrongAt = again.findIndex((octet, at) => octet !== octets[at]);
  const before = Buffer.from(octets.subarray(0, wrongAt)).toString();
  throw corrupt(file, before, before.length, 'these octets are not UTF-8. Save the file as UTF-8.');
}

export function corrupt(file: string, text: string, at: number, sentence: string): StorageError {
  const lineStart = text.lastIndexOf('\n', at - 1) + 1;
  const line = text.slice(0, lineStart).split('\n').length;
  return new StorageError('STORAGE_CORRUPT', `${file}:${line}:${at - lineStart + 1}: ${sentence}`);
}

const WHITE_SPACE = /[ \t\n\r]*/y;
/** The beginnings of values that are JSON, but not strings. */
const OTHER_VALUE = /-?\d|true|false|null|[[{]/y;

class Reader {
  readonly #text: string;
  readonly #file: string;
  #at = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  object(): Map<string, string> {
    const pairs = new Map<string, string>();
    this.#skipWhiteSpace();
    if (this.#at === this.#text.length) {
      this.#fail('the file is empty. Write {} for a store without entries, or remove the file.');
    }
    this.#take('{', 'the data is one JSON object; here it begins with something else.');
    this.#skipWhiteSpace();
    if (this.#text[this.#at] === '}') this.#at += 1;
    else {
      do this.#pair(pairs);
      while (this.#goesOn());
    }
    this.#skipWhiteSpace();
    if (this.#at < this.#text.length) this.#fail('something follows the end of the object. Remove it.');
    return pairs;
  }

  #pair(pairs: Map<string, string>): void {
    this.#skipWhiteSpace();
    const keyAt = this.#at;
    if (this.#text[keyAt] === '}') this.#fail('the comma before this } has to go.');
    const key = this.#string('a key in double quotes is missing here.');
    if (key === '') this.#fail('an entry needs a key that is not empty.', keyAt);
    if (pairs.has(key))
      this.#fail(`the key ${JSON.stringify(key)} stands twice. Keep one of the two.`, keyAt);
    this.#skipWhiteSpace();
    this.#take(':', 'a colon is missing between key and value.');
    this.#skipWhiteSpace();
    OTHER_VALUE.lastIndex = this.#at;
    if (OTHER_VALUE.test(this.#text)) this.#fail('values are strings. Put this one in double quotes.');
    pairs.set(key, this.#string('a value in double quotes is missing here.'));
  }

  /** Whether a comma says that another pair follows. */
  #goesOn(): boolean {
    this.#skipWhiteSpace();
    const next = this.#text[this.#at];
    if (next !== ',' && next !== '}') this.#fail('a comma or the closing } is missing here.');
    this.#at += 1;
    return next === ',';
  }

  #string(otherwise: string): string {
    const start = this.#at;
    if (this.#text[start] !== '"') this.#fail(otherwise);
    let end = start;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end === -1) this.#fail('this string has no closing double quote.');
    } while (this.#isEscaped(end));
    this.#at = end + 1;
    const literal = this.#text.slice(start, end + 1);
    let string: unknown;
    try {
      string = JSON.parse(literal);
    } catch {
      this.#fail('this string holds a line break, another control character or an unknown escape.', start);
    }
    if (typeof string !== 'string') this.#fail(otherwise, start);
    // Only an escape like \ud83d can do that; no store could give it back as UTF-8.
    if (/\p{Surrogate}/u.test(string)) this.#fail('this string holds an escape for half a character.', start);
    return string;
  }

  /** Whether an odd number of backslashes stands before. */
  #isEscaped(quoteAt: number): boolean {
    let at = quoteAt;
    while (this.#text[at - 1] === '\\') at -= 1;
    return (quoteAt - at) % 2 === 1;
  }

  #take(character: string, otherwise: string): void {
    if (this.#text[this.#at] !== character) this.#fail(otherwise);
    this.#at += 1;
  }

  #skipWhiteSpace(): void {
    WHITE_SPACE.lastIndex = this.#at;
    WHITE_SPACE.test(this.#text);
    this.#at = WHITE_SPACE.lastIndex;
    if (this.#text[this.#at] === '/') this.#fail('JSON has no comments. Remove it.');
  }

  #fail(sentence: string, at = this.#at): never {
    throw corrupt(this.#file, this.#text, at, sentence);
  }
}
