/**
 * A JSON file that people write by hand. Comments and trailing commas are allowed; repeated keys are an error. The
 * document knows the position of every value and key.
 */
import { createRequire } from 'node:module';
import type { Node, ParseError } from 'jsonc-parser';
import { type ErrorCode, JackfieldError } from '../errors.js';

// `require`, because Node's preparation for the first import of a CommonJS module takes longer than loading this one.
const { createScanner, parseTree, printParseErrorCode } = createRequire(import.meta.url)(
  'jsonc-parser',
) as typeof import('jsonc-parser');

export interface JsonDocument {
  readonly value: unknown;
  /**
   * `file:line:column`, both from 1, of the value at this path or of its key. If there is no such value: of the nearest
   * enclosing value. Columns count UTF-16 units, as editors do.
   */
  locate(path: readonly PropertyKey[], part?: 'key' | 'value'): string;
}

/**
 * @param file The name of the file in error messages.
 * @param codes The error codes for invalid syntax and for a repeated key.
 */
export function parseJson(
  text: string,
  file: string,
  codes: { readonly syntax: ErrorCode; readonly repeated: ErrorCode },
): JsonDocument {
  const lines = lineStartsOf(text);
  const at = (offset: number): string => `${file}:${positionOf(lines, offset)}`;
  const errors: ParseError[] = [];
  const tooDeep = tooDeepAt(text);
  if (tooDeep !== undefined) {
    const sentence = `more than ${MAX_DEPTH} values are nested in each other`;
    throw new JackfieldError(codes.syntax, `${at(tooDeep)}: ${sentence}.`);
  }
  const root = parseTree(text, errors, { allowTrailingComma: true });
  // The errors after the first are mostly consequences of it.
  const [first] = errors;
  if (first !== undefined || root === undefined) {
    const offset = first?.offset ?? 0;
    throw new JackfieldError(codes.syntax, `${at(offset)}: ${sentenceOf(text, first)}.`);
  }
  const repeated: string[] = [];
  const report: ReportRepeated = (key, earlier) => {
    const line = positionOf(lines, earlier.offset).split(':')[0];
    repeated.push(
      `${at(key.offset)}: the key ${JSON.stringify(key.value)} occurs twice, first on line ${line}`,
    );
  };
  const value = readValue(root, report);
  if (repeated.length > 0) throw new JackfieldError(codes.repeated, repeated.join('\n'));
  return {
    value,
    locate: (path, part = 'value') => at(nodeAt(root, path, part).offset),
  };
}

/** Files that people write are not ten levels deep. The parser and all readers of the value are recursive. */
const MAX_DEPTH = 100;
/** jsonc-parser names these values in a `const enum`, which exists only for the compiler. */
const OPENS = [1, 3];
const CLOSES = [2, 4];
const END = 17;

/** The offset of the first value that is nested too deeply. */
function tooDeepAt(text: string): number | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (let token = scanner.scan(); token !== END; token = scanner.scan()) {
    if (OPENS.includes(token)) depth += 1;
    else if (CLOSES.includes(token)) depth -= 1;
    if (depth > MAX_DEPTH) return scanner.getTokenOffset();
  }
  return undefined;
}

type ReportRepeated = (key: Node, earlier: Node) => void;

