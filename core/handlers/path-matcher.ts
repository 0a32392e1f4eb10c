/** A single pattern, for plugins whose options contain paths: the rules of `handle`, without a registry. */
import { parsePattern, type Segment } from './pattern.js';

/**
 * @param pattern As for `handle`: `/literal/:name/*`, or `*` for every target.
 * @returns a function that says whether a path (as in `request.path`) matches.
 * @throws TypeError if the pattern is invalid.
 */
export function pathMatcher(pattern: string): (path: string) => boolean {
  const { everything, segments } = parsePattern(pattern);
  if (everything) return () => true;
  return (path) => path.startsWith('/') && matches(segments, path.slice(1).split('/'));
}

function matches(segments: readonly Segment[], parts: readonly string[]): boolean {
  const hasRest = segments.at(-1)?.kind === 'rest';
  if (hasRest ? parts.length < segments.length : parts.length !== segments.length) return false;
  return segments.every((segment, at) => {
    if (segment.kind === 'literal') return segment.text === parts[at];
    return segment.kind === 'rest' || parts[at] !== '';
  });
}
