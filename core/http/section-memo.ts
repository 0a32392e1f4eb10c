/**
 * The last header section of a connection. A client repeats its section on every request of a kept-alive connection,
 * octet for octet, and equal octets have an equal judgement: comparing them once costs less than reading them again.
 */
import { HeaderSection } from './header-section.js';

/** Longer sections hold cookies and tokens, which are not worth their memory on every connection. */
const MAX_OCTETS = 2_048;
/** How often in a row a section may be remembered in vain before this connection gives it up. */
const TRIES = 4;

export class SectionMemo {
  #text = '';
  #minorVersion: 0 | 1 = 1;
  #section: HeaderSection | undefined;
  #triesLeft = TRIES;

  /** Octets of the section that `find` found. */
  get length(): number {
    return this.#text.length;
  }

  /** @returns the section that begins at `start`, where it is the remembered one. */
  find(text: string, start: number, minorVersion: 0 | 1): HeaderSection | undefined {
    if (this.#section === undefined || minorVersion !== this.#minorVersion) return undefined;
    // A slice is a pointer and equality compares memory; `startsWith` goes character by character, which is ten times
    // slower for the section of a browser.
    if (text.slice(start, start + this.#text.length) !== this.#text) return undefined;
    this.#triesLeft = TRIES;
    return this.#section;
  }

  /** @param octets The section from its first field line to its empty line. */
  keep(octets: string, section: HeaderSection, minorVersion: 0 | 1): void {
    if (octets.length > MAX_OCTETS || this.#triesLeft === 0) return;
    this.#triesLeft--;
    // Slices keep the whole text of a read alive; what stays is copied.
    this.#text = ownCopy(octets);
    this.#minorVersion = minorVersion;
    this.#section = new HeaderSection(section.raw.map(ownCopy), minorVersion);
  }

  /** Gives the memory back; a connection that is idle does not need it. */
  forget(): void {
    this.#text = '';
    this.#section = undefined;
    this.#triesLeft = TRIES;
  }
}

function ownCopy(latin1: string): string {
  return Buffer.from(latin1, 'latin1').toString('latin1');
}
