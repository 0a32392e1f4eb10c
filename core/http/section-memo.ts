/**
 * The last header section of a connection. A client repeats its section octet for octet on every request of a
 * kept-alive connection, and equal octets give equal results: one comparison costs less than parsing again. If the
 * client sends bodies, often only the length of the body differs.
 */
import { HeaderSection } from './header-section.js';

/** Longer sections hold cookies and tokens, which are not worth their memory on every connection. */
const MAX_OCTETS = 2_048;
/** How many sections in a row may be kept without a match before this connection stops remembering. */
const TRIES = 4;
/** Digits of a Content-Length that may differ; numbers with more digits are not exact. */
const MAX_DIGITS = 15;
const LENGTH_FIELD = /(?:^|\n)content-length:[ \t]*(\d+)[ \t]*\r/i;

const ZERO = 0x30;
const NINE = 0x39;
const NO_DIGITS = { from: 0, to: 0, valueAt: 0 };

export class SectionMemo {
  #text = '';
  #minorVersion: 0 | 1 = 1;
  #section: HeaderSection | undefined;
  /** Where the digits of Content-Length are in the text, and the index of its value in the section's `raw`. */
  #digits = NO_DIGITS;
  #triesLeft = TRIES;

  /** Octets of the section that `find` returned. */
  get length(): number {
    return this.#text.length;
  }

  /** @returns the section that begins at `start`, if it is the remembered one. */
  find(text: string, start: number, minorVersion: 0 | 1): HeaderSection | undefined {
    if (this.#section === undefined || minorVersion !== this.#minorVersion) return undefined;
    // A slice is a pointer, and equality compares memory; `startsWith` compares characters, which is ten times slower
    // for the section of a browser.
    const isSame = text.slice(start, start + this.#text.length) === this.#text;
    const section = isSame ? this.#section : this.#withOtherLength(text, start, this.#section);
    if (section !== undefined) this.#triesLeft = TRIES;
    return section;
  }

  /** Accepts only the same number of digits, so every limit on octets gives the same result as before. */
  #withOtherLength(text: string, start: number, known: HeaderSection): HeaderSection | undefined {
    const { from, to, valueAt } = this.#digits;
    if (from === to) return undefined;
    if (text.slice(start, start + from) !== this.#text.slice(0, from)) return undefined;
    if (text.slice(start + to, start + this.#text.length) !== this.#text.slice(to)) return undefined;
    for (let at = start + from; at < start + to; at++) {
      const octet = text.charCodeAt(at);
      if (octet < ZERO || octet > NINE) return undefined;
    }
    const raw = known.raw.slice();
    raw[valueAt] = text.slice(start + from, start + to);
    const section = new HeaderSection(raw, this.#minorVersion);
    section.allowedBy = known.allowedBy;
    return section;
  }

  /** @param octets The section from its first field line to its empty line. */
  keep(octets: string, section: HeaderSection, minorVersion: 0 | 1): void {
    if (octets.length > MAX_OCTETS || this.#triesLeft === 0) return;
    this.#triesLeft--;
    // A slice keeps the whole text of a read in memory, so copy it.
    this.#text = ownCopy(octets);
    this.#minorVersion = minorVersion;
    this.#section = new HeaderSection(section.raw.map(ownCopy), minorVersion);
    this.#digits = digitsOf(this.#text, section);
  }
}

function digitsOf(text: string, { raw, framing }: HeaderSection): typeof NO_DIGITS {
  const names = raw.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
  const name = names.indexOf('content-length');
  if (framing.kind !== 'length' || name !== names.lastIndexOf('content-length')) return NO_DIGITS;
  const found = LENGTH_FIELD.exec(text);
  const digits = found?.[1] ?? '';
  if (found === null || digits.length > MAX_DIGITS) return NO_DIGITS;
  const from = text.indexOf(digits, found.index + found[0].indexOf(':'));
  return { from, to: from + digits.length, valueAt: 2 * name + 1 };
}

function ownCopy(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('latin1');
}
