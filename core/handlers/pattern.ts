/** Path patterns: literal segments, `:name` for one non-empty segment, a last `*` for the rest. */
import { normalisePath } from '../http/request-target.js';

export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'rest' };

export interface Pattern {
  /** As written. */
  readonly text: string;
  /** Empty for `*`, which matches every target, including `OPTIONS *` and CONNECT. */
  readonly segments: readonly Segment[];
  readonly everything: boolean;
  /** Two patterns with the same shape match the same paths, whatever their parameter names. */
  readonly shape: string;
  /** The names of the parameters in order; `*` for the rest. */
  readonly names: readonly string[];
}

/** @throws TypeError if the text is not a pattern: a programming mistake, reported at set-up. */
export function parsePattern(text: string): Pattern {
  if (text === '*') return { text, segments: [], everything: true, shape: '*', names: ['*'] };
  const normal = normalisePath(text);
  if (/:\w+\?/.test(text))
    throw new TypeError(
      `The pattern ${JSON.stringify(text)} has an optional parameter, which is not supported. Register two patterns, with and without it.`,
    );
  if (!text.startsWith('/') || normal === undefined || /[?#\s]/.test(text)) {
    throw new TypeError(
      `The pattern ${JSON.stringify(text)} is not a path: a pattern is "*" or begins with "/", without query.`,
    );
  }
  const parts = normal.slice(1).split('/');
  const segments = parts.map((part, at) => parseSegment(part, at === parts.length - 1, text));
  const names = segments.flatMap((segment) => (segment.kind === 'name' ? [segment.name] : []));
  if (new Set(names).size < names.length)
    throw new TypeError(`The pattern ${JSON.stringify(text)} has the same parameter name twice.`);
  const shape = segments.map(shapeOf).join('/');
  const hasRest = segments.at(-1)?.kind === 'rest';
  return { text, segments, everything: false, shape: `/${shape}`, names: hasRest ? [...names, '*'] : names };
}

/** A path that the pattern matches. */
export function examplePath({ everything, segments }: Pattern): string {
  if (everything) return '/';
  return `/${segments.map((segment) => (segment.kind === 'literal' ? segment.text : 'x')).join('/')}`;
}

function parseSegment(part: string, last: boolean, text: string): Segment {
  if (part === '*') {
    if (last) return { kind: 'rest' };
    throw new TypeError(
      `The pattern ${JSON.stringify(text)} has "*" before its end; only the last segment may be "*".`,
    );
  }
  if (!part.startsWith(':')) return { kind: 'literal', text: part };
  const name = part.slice(1);
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return { kind: 'name', name };
  throw new TypeError(
    `The pattern ${JSON.stringify(text)} has ${JSON.stringify(part)}; a name is ":" and a word.`,
  );
}

/** A literal cannot begin with `:` and cannot be `*`, so these marks are unambiguous. */
function shapeOf(segment: Segment): string {
  if (segment.kind === 'literal') return segment.text;
  return segment.kind === 'name' ? ':' : '*';
}
