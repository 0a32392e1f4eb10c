/**
 * The text form of the data: one JSON object of strings, one entry per line, in creation order.
 *
 * `JSON.parse` cannot read it: it moves keys that look like indexes to the front, merges repeated keys and reports no
 * positions. So this file reads the object entry by entry, from the octets: slices of one string would keep the whole
 * file in memory, and a string cannot hold more than 512 MiB. `JSON.parse` only reads strings with escapes.
 */
import { isUtf8 } from 'node:buffer';
import { StorageError } from '../../core/storage/contract.js';

/** One entry as a line, without the line end. */
export function lineOf(key: string, value: string): string {
  return `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`;
}

/**
 * Passes each pair of the object to `take`, in the order of the file.
 * @param take Returns false if it already has this key.
 * @param file The file's name, for errors.
 * Errors: STORAGE_CORRUPT with `file:line:column` and what to do.
 */
export function readPairs(
  octets: Uint8Array,
  file: string,
  take: (key: string, value: string) => boolean,
): void {
  mustBeUtf8(octets, file);
  new ObjectReader(octets, file, take).object();
}

/** Decodes UTF-8 and drops a byte order mark. Errors: STORAGE_CORRUPT. */
export function textOf(octets: Uint8Array, file: string): string {
  mustBeUtf8(octets, file);
  return new TextDecoder().decode(octets);
}

function mustBeUtf8(octets: Uint8Array, file: string): void {
  if (isUtf8(octets)) return;
  const lax = new TextDecoder('utf-8', { ignoreBOM: true }).decode(octets);
  const again = Buffer.from(lax);
  const wrongAt = again.findIndex((octet, at) => octet !== octets[at]);
  const before = Buffer.from(octets.subarray(0, wrongAt)).toString();
  throw corrupt(file, before, before.length, 'these bytes are not UTF-8. Save the file as UTF-8.');
}

export function corrupt(file: string, text: string, at: number, sentence: string): StorageError {
  const lineStart = text.lastIndexOf('\n', at - 1) + 1;
  const line = text.slice(0, lineStart).split('\n').length;
  return new StorageError('STORAGE_CORRUPT', `${file}:${line}:${at - lineStart + 1}: ${sentence}`);
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const SLASH = 0x2f;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPENING = 0x7b;
const CLOSING = 0x7d;

/** The beginnings of JSON values that are not strings. */
const OTHER_VALUE = /^(?:-?\d|true|false|null|[[{])/;

class ObjectReader {
  readonly #octets: Buffer;
  readonly #file: string;
  readonly #take: (key: string, value: string) => boolean;
  #at = 0;

  constructor(octets: Uint8Array, file: string, take: (key: string, value: string) => boolean) {
    this.#octets = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
    this.#file = file;
    this.#take = take;
    if (octets[0] === 0xef && octets[1] === 0xbb && octets[2] === 0xbf) this.#at = 3;
  }

  object(): void {
    this.#skipWhiteSpace();
    if (this.#at === this.#octets.length) {
      this.#fail('the file is empty. Write {} for a store without entries, or remove the file.');
    }
    this.#expect(OPENING, 'the data must be one JSON object; this is something else.');
    this.#skipWhiteSpace();
    if (this.#octets[this.#at] === CLOSING) this.#at += 1;
    else {
      do this.#pair();
      while (this.#goesOn());
    }
    this.#skipWhiteSpace();
    if (this.#at < this.#octets.length) this.#fail('there is text after the end of the object. Remove it.');
  }

  #pair(): void {
    this.#skipWhiteSpace();
    const keyAt = this.#at;
    if (this.#octets[keyAt] === CLOSING) this.#fail('remove the comma before this }.');
    const key = this.#string('a key in double quotes is missing here.');
    if (key === '') this.#fail('an entry needs a key that is not empty.', keyAt);
    const keyEnd = this.#at;
    this.#skipWhiteSpace();
    this.#expect(COLON, 'a colon is missing between key and value.');
    this.#skipWhiteSpace();
    if (this.#octets[this.#at] !== QUOTE) {
      const next = this.#octets.toString('latin1', this.#at, this.#at + 5);
      if (OTHER_VALUE.test(next)) this.#fail('values are strings. Put this one in double quotes.');
    }
    const value = this.#string('a value in double quotes is missing here.');
    if (this.#take(key, value)) return;
    const literal = this.#octets.toString('utf8', keyAt, keyEnd);
    this.#fail(`the key ${JSON.stringify(JSON.parse(literal))} occurs twice. Keep one of the two.`, keyAt);
  }

  /** Whether another pair follows after a comma. */
  #goesOn(): boolean {
    this.#skipWhiteSpace();
    const next = this.#octets[this.#at];
    if (next !== COMMA && next !== CLOSING) this.#fail('a comma or the closing } is missing here.');
    this.#at += 1;
    return next === COMMA;
  }

  #string(otherwise: string): string {
    const octets = this.#octets;
    const start = this.#at;
    if (octets[start] !== QUOTE) this.#fail(otherwise);
    let isPlain = true;
    let isAscii = true;
    let end = start + 1;
    for (; octets[end] !== QUOTE; end += 1) {
      if (end >= octets.length) this.#fail('this string has no closing double quote.', start);
      const octet = octets[end]!;
      if (octet >= 0x80) isAscii = false;
      else if (octet === BACKSLASH) {
        isPlain = false;
        end += 1;
      } else if (octet < 0x20) isPlain = false;
    }
    this.#at = end + 1;
    if (isPlain)
      return isAscii ? octets.toString('latin1', start + 1, end) : octets.toString('utf8', start + 1, end);
    let string: unknown;
    try {
      string = JSON.parse(octets.toString('utf8', start, end + 1));
    } catch {
      this.#fail('this string contains a line break, another control character or an unknown escape.', start);
    }
    if (typeof string !== 'string') this.#fail(otherwise, start);
    // Only an escape like \ud83d can produce this; no store could return it as UTF-8.
    if (/\p{Surrogate}/u.test(string))
      this.#fail('this string contains an escape for half a character.', start);
    return string;
  }

  #expect(octet: number, otherwise: string): void {
    if (this.#octets[this.#at] !== octet) this.#fail(otherwise);
    this.#at += 1;
  }

  #skipWhiteSpace(): void {
    for (;;) {
      const octet = this.#octets[this.#at];
      if (octet === SLASH) this.#fail('JSON has no comments. Remove it.');
      if (octet !== 0x20 && octet !== 0x0a && octet !== 0x0d && octet !== 0x09) return;
      this.#at += 1;
    }
  }

  #fail(sentence: string, at = this.#at): never {
    const before = new TextDecoder().decode(this.#octets.subarray(0, at));
    throw corrupt(this.#file, before, before.length, sentence);
  }
}
