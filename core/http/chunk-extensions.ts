/**
 * The text between a chunk's size and its CR LF, octet by octet:
 * chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ), RFC 9112 §7.1.1.
 * The syntax of extensions is checked; their meaning is ignored.
 */
import { HTAB, IS_FIELD_VALUE, IS_TOKEN, SP } from './octets.js';

export type ExtensionState =
  | 'size' // nothing yet
  | 'before-semicolon' // white space that a semicolon must follow
  | 'before-name'
  | 'name'
  | 'after-name' // white space that a semicolon or an equals sign must follow
  | 'before-value'
  | 'value'
  | 'quoted'
  | 'escaped'
  | 'after-quoted';

const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Whether the line may end in this state. */
export function mayEnd(state: ExtensionState): boolean {
  return state === 'size' || state === 'name' || state === 'value' || state === 'after-quoted';
}

/** @returns the state after this octet, or undefined if the octet is not allowed here. */
export function extend(state: ExtensionState, octet: number): ExtensionState | undefined {
  const white = octet === SP || octet === HTAB;
  switch (state) {
    case 'size':
    case 'before-semicolon':
    case 'after-quoted':
      if (white) return 'before-semicolon';
      return octet === SEMICOLON ? 'before-name' : undefined;
    case 'before-name':
      if (white) return state;
      return IS_TOKEN[octet] === 1 ? 'name' : undefined;
    case 'name':
    case 'after-name':
      if (white) return 'after-name';
      if (octet === EQUALS) return 'before-value';
      if (octet === SEMICOLON) return 'before-name';
      return state === 'name' && IS_TOKEN[octet] === 1 ? state : undefined;
    case 'before-value':
      if (white) return state;
      if (octet === QUOTE) return 'quoted';
      return IS_TOKEN[octet] === 1 ? 'value' : undefined;
    case 'value':
      if (white) return 'before-semicolon';
      if (octet === SEMICOLON) return 'before-name';
      return IS_TOKEN[octet] === 1 ? state : undefined;
    case 'quoted':
      if (octet === QUOTE) return 'after-quoted';
      if (octet === BACKSLASH) return 'escaped';
      return IS_FIELD_VALUE[octet] === 1 ? state : undefined;
    case 'escaped':
      return IS_FIELD_VALUE[octet] === 1 ? 'quoted' : undefined;
  }
}
