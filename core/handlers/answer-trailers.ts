/** Fields behind a body, RFC 9110 §6.5: which may be there, and their text when the body has ended. */

import type { ResponseParts } from '../api/answer.js';
import { formatFields } from '../http/response-head.js';
import { checkField, lastSpellings } from './answer-fields.js';
import { invalid } from './invalid-answer.js';

type Given = NonNullable<ResponseParts['trailers']>;

export interface AnswerTrailers {
  readonly given: Given;
  /** Announced in the field Trailer (§6.6.2); empty where none is known beforehand. */
  readonly names: readonly string[];
}

/** What has to be known before the body, or would be believed by who merges trailers into the header (§6.5.1). */
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
  // How the content is to be taken
  ...['content-encoding', 'content-type', 'content-range', 'content-language', 'content-location'],
]);

/** Errors: HANDLER_ANSWER_INVALID, for names at once, for values when they are asked for. */
export function toTrailers(given: unknown): AnswerTrailers {
  // The function is the plugin's own; what it gives is checked when it is called.
  if (typeof given === 'function') return { given: given as Given, names: [] };
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid('Its trailers are neither an object of names and values nor a function.');
  const entries = Object.entries<unknown>(lastSpellings(given as Record<string, unknown>));
  for (const [name, value] of entries) checkTrailer(name, typeof value === 'function' ? '' : value);
  // Every value was looked at.
  return { given: given as Given, names: entries.map(([name]) => name) };
}

/** The field lines, when the body has ended. */
export async function trailerText({ given }: AnswerTrailers): Promise<string> {
  const record: unknown = typeof given === 'function' ? await given() : given;
  if (typeof record !== 'object' || record === null)
    throw invalid('Its trailers are not an object of names and values.');
  const raw: string[] = [];
  for (const [name, value] of Object.entries(lastSpellings(record as Record<string, unknown>))) {
    const told: unknown = typeof value === 'function' ? await value() : value;
    checkTrailer(name, told);
    // Checked to be a text in the line before.
    raw.push(name, told as string);
  }
  return formatFields(raw);
}

function checkTrailer(name: string, value: unknown): void {
  if (FORBIDDEN.has(checkField(name, value)))
    throw invalid(`The field ${name} is not allowed in a trailer section (RFC 9110 §6.5.1).`);
}
