/**
 * The candidate that a mistyped name most likely meant. A third of the characters may differ, case does not count, and
 * two swapped neighbours count once (Damerau-Levenshtein distance, optimal string alignment).
 */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = distanceOf(name.toLowerCase(), candidate.toLowerCase());
    const tolerated = Math.floor(Math.max(name.length, candidate.length) / 3);
    if (distance <= tolerated && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate;
}

function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = above[column - 1]! + (a[row - 1] === b[column - 1] ? 0 : 1);
      const swapped =
        row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
          ? before[column - 2]! + 1
          : Number.POSITIVE_INFINITY;
      line[column] = Math.min(above[column]! + 1, line[column - 1]! + 1, replaced, swapped);
    }
    [before, above] = [above, line];
  }
  return above[b.length]!;
}
