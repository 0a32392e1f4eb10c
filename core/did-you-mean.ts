/** The suggestion behind "unknown name": what was probably meant. */

/**
 * The candidate nearest to the name, in any case of letters; undefined where none is near. Near is one slip for
 * every three characters, at the most three slips; a beginning of three characters or more is near too.
 */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  const wanted = name.toLowerCase();
  const allowed = Math.min(3, Math.max(1, Math.floor(wanted.length / 3)));
  let best: { candidate: string; slips: number } | undefined;
  for (const candidate of candidates) {
    const other = candidate.toLowerCase();
    const begins = wanted.length >= 3 && other.startsWith(wanted);
    const slips = Math.min(slipsBetween(wanted, other), begins ? allowed : Number.POSITIVE_INFINITY);
    if (slips <= allowed && (best === undefined || slips < best.slips)) best = { candidate, slips };
  }
  return best?.candidate;
}

/** Damerau–Levenshtein distance with adjacent swaps: characters added, left out, changed or swapped. */
function slipsBetween(one: string, other: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let row = 1; row <= one.length; row += 1) {
    const current = [row];
    for (let at = 1; at <= other.length; at += 1) {
      const changed = last[at - 1]! + (one[row - 1] === other[at - 1] ? 0 : 1);
      const swapped =
        row > 1 && at > 1 && one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1]
          ? beforeLast[at - 2]! + 1
          : Number.POSITIVE_INFINITY;
      current.push(Math.min(last[at]! + 1, current[at - 1]! + 1, changed, swapped));
    }
    [beforeLast, last] = [last, current];
  }
  return last[other.length]!;
}
