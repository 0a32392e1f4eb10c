/**
 * A value as JSON. `JSON.stringify` writes a Promise or a Map as `{}`, so without this check a forgotten `await` is a
 * 200.
 */
import { reasonOf } from '../errors.js';
import { invalid } from './invalid-answer.js';

/** Errors: HANDLER_ANSWER_INVALID if JSON cannot represent the value or a value inside it. */
export function jsonText(value: unknown): string {
  if (isThenable(value)) throw invalid('Its json is a promise. Await it first.');
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw invalid(`Its json cannot be written as JSON: ${reasonOf(cause)}.`, cause);
  }
  if (text === undefined)
    throw invalid(
      `Its json is ${value === undefined ? 'undefined' : `a ${typeof value}`}, which JSON cannot hold. For no content return { status: 204 }.`,
    );
  // Every value that loses its content is written as `{}`. This search costs a thousandth of writing.
  if (text.includes('{}')) mustKeepContent(value);
  return text;
}

/** A list instead of recursion: JSON may be nested deeper than the stack allows. */
function mustKeepContent(whole: unknown): void {
  const left: { readonly value: unknown; readonly at: string }[] = [{ value: whole, at: '' }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { value, at } = next;
    // The object itself chooses the result of its `toJSON`.
    if (typeof value !== 'object' || value === null || 'toJSON' in value) continue;
    const lost = lostContent(value);
    if (lost !== undefined)
      throw invalid(`Its json holds ${lost}${at === '' ? '' : ` at ${at}`}, which JSON writes as {}.`);
    for (const [name, inner] of Object.entries(value)) left.push({ value: inner, at: `${at}/${name}` });
  }
}

/** The kind of an object whose content JSON omits; undefined for other objects. */
function lostContent(value: object): string | undefined {
  if (isThenable(value)) return 'a promise';
  if (Array.isArray(value) || ArrayBuffer.isView(value) || Object.keys(value).length > 0) return undefined;
  const tag = Object.prototype.toString.call(value).slice('[object '.length, -1);
  return WRITTEN.has(tag) ? undefined : `a ${tag}`;
}

/** Plain objects and instances of classes without own fields, which are empty; boxed values, which JSON unboxes. */
const WRITTEN = new Set(['Object', 'String', 'Number', 'Boolean']);

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
