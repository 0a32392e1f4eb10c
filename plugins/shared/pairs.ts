/**
 * The pairs in the body of a request, in each form that `create` and `update` accept.
 *
 * The text itself is parsed, without an object in between: order, repeated keys and the digits of numbers stay as the
 * client wrote them.
 */
import {
  JackfieldError,
  type MaybePromise,
  type Request,
  type ResponseParts,
} from '../../core/plugin-api.js';
import { mustNotBeCoded } from './stored-body.js';

export interface Pair {
  /** Never blank. */
  readonly key: string;
  readonly value: string;
}

export type PairsBody =
  | { readonly text: string; readonly pairs: readonly [Pair, ...Pair[]] }
  | { readonly refusal: ResponseParts };

const refuse = (status: number, body: string): { readonly refusal: ResponseParts } => ({
  refusal: { status, body },
});

/**
 * Reads the body and makes the first three checks of the classic protocol, each over all pairs before the next. Errors:
 * those of `request.text()`, BODY_NOT_JSON and CONTENT_CODING_UNSUPPORTED.
 */
export async function readPairs(request: Pick<Request, 'headers' | 'text'>): Promise<PairsBody> {
  const mediaType = mediaTypeOf(request.headers['content-type'] ?? '');
  if (mediaType === 'multipart/form-data') {
    return refuse(
      415,
      'Send the pairs as "key: value&key2: value2", as a JSON object or as a URL-encoded form.',
    );
  }
  mustNotBeCoded(request);
  const text = await request.text();
  if (text.trim() === '') return refuse(400, 'There is no content. Please check');

  const found = pairsOf(text, mediaType);
  const pairs = found instanceof Promise ? await found : found;
  if (pairs === undefined) return refuse(400, 'Key-value format is not valid.');
  if (!isSome(pairs)) return refuse(400, 'There is no content. Please check');
  if (pairs.some(({ key }) => key.trim() === '')) return refuse(400, 'Key value does not exist or is blank.');
  return { text, pairs };
}

function mediaTypeOf(contentType: string): string {
  const end = contentType.indexOf(';');
  return (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}

function isSome(pairs: readonly Pair[]): pairs is readonly [Pair, ...Pair[]] {
  return pairs.length > 0;
}

/** `undefined` if one pair is invalid. */
function pairsOf(text: string, mediaType: string): MaybePromise<readonly Pair[] | undefined> {
  if (mediaType === 'application/json' || mediaType.endsWith('+json')) return jsonPairs(text);
  // curl -d gives every body this type, classic ones too, so the body must also look like a form.
  if (mediaType === 'application/x-www-form-urlencoded' && looksLikeForm(text)) return formPairs(text);
  return classicPairs(text);
}

/** `key: value&key2: value2`, white space around keys and values trimmed; a value may contain `:`. */
function classicPairs(text: string): readonly Pair[] | undefined {
  return eachPair(text, ':', (part) => part.trim());
}

/** Every part has a `=`, and no `:` before it. */
function looksLikeForm(text: string): boolean {
  return text.split('&').every((part) => /^[^:=]*=/.test(part));
}

/** As the URL standard writes forms, except that octets that are not UTF-8 are refused, not replaced. */
function formPairs(text: string): readonly Pair[] | undefined {
  try {
    return eachPair(text, '=', (part) => decodeURIComponent(part.replaceAll('+', ' ')));
  } catch {
    return undefined; // A URIError: a malformed escape.
  }
}

function eachPair(text: string, sign: ':' | '=', read: (part: string) => string): Pair[] | undefined {
  const pairs: Pair[] = [];
  for (let start = 0, end = 0; start <= text.length; start = end + 1) {
    const next = text.indexOf('&', start);
    end = next === -1 ? text.length : next;
    const at = text.indexOf(sign, start);
    if (at === -1 || at >= end) return undefined;
    pairs.push({ key: read(text.slice(start, at)), value: read(text.slice(at + 1, end)) });
  }
  return pairs;
}

/** The members of one flat object; numbers and booleans as written. */
async function jsonPairs(text: string): Promise<readonly Pair[] | undefined> {
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new JackfieldError('BODY_NOT_JSON', cause instanceof Error ? cause.message : '', { cause });
  }
  // Imported with the first such body: the start does not need it.
  const { createScanner } = await import('jsonc-parser');
  // A scanner: a tree is built by recursion, and a body of brackets would exhaust the stack.
  const scanner = createScanner(text, true);
  const next = () => {
    scanner.scan();
    return text.charAt(scanner.getTokenOffset());
  };
  if (next() !== '{') return undefined;
  const pairs: Pair[] = [];
  while (next() === '"') {
    const key = scanner.getTokenValue();
    next(); // The colon.
    if (['{', '[', 'n'].includes(next())) return undefined; // An object, an array or null.
    pairs.push({ key, value: scanner.getTokenValue() });
    next(); // A comma or the closing brace.
  }
  return pairs;
}
