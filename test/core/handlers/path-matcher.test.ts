import test from 'ava';
import fc from 'fast-check';
import { pathMatcher } from '../../../core/handlers/path-matcher.js';
import { makeRoute, Registry } from '../../../core/handlers/registry.js';

test('a single pattern matches the same paths as in the registry', (t) => {
  const part = fc.constantFrom('a', 'b', ':x', '', '%41', '~');
  const patterns = fc
    .tuple(fc.array(part, { minLength: 1, maxLength: 4 }), fc.boolean())
    .map(([parts, rest]) => `/${[...new Set(parts), ...(rest ? ['*'] : [])].join('/')}`);
  const paths = fc
    .array(fc.constantFrom('a', 'b', 'c', '', 'A', '~', '*', ':x'), { minLength: 1, maxLength: 5 })
    .map((parts) => `/${parts.join('/')}`);
  fc.assert(
    fc.property(fc.oneof(patterns, fc.constant('*')), fc.oneof(paths, fc.constant('*')), (pattern, path) => {
      const registry = new Registry([makeRoute('p', 'GET', pattern, () => '')]);
      return pathMatcher(pattern)(path) === (registry.find('GET', path) !== undefined);
    }),
    { numRuns: 2_000 },
  );
  t.pass();
});

test('an invalid pattern is refused as in handle', (t) => {
  for (const pattern of ['', 'a', '/a?b', '/*/a', '/:', '/:a/:a'])
    t.throws(() => pathMatcher(pattern), { instanceOf: TypeError });
});
