/** Fields after a body, RFC 9110 §6.5: which are allowed, and their text when the body has ended. */

import type { ResponseParts } from '../api/answer.js';
import { formatFields } from '../http/response-head.js';
import { checkField, lastSpellings } from './answer-fields.js';
import { invalid } from './invalid-answer.js';

type Trailers = NonNullable<ResponseParts['trailers']>;

export interface AnswerTrailers {
  readonly source: Trailers;
  /** Names to announce in the field Trailer (§6.6.2); empty if none is known before the body. */
  readonly names: readonly string[];
}

/**
 * Fields that must be known before the body, or that mislead a recipient which merges trailers into the header
 * (§6.5.1).
 */
const FORBIDDEN = new Set([
  // Framing and the connection
  ...['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection'],
  ...['te', 'trailer', 'upgrade', 'via'],
  // Routing, controls and conditions
  ...['host', 'cache-control', 'expect', 'max-forwards', 'pragma', 'range', 'if-match', 'if-none-match'],
  ...['if-modified-since', 'if-unmodified-since', 'if-range', 'age', 'date', 'expires', 'location'],
  ...['retry-after', 'vary', 'warning', 'allow'],
  // Authentication and state
  ...[
    'authorization',
    'proxy-authorization',
    'www-authenticate',
    'proxy-authenticate',
    'cookie',
    'set-cookie',
  ],
  // Interpretation of the content
  ...['content-encoding', 'content-type', 'content-range', 'content-language', 'content-location'],
]);

/** Errors: HANDLER_ANSWER_INVALID; thrown now for names, and later for values. */
export function toTrailers(source: unknown): AnswerTrailers {
  // The plugin's own function; its result is checked when it is called.
  if (typeof source === 'function') return { source: source as Trailers, names: [] };
  if (typeof source !== 'object' || source === null || Array.isArray(source))
    throw invalid('Its trailers are neither an object of names and values nor a function.');
  const entries = Object.entries<unknown>(lastSpellings(source as Record<string, unknown>));
  for (const [name, value] of entries) checkTrailer(name, typeof value === 'function' ? '' : value);
  // Every value was checked above.
  return { source: source as Trailers, names: entries.map(([name]) => name) };
}

/** Returns the field lines; called when the body has ended. */
export async function trailerText({ source }: AnswerTrailers): Promise<string> {
  const record: unknown = typeof source === 'function' ? await source() : source;
  if (typeof record !== 'object' || record === null)
    throw invalid('Its trailers are not an object of names and values.');
  const raw: string[] = [];
  for (const [name, value] of Object.entries(lastSpellings(record as Record<string, unknown>))) {
    const text: unknown = typeof value === 'function' ? await value() : value;
    checkTrailer(name, text);
    // The line before checks that it is a string.
    raw.push(name, text as string);
  }
  return formatFields(raw);
}

function checkTrailer(name: string, value: unknown): void {
  if (FORBIDDEN.has(checkField(name, value)))
    throw invalid(`The field ${name} is not allowed in a trailer section (RFC 9110 §6.5.1).`);
}