function readValue(node: Node, report: ReportRepeated): unknown {
  if (node.type === 'array') return (node.children ?? []).map((child) => readValue(child, report));
  if (node.type !== 'object') return node.value as unknown;
  const object: Record<string, unknown> = {};
  const keys = new Map<string, Node>();
  for (const { children } of node.children ?? []) {
    const [key, value] = children ?? [];
    if (key === undefined || value === undefined) continue;
    const name = String(key.value);
    const earlier = keys.get(name);
    if (earlier === undefined) keys.set(name, key);
    else report(key, earlier);
    // Defined, not assigned: assigning `__proto__` would change the prototype, and validation would not see the key.
    Object.defineProperty(object, name, {
      value: readValue(value, report),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
  return object;
}

function nodeAt(root: Node, path: readonly PropertyKey[], part: 'key' | 'value'): Node {
  let node = root;
  for (const [depth, segment] of path.entries()) {
    const [key, value] = childrenAt(node, segment);
    if (value === undefined) return node;
    if (part === 'key' && key !== undefined && depth === path.length - 1) return key;
    node = value;
  }
  return node;
}

/** The key and value nodes of a property; only a value node for an element of an array. */
function childrenAt(node: Node, segment: PropertyKey): readonly [key?: Node | undefined, value?: Node] {
  const children = node.children ?? [];
  if (node.type === 'array') {
    const element = children[Number(segment)];
    return element === undefined ? [] : [undefined, element];
  }
  if (node.type !== 'object') return [];
  const property = children.find((child) => child.children?.[0]?.value === String(segment));
  const [key, value] = property?.children ?? [];
  return key === undefined || value === undefined ? [] : [key, value];
}

/** The offsets of line starts; a line ends in LF, CR LF or CR. */
function lineStartsOf(text: string): number[] {
  return [0, ...Array.from(text.matchAll(/\r\n|\n|\r/g), (end) => end.index + end[0].length)];
}

/** `line:column`, both from 1. */
function positionOf(lineStarts: readonly number[], offset: number): string {
  let line = lineStarts.findLastIndex((start) => start <= offset);
  if (line < 0) line = 0;
  return `${line + 1}:${offset - lineStarts[line]! + 1}`;
}

function sentenceOf(text: string, error: ParseError | undefined): string {
  if (text.trim() === '') return 'the file is empty; the smallest JSON object is {}';
  if (error === undefined) return 'a value is missing';
  const found = text.slice(error.offset, error.offset + Math.max(error.length, 1));
  switch (printParseErrorCode(error.error)) {
    case 'InvalidSymbol':
      return sentenceOfSymbol(found, text.slice(error.offset + error.length));
    case 'InvalidNumberFormat':
    case 'UnexpectedEndOfNumber':
      return `${JSON.stringify(found)} is not a whole number or decimal fraction`;
    case 'PropertyNameExpected':
      return 'a key in double quotes is expected';
    case 'ValueExpected':
      return 'a value is missing';
    case 'ColonExpected':
      return 'a colon is missing between key and value';
    case 'CommaExpected':
      return /(?:^|[^\w.])-?0$/.test(text.slice(0, error.offset)) && /^\d/.test(found)
        ? 'a number must not begin with zeros'
        : 'a comma is missing';
    case 'CloseBraceExpected':
      return '"}" expected';
    case 'CloseBracketExpected':
      return '"]" expected';
    case 'EndOfFileExpected':
      return 'there is text after the end of the value';
    case 'InvalidCommentToken':
    case 'UnexpectedEndOfComment':
      return 'a comment is not closed with "*/"';
    case 'UnexpectedEndOfString':
      return 'a string is not closed with a double quote on its line';
    case 'InvalidUnicode':
      return 'four hexadecimal digits are expected after "\\u"';
    case 'InvalidEscapeCharacter':
      return 'a backslash does not begin a valid escape; write a backslash as "\\\\"';
    case 'InvalidCharacter':
      return 'a string contains a control character; write it as an escape such as "\\t"';
    default:
      return 'this is not JSON';
  }
}

/** Words and signs that JSON does not have; most are habits from another language. */
function sentenceOfSymbol(found: string, rest: string): string {
  if (/^['`\u2018-\u201f\u00ab]/.test(found)) return 'strings need double quotes';
  if (found.startsWith('#')) return 'a comment begins with "//"';
  if (/^\s*:/.test(rest)) return `the key ${found} needs double quotes: "${found}"`;
  return `${visible(found)} is not a JSON value`;
}

/** In quotes, with escapes for invisible characters, such as a no-break space. */
function visible(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[^\P{Z} ]|\p{C}/gu,
    (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
