/**
 * Which of the offered media types a client prefers.
 * Source: RFC 9110 §12.5.1 (Accept), §12.4.2 (weights), §8.3.1 (media types).
 */

/** An element of Accept: a range, how precisely it names a type, and its weight. */
interface MediaRange {
  readonly type: string;
  readonly subtype: string;
  /** `name=value`, the charset left out. */
  readonly parameters: readonly string[];
  /** 0 to 1; 0 is "not acceptable". */
  readonly weight: number;
}

interface Preference {
  readonly weight: number;
  readonly precision: number;
}

const NAMES = /^([!#$%&'*+.^_`|~0-9a-z-]+)\/([!#$%&'*+.^_`|~0-9a-z-]+)$/;
const WEIGHT = /^q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

/**
 * The offer with the highest weight. Where weights are equal, the one that the client named more precisely, so that
 * a wildcard behind `application/json` does not undo it; at last the one that is offered first. That one is also the
 * answer where nothing is acceptable: RFC 9110 §12.4.1 lets a server answer as if there were no Accept.
 * @param accept The field value; a malformed element of it is read past.
 * @param offers Media types in lower case and without parameters, the server's favourite first.
 */
export function preferredType<Offer extends string>(
  accept: string | undefined,
  offers: readonly [Offer, ...Offer[]],
): Offer {
  let best = offers[0];
  if (accept === undefined || accept === '*/*') return best;
  const ranges = splitUnquoted(accept.toLowerCase(), ',').flatMap((element) => mediaRange(element) ?? []);
  let bestPreference: Preference = { weight: 0, precision: 0 };
  for (const offer of offers) {
    const preference = preferenceFor(offer, ranges);
    if (isStronger(preference, bestPreference)) {
      best = offer;
      bestPreference = preference;
    }
  }
  return best;
}

/** The most precise range that covers the offer decides its weight, whatever the other ranges say. */
function preferenceFor(offer: string, ranges: readonly MediaRange[]): Preference {
  let found: Preference = { weight: 0, precision: 0 };
  for (const range of ranges) {
    const precision = precisionFor(offer, range);
    if (precision > found.precision) found = { weight: range.weight, precision };
  }
  return found;
}

/** 0: does not cover the offer; 1: every type; 2: the type; 3: the type and the subtype. */
function precisionFor(offer: string, { type, subtype, parameters }: MediaRange): 0 | 1 | 2 | 3 {
  // No offer has parameters, so a range that asks for some (`text/plain;format=flowed`) means something else.
  if (parameters.length > 0) return 0;
  if (offer === `${type}/${subtype}`) return 3;
  if (subtype !== '*') return 0;
  if (type === '*') return 1;
  return offer.startsWith(`${type}/`) ? 2 : 0;
}

function isStronger(one: Preference, other: Preference): boolean {
  // However precisely a type is refused, that is no preference for it.
  if (one.weight === 0) return false;
  return one.weight > other.weight || (one.weight === other.weight && one.precision > other.precision);
}

/** `undefined` where the element is malformed: a preference that cannot be read is none. */
function mediaRange(element: string): MediaRange | undefined {
  const [range = '', ...rest] = splitUnquoted(element, ';').map((part) => part.trim());
  const names = NAMES.exec(range);
  if (names === null) return undefined;
  const [, type = '', subtype = ''] = names;
  if (type === '*' && subtype !== '*') return undefined;

  const parameters: string[] = [];
  let weight = 1;
  for (const parameter of rest) {
    if (parameter.startsWith('q=')) {
      const digits = WEIGHT.exec(parameter)?.[1];
      if (digits === undefined) return undefined;
      weight = Number(digits);
      break; // What follows the weight was an extension of RFC 7231, and RFC 9110 has none.
    }
    // Everything here is UTF-8, and clients add charset=utf-8 even to JSON, which has no such parameter.
    if (parameter !== '' && !parameter.startsWith('charset=')) parameters.push(parameter);
  }
  return { type, subtype, parameters, weight };
}

/** Splits where the separator stands outside of a quoted string (RFC 9110 §5.6.4). */
function splitUnquoted(text: string, separator: ',' | ';'): string[] {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '"') quoted = !quoted;
    else if (character === '\\' && quoted) at += 1;
    else if (character === separator && !quoted) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
