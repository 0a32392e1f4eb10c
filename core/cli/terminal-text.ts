/**
 * Octets from the network as text for a terminal. What came from outside must not drive it: every control
 * character but TAB and line ends is written as an escape such as `\x1b`, and so are octets that are not UTF-8.
 */
import { isUtf8 } from 'node:buffer';

// C0, DEL and C1 controls, and the characters that reorder or break lines though they look like nothing.
const UNSAFE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** CR LF becomes a plain line end; a CR alone would write over its line, so it is an escape. */
export function terminalText(text: string): string {
  return text
    .replace(/\r\n/g, '\n')
    .replace(/\r/g, '\\x0d')
    .replace(UNSAFE, (character) => escapeOf(character.charCodeAt(0)));
}

/** One piece after the other, where a character or a CR LF may be cut in two. */
export class TerminalDecoder {
  #held = Buffer.alloc(0);

  /** The text that is whole by now. */
  write(octets: Uint8Array): string {
    const all = Buffer.concat([this.#held, octets]);
    const whole = all.length - heldBack(all);
    this.#held = all.subarray(whole);
    return textOf(all.subarray(0, whole));
  }

  /** What was held back though nothing more comes. */
  end(): string {
    const rest = this.#held;
    this.#held = Buffer.alloc(0);
    return textOf(rest);
  }
}

export function terminalTextOf(octets: Uint8Array): string {
  return textOf(Buffer.from(octets));
}

/** How many octets at the end may be the beginning of something: a CR, or a character of up to four octets. */
function heldBack(octets: Buffer): number {
  if (octets.at(-1) === 0x0d) return 1;
  for (let back = 1; back <= Math.min(3, octets.length); back++) {
    const octet = octets[octets.length - back]!;
    if (octet < 0x80) return 0;
    // A leading octet says how many octets its character has.
    if (octet >= 0xc0) return lengthOf(octet) > back ? back : 0;
  }
  return 0;
}

function lengthOf(leading: number): number {
  return leading >= 0xf0 ? 4 : leading >= 0xe0 ? 3 : leading >= 0xc0 ? 2 : 1;
}

function textOf(octets: Buffer): string {
  if (isUtf8(octets)) return terminalText(octets.toString('utf8'));
  let text = '';
  for (let at = 0; at < octets.length; ) {
    const leading = octets[at]!;
    const character = octets.subarray(at, at + lengthOf(leading));
    text += isUtf8(character) ? character.toString('utf8') : escapeOf(leading);
    at += isUtf8(character) ? character.length : 1;
  }
  return terminalText(text);
}

function escapeOf(code: number): string {
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}
