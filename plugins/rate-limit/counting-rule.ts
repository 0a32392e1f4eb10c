/** Which rule counts a request. */
import type { Request } from '../../core/plugin-api.js';
import { looseReading, type Rule, ruleFinder } from '../shared/rules.js';

interface LimitRule extends Rule {
  readonly limit: number | 'none';
}

/**
 * The first that fits. Where a server behind this one could read the path as another, and the rule of that reading stands
 * earlier in the list, it is that one: no spelling leads out of a limit, and none into having no limit.
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
