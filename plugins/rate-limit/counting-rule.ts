/** Finds the rule that counts a request. */
import type { Request } from '../../core/plugin-api.js';
import { looseReading, type Rule, ruleFinder } from '../shared/rules.js';

interface LimitRule extends Rule {
  readonly limit: number | 'none';
}

/**
 * The first rule that fits. If a server behind this one could read the path differently, and the rule of that reading
 * is earlier in the list, that rule counts: no spelling escapes a limit or moves to a path without one.
 */
export function countingRule<R extends LimitRule>(
  rules: readonly R[],
  prefix: string,
): (request: Request) => R | undefined {
  const find = ruleFinder(rules, prefix);
  return (request) => {
    const own = find(request);
    const reading = looseReading(request.path);
    const other = reading === undefined ? undefined : find(request, reading);
    if (other === undefined || other.limit === 'none') return own;
    const isCounted = own !== undefined && own.limit !== 'none';
    return isCounted && rules.indexOf(own) <= rules.indexOf(other) ? own : other;
  };
}
