/** Rules for some methods and paths, in the options of plugins. The first one that fits applies. */
import { z } from 'zod';
import { pathMatcher, type Request } from '../../core/plugin-api.js';

/** A token, RFC 9110 §5.6.2. */
export const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** A path pattern, as for `handle`. */
export const patternSchema = z.string().check((context) => {
  try {
    pathMatcher(context.value);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    context.issues.push({ code: 'custom', input: context.value, message });
  }
});

export const methodSchema = z.string().regex(TOKEN, { error: 'expected a method, in its case' });

/** The options that every rule has. */
export const ruleFields = {
  methods: z
    .array(methodSchema)
    .min(1)
    .optional()
    .describe('The methods of the rule; GET includes HEAD. Default: all.'),
  path: patternSchema.default('*').describe('A path pattern as for `handle`; `*` matches all paths.'),
};

/** The members of every rule. */
export interface Rule {
  readonly methods?: readonly string[] | undefined;
  readonly path: string;
}

/**
 * A matcher for a path in the options of a plugin. The path starts after the prefix of the plugin's entry, like the
 * patterns of `handle`.
 * @param prefix As `PluginContext.prefix`.
 * @throws Error if the path repeats the prefix: a rule that never matches would silently protect nothing.
 */
export function matcherUnder(prefix: string, pattern: string): (path: string) => boolean {
  if (prefix === '' || pattern === '*') return pathMatcher(pattern);
  if (pattern === prefix || pattern.startsWith(`${prefix}/`))
    throw new Error(
      `The path ${JSON.stringify(pattern)} repeats the prefix of this plugin. Paths in its options start after the prefix: write ${JSON.stringify(pattern.slice(prefix.length) || '/')}.`,
    );
  return pathMatcher(pattern === '/' ? prefix : prefix + pattern);
}

/**
 * Finds the first rule that fits a request, by its own path or another. A rule for GET is also one for HEAD, whose
 * answer shows GET's data.
 * @param prefix As `PluginContext.prefix`.
 */
export function ruleFinder<R extends Rule>(
  rules: readonly R[],
  prefix: string,
): (request: Request, path?: string) => R | undefined {
  const compiled = rules.map((rule) => {
    const methods = rule.methods && new Set(rule.methods);
    if (methods?.has('GET')) methods.add('HEAD');
    return { rule, methods, isAt: matcherUnder(prefix, rule.path) };
  });
  return ({ method, path: own }, path = own) =>
    compiled.find(({ methods, isAt }) => (methods === undefined || methods.has(method)) && isAt(path))?.rule;
}

/**
 * How a server behind this one could read a path: several slashes as one, `%2F`, `\` and `%5C` as slashes, segments
 * without their `;parameters`, dot segments resolved. It changes no path; a plugin that guards a path guards this
 * reading too.
 * @returns undefined if there is only one reading.
 */
export function looseReading(path: string): string | undefined {
  // Most paths have none of this.
  if (!/^[^/]|\/[/.]|[\\%;]/.test(path)) return undefined;
  const segments: string[] = [];
  const parts = path.split(/[/\\]|%2F|%5C/i).map((part) => part.split(/;|%3B/i, 1)[0] ?? '');
  parts.forEach((part, at) => {
    const isLast = at === parts.length - 1;
    if (part === '..') segments.pop();
    if (part !== '' && part !== '.' && part !== '..') segments.push(part);
    else if (isLast && segments.length > 0) segments.push('');
  });
  const read = `/${segments.join('/')}`;
  return !path.startsWith('/') || read === path ? undefined : read;
}
