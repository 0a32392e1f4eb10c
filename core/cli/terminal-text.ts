/**
 * Text for a terminal from octets of the network. Outside text must not control the terminal: every control character
 * except TAB and line ends is escaped, such as `\x1b`, and so are octets that are not UTF-8.
 */
import { isUtf8 } from 'node:buffer';

// C0, DEL and C1 controls, and invisible characters that reorder text or break lines.
const UNSAFE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** CR LF becomes a plain line end. A CR alone would overwrite its line, so it is escaped. */
export function terminalText(text: string): string {
  return text
    .replace(/\r\n/g, '\n')
    .replace(/\r/g, '\\x0d')
    .replace(UNSAFE, (character) => escapeOf(character.charCodeAt(0)));
}

/** Decodes piece by piece; a piece may end inside a character or a CR LF. */
export class TerminalDecoder {
  #incomplete = Buffer.alloc(0);

  /** The complete text so far. */
  write(octets: Uint8Array): string {
    const all = Buffer.concat([this.#incomplete, octets]);
    const whole = all.length - incompleteOctets(all);
    this.#incomplete = all.subarray(whole);
    return textOf(all.subarray(0, whole));
  }

  /** The octets that were held back, when there are no more. */
  end(): string {
    const rest = this.#incomplete;
    this.#incomplete = Buffer.alloc(0);
    return textOf(rest);
  }
}

export function terminalTextOf(octets: Uint8Array): string {
  return textOf(Buffer.from(octets));
}

/** How many octets at the end may be incomplete: a CR, or a character of up to four octets. */
function incompleteOctets(octets: Buffer): number {
  if (octets.at(-1) === 0x0d) return 1;
  for (let back = 1; back <= Math.min(3, octets.length); back++) {
    const octet = octets[octets.length - back]!;
    if (octet < 0x80) return 0;
    // The leading octet says how many octets its character has.
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
