/** Checks objects that a plugin, an adapter or a program passes: a misspelt member would be ignored silently. */
import { didYouMean } from './did-you-mean.js';

/**
 * The first unknown member, as a sentence with a suggestion; undefined if there is none. Inherited members count,
 * because they are read as well.
 * @param taker The subject of the sentence, such as `commit`.
 */
export function strangeMember(given: object, known: readonly string[], taker: string): string | undefined {
  for (const name in given) if (!known.includes(name)) return strangeSentence(name, known, taker);
  return undefined;
}

export function strangeSentence(name: string, known: readonly string[], taker: string): string {
  // `ttl` for `ttlMs`: a name without its unit differs in too many characters.
  const meant = didYouMean(name, known) ?? known.find((one) => name.length > 2 && one.startsWith(name));
  const hint = meant === undefined ? '.' : `; did you mean ${JSON.stringify(meant)}?`;
  return `${taker} takes ${inWords(known)}, not ${JSON.stringify(name)}${hint}`;
}

/** @throws TypeError if a member is not known. */
export function mustKnow(given: object, known: readonly string[], taker: string): void {
  const strange = strangeMember(given, known, taker);
  if (strange !== undefined) throw new TypeError(strange);
}

/**
 * For objects that may have other members: the first member whose name is close to a missing one, as the end of a
 * sentence.
 */
export function misspeltMember(given: object, known: readonly string[]): string | undefined {
  const missing = known.filter((name) => !(name in given));
  for (const name of Object.keys(given)) {
    const meant = known.includes(name) ? undefined : didYouMean(name, missing);
    if (meant !== undefined) return `has ${JSON.stringify(name)}; did you mean ${JSON.stringify(meant)}?`;
  }
  return undefined;
}

/** `a, b and c` */
function inWords(names: readonly string[]): string {
  return names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
