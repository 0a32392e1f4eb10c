/** Which octets are allowed in which element, as tables of 256: one look-up per octet. */

function table(allowed: (octet: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) => (allowed(octet) ? 1 : 0));
}

const codes = (characters: string): Set<number> => new Set(Buffer.from(characters, 'latin1'));
const isAlphanumeric = (octet: number): boolean => /[0-9A-Za-z]/.test(String.fromCharCode(octet));

const TOKEN_MARKS = codes("!#$%&'*+-.^_`|~");
/** tchar, RFC 9110 §5.6.2. */
export const IS_TOKEN = table((octet) => isAlphanumeric(octet) || TOKEN_MARKS.has(octet));

/** field-vchar, SP and HTAB, RFC 9110 §5.5: no control characters; obs-text (0x80 to 0xFF) is opaque data. */
export const IS_FIELD_VALUE = table((octet) => octet === 0x09 || (octet >= 0x20 && octet !== 0x7f));

/**
 * The octets of a request target. RFC 3986 allows fewer, but browsers follow the WHATWG URL standard and send ``[ ] ^ `
 * { | }`` unescaped. Never allowed: white space, control characters, 8-bit octets, `"`, `<`, `>`, `\` and `#` (a
 * fragment is not part of a request target, RFC 9112 §3.2).
 */
const TARGET_MARKS = codes("-._~:/?[]@!$&'()*+,;=%^`{|}");
export const IS_TARGET = table((octet) => isAlphanumeric(octet) || TARGET_MARKS.has(octet));

/** The value of a hexadecimal digit; 255 for every other octet. */
export const HEX_VALUE = Uint8Array.from({ length: 256 }, (_, octet) => {
  const value = Number.parseInt(String.fromCharCode(octet), 16);
  return Number.isNaN(value) ? 255 : value;
});

export const HTAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
export const SP = 0x20;
export const PERCENT = 0x25;
export const SLASH = 0x2f;
export const COLON = 0x3a;
export const QUESTION_MARK = 0x3f;

/** Whether a latin1 string is not empty and all its octets are in the table. */
export function isAll(text: string, allowed: Uint8Array): boolean {
  for (let at = 0; at < text.length; at++) {
    if (allowed[text.charCodeAt(at)] !== 1) return false;
  }
  return text.length > 0;
}

/** A token, RFC 9110 §5.6.2: the syntax of methods and field names. */
export function isToken(text: string): boolean {
  return isAll(text, IS_TOKEN);
}

/** Removes optional white space (RFC 9110 §5.6.3) at both ends, in time linear in the length. */
export function trimBlanks(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

export function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}
