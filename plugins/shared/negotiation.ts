/**
 * What a client prefers of what is on offer.
 * Source: RFC 9110 §12.5.1 (Accept), §12.5.3 (Accept-Encoding), §12.4.2 (weights).
 */
import { createRequire } from 'node:module';

/** What we call of the package, which has no types for the second argument. */
interface Negotiator {
  /** @param available Without it, what the client names. */
  mediaTypes(available?: readonly string[]): string[];
  /** @param options `preferred`: which of equally weighted codings comes first. */
  encodings(available: readonly string[], options?: { readonly preferred: readonly string[] }): string[];
}

type Make = new (request: { readonly headers: Readonly<Record<string, string>> }) => Negotiator;
let Made: Make | undefined;

/** Loaded with the first field that needs it, so that a start loads no package. */
function negotiatorOf(name: 'accept' | 'accept-encoding', value: string): Negotiator {
  Made ??= createRequire(import.meta.url)('negotiator') as Make;
  return new Made({ headers: { [name]: value } });
}

/**
 * @param accept The field value; undefined if there is none.
 * @param offers Media types in lower case and without parameters, the server's favourite first.
 * @returns The offer with the highest weight. If nothing is acceptable it is the first: RFC 9110 §12.4.1 lets a server
 *   answer as if there were no Accept.
 */
export function preferredType<Offer extends string>(
  accept: string | undefined,
  offers: readonly [Offer, ...Offer[]],
): Offer {
  if (accept === undefined || accept === '*/*') return offers[0];
  // Clients add charset=utf-8 even to JSON, which has no such parameter. Everything here is UTF-8.
  const types = accept.replace(/;\s*charset=[^;,]*/gi, '');
  const [best = offers[0]] = negotiatorOf('accept', types).mediaTypes([...offers]) as Offer[];
  return best;
}

/**
 * Whether the client names the type itself, not only by a wildcard, and does not refuse it.
 * @param type In lower case.
 */
export function namesType(accept: string | undefined, type: string): boolean {
  // Media types without an offer are the client's own ranges, those of weight 0 left out.
  return accept !== undefined && negotiatorOf('accept', accept.toLowerCase()).mediaTypes().includes(type);
}

/** Clients send few different values. Longer ones are not kept. */
const MAX_KEPT = 100;
const MAX_KEPT_CHARACTERS = 200;

/**
 * @param offers The first is preferred among those of equal weight.
 * @returns A function from the field value (undefined if there is none) to the offers that the client prefers to content
 *   without a coding, best first.
 */
export function codingOrder<Coding extends string>(
  offers: readonly Coding[],
): (accept: string | undefined) => readonly Coding[] {
  const kept = new Map<string, readonly Coding[]>();
  return (accept) => {
    if (accept === undefined) return [];
    const known = kept.get(accept);
    if (known !== undefined) return known;
    // The older name of the same coding (RFC 9110 §8.4.1.3).
    const codings = accept.replace(/\bx-gzip\b/gi, 'gzip');
    const found = negotiatorOf('accept-encoding', codings).encodings([...offers, 'identity'], {
      preferred: offers,
    });
    const end = found.indexOf('identity');
    const order = (end === -1 ? found : found.slice(0, end)) as Coding[]; // of what was offered
    if (accept.length <= MAX_KEPT_CHARACTERS) {
      if (kept.size >= MAX_KEPT) kept.clear();
      kept.set(accept, order);
    }
    return order;
  };
}

/** Whether the client refuses content that has no coding. */
export function refusesIdentity(accept: string | undefined): boolean {
  // Only a weight of 0 refuses anything. Asked first, as nearly no client sends one.
  if (accept === undefined || !/q=0/i.test(accept)) return false;
  return negotiatorOf('accept-encoding', accept).encodings(['identity']).length === 0;
}
