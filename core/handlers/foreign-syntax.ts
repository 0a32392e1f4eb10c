/**
 * Claims that are valid but probably a mistake: methods in lower case, and patterns in the syntax of other routers.
 * They would never match, and no error would say so.
 */

/** RFC 9110 §9, RFC 5789, RFC 4918, RFC 10008. */
const KNOWN_METHODS = new Set(
  'GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH QUERY PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK'.split(
    ' ',
  ),
);

/** A parameter, a group or a wildcard of another router inside a literal segment. */
const FOREIGN = /\{[^/]*\}|\[[^/]*\]|<[^/]*>|\([^/]*\)|\*|:[A-Za-z_]/;

/** Says what is probably wrong with a method; undefined if nothing is. */
export function methodDoubt(method: string): string | undefined {
  const upper = method.toUpperCase();
  if (method === upper || !KNOWN_METHODS.has(upper)) return undefined;
  return `Methods are case-sensitive: a handler for "${method}" never gets a ${upper} request. Write "${upper}".`;
}

/** Says what is probably wrong with a pattern; undefined if nothing is. */
export function patternDoubt(pattern: string): string | undefined {
  if (pattern === '*') return undefined;
  const strange = pattern
    .split('/')
    .find((segment) => segment !== '*' && !segment.startsWith(':') && FOREIGN.test(segment));
  if (strange === undefined) return undefined;
  return `The pattern "${pattern}" matches the segment "${strange}" as it is written. A parameter is a whole segment such as ":id"; a last segment "*" matches the rest.`;
}
