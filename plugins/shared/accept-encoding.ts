/**
 * Which of the codings on offer a client prefers.
 * Source: RFC 9110 §12.5.3 (Accept-Encoding), §12.4.2 (weights).
 */

const ELEMENT = /^([!#$%&'*+.^_`|~0-9a-z-]+)(?:[ \t]*;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/;

/**
 * The offer with the highest weight, of equal ones the first on offer; undefined where the content should go as it is:
 * the client names no coding, none of these, or prefers `identity` to them.
 * @param accept The field value; a malformed element of it is read past.
 */
export function preferredCoding<Coding extends string>(
  accept: string | undefined,
  offers: readonly Coding[],
): Coding | undefined {
  const weights = weightsOf(accept);
  let best: Coding | undefined;
  let bestWeight = 0;
  for (const offer of offers) {
    const weight = weights.get(offer) ?? weights.get('*') ?? 0;
    if (weight <= bestWeight) continue;
    best = offer;
    bestWeight = weight;
  }
  // Named, it is a preference like others; unnamed it is what is left.
  return (weights.get('identity') ?? 0) > bestWeight ? undefined : best;
}

/** Whether the client refuses content that has no coding. */
export function refusesIdentity(accept: string | undefined): boolean {
  const weights = weightsOf(accept);
  return (weights.get('identity') ?? weights.get('*')) === 0;
}

function weightsOf(accept = ''): Map<string, number> {
  const weights = new Map<string, number>();
  for (const element of accept.toLowerCase().split(',')) {
    const [, name, weight = '1'] = ELEMENT.exec(element.trim()) ?? [];
    if (name === undefined) continue;
    // The older name of the same coding (RFC 9110 §8.4.1.3).
    weights.set(name === 'x-gzip' ? 'gzip' : name, Number(weight));
  }
  return weights;
}
