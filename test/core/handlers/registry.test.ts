import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { HandleOptions } from '../../../core/api/plugin.js';
import { JackfieldError } from '../../../core/errors.js';
import { makeRoute, Registry, type Route } from '../../../core/handlers/registry.js';
import { normalisePath } from '../../../core/http/request-target.js';

const handler = () => 'x';

/** `'GET /a'`, with options if there are any. */
type Claim = string | readonly [string, HandleOptions];

function route(claim: Claim, plugin = 'p'): Route {
  const [text, options] = typeof claim === 'string' ? [claim, {}] : claim;
  const [method = '', pattern = ''] = text.split(' ');
  return makeRoute(plugin, method, pattern, handler, options);
}

const registryOf = (...claims: readonly Claim[]) => new Registry(claims.map((claim) => route(claim)));

/** The handler that gets the request, as `'METHOD /pattern'`, with its parameters. */
function found(registry: Registry, method: string, path: string): readonly [string, object] | undefined {
  const match = registry.find(method, path);
  return match && [`${match.route.method} ${match.route.pattern.text}`, { ...match.params }];
}

function gets(t: ExecutionContext, registry: Registry, request: string, who: string, params = {}): void {
  const [method = '', path = ''] = request.split(' ');
  t.deepEqual(found(registry, method, path), [who, params], request);
}

test('a literal pattern matches its own path and no other', (t) => {
  const registry = registryOf('GET /', 'GET /a', 'GET /a/b', 'GET /c/');
  gets(t, registry, 'GET /', 'GET /');
  gets(t, registry, 'GET /a', 'GET /a');
  gets(t, registry, 'GET /a/b', 'GET /a/b');
  gets(t, registry, 'GET /c/', 'GET /c/');
  for (const path of ['/A', '/a/', '//a', '/b', '/a/b/c', '/c', '*', '', 'localhost:80'])
    t.is(registry.find('GET', path), undefined, path);
  t.is(registry.find('POST', '/a'), undefined);
});

test('the most specific pattern wins, whatever the order of registration', (t) => {
  const claims = ['GET /a/b', 'GET /a/:x', 'GET /:y/b', 'GET /a/*', 'GET /:y/:x', 'GET /*', 'GET *'];
  for (const registry of [registryOf(...claims), registryOf(...claims.toReversed())]) {
    gets(t, registry, 'GET /a/b', 'GET /a/b');
    gets(t, registry, 'GET /a/c', 'GET /a/:x', { x: 'c' });
    gets(t, registry, 'GET /d/b', 'GET /:y/b', { y: 'd' });
    gets(t, registry, 'GET /d/e', 'GET /:y/:x', { y: 'd', x: 'e' });
    gets(t, registry, 'GET /a/b/c', 'GET /a/*', { '*': 'b/c' });
    gets(t, registry, 'GET /d/e/f', 'GET /*', { '*': 'd/e/f' });
    gets(t, registry, 'GET *', 'GET *', { '*': '*' });
  }
});

test('a more specific branch that leads nowhere leaves no parameters', (t) => {
  const registry = registryOf('GET /:a/:b/c', 'GET /x/:d/e', 'GET /*');
  gets(t, registry, 'GET /x/y/e', 'GET /x/:d/e', { d: 'y' });
  gets(t, registry, 'GET /x/y/c', 'GET /:a/:b/c', { a: 'x', b: 'y' });
  gets(t, registry, 'GET /x/y/z', 'GET /*', { '*': 'x/y/z' });
});

test('a name matches one segment that is not empty, a rest matches everything, even nothing', (t) => {
  const registry = registryOf('GET /n/:name', 'GET /r/*');
  gets(t, registry, 'GET /n/a', 'GET /n/:name', { name: 'a' });
  t.is(registry.find('GET', '/n/'), undefined);
  t.is(registry.find('GET', '/n/a/b'), undefined);
  t.is(registry.find('GET', '/n'), undefined);
  gets(t, registry, 'GET /r/', 'GET /r/*', { '*': '' });
  gets(t, registry, 'GET /r/a/b', 'GET /r/*', { '*': 'a/b' });
  t.is(registry.find('GET', '/r'), undefined);
});

test('only the pattern * matches targets that are not paths', (t) => {
  const registry = registryOf('OPTIONS *', 'OPTIONS /*', 'CONNECT *');
  gets(t, registry, 'OPTIONS *', 'OPTIONS *', { '*': '*' });
  gets(t, registry, 'CONNECT localhost:80', 'CONNECT *', { '*': 'localhost:80' });
  gets(t, registry, 'OPTIONS /a', 'OPTIONS /*', { '*': 'a' });
});

test('with one pattern, a handler that names the method wins over one for any; the pattern is compared first', (t) => {
  const registry = registryOf('* /a', 'GET /a', '* /b', 'GET /*');
  gets(t, registry, 'GET /a', 'GET /a');
  gets(t, registry, 'PURGE /a', '* /a');
  gets(t, registry, 'GET /b', '* /b');
  gets(t, registry, 'GET /c', 'GET /*', { '*': 'c' });
});

test('registeredMethodsOnly accepts no method that no handler names', (t) => {
  const registry = registryOf(['* /a', { registeredMethodsOnly: true }], 'POST /b');
  gets(t, registry, 'POST /a', '* /a');
  t.is(registry.find('PURGE', '/a'), undefined);
  t.false(registry.takesMethod('PURGE'));
  t.true(registry.takesMethod('POST'));
  t.true(registryOf('* /a').takesMethod('PURGE'));
});

test('a fallback comes last, however specific it is, and does not make its path exist', (t) => {
  const registry = registryOf(['HEAD /a', { fallback: true }], 'HEAD /*', 'GET /b');
  gets(t, registry, 'HEAD /a', 'HEAD /*', { '*': 'a' });
  const only = registryOf(['HEAD *', { fallback: true }], 'POST /b');
  gets(t, only, 'HEAD /b', 'HEAD *', { '*': '/b' });
  t.deepEqual(only.allowedMethods('/b'), ['POST']);
  t.deepEqual(only.allowedMethods('/none'), []);
});

test('Allow names the methods of a path, in a fixed order', (t) => {
  const registry = registryOf('PURGE /a', 'GET /a', 'POST /:x', 'LIST *', 'OPTIONS /b');
  t.deepEqual(registry.allowedMethods('/a'), ['GET', 'LIST', 'POST', 'PURGE']);
  t.deepEqual(registry.allowedMethods('/b'), ['LIST', 'OPTIONS', 'POST']);
  t.deepEqual(registry.allowedMethods('*'), ['LIST']);
});

test('Allow names HEAD only where its fallback answers with GET', (t) => {
  const everywhere = registryOf('GET /a', 'POST /b', ['HEAD *', { fallback: true }]);
  t.deepEqual(everywhere.allowedMethods('/a'), ['GET', 'HEAD']);
  t.deepEqual(everywhere.allowedMethods('/b'), ['POST']);
  const somewhere = registryOf('GET /a', 'GET /c', ['HEAD /c', { fallback: true }]);
  t.deepEqual(somewhere.allowedMethods('/a'), ['GET']);
  t.deepEqual(somewhere.allowedMethods('/c'), ['GET', 'HEAD']);
});

test('the option allow limits the methods that a handler of any method adds to Allow', (t) => {
  const registry = registryOf(
    ['* /a', { registeredMethodsOnly: true, allow: ['POST'] }],
    'GET /b',
    'POST /b',
  );
  t.deepEqual(registry.allowedMethods('/a'), ['POST']);
});

test('parameters are percent-decoded, and invalid UTF-8 is refused', (t) => {
  const registry = registryOf('GET /k/:key', 'GET /r/*');
  gets(t, registry, 'GET /k/a%20b%2Fc%25', 'GET /k/:key', { key: 'a b/c%' });
  gets(t, registry, 'GET /k/%E2%82%AC', 'GET /k/:key', { key: '€' });
  gets(t, registry, 'GET /r/a%2Fb/c', 'GET /r/*', { '*': 'a/b/c' });
  const error = t.throws(() => registry.find('GET', '/k/%FF'), { instanceOf: JackfieldError });
  t.is(error?.code, 'PARAMETER_INVALID');
  t.deepEqual(registry.allowedMethods('/k/%FF'), ['GET'], 'nothing is decoded for Allow');
});

test('two spellings of one path are the same: an escape cannot get round a literal pattern', (t) => {
  const registry = registryOf('GET /admin', 'GET /:any', 'GET /caf%c3%a9');
  for (const spelling of ['/%61dmin', '/a%64min', '/%61%64%6D%69%6e'])
    gets(t, registry, `GET ${normalisePath(spelling)}`, 'GET /admin');
  gets(t, registry, `GET ${normalisePath('/caf%C3%a9')}`, 'GET /caf%c3%a9');
  t.is(normalisePath('/%4'), undefined);
  t.is(normalisePath('/%zz'), undefined);
});

test('names of inherited object properties are ordinary segments, methods and parameters', (t) => {
  const registry = registryOf('GET /:name', 'GET /__proto__/x');
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    t.is(registry.find('GET', `/${name}`)?.params.name, name);
    t.is(registry.find(name, '/'), undefined);
    t.false(registry.hasMethod(name));
  }
  gets(t, registry, 'GET /__proto__/x', 'GET /__proto__/x');
  const proto = registryOf('GET /:__proto__').find('GET', '/a');
  for (const name of ['toString', 'constructor', 'hasOwnProperty']) t.false(name in (proto?.params ?? {}));
  t.is(Object.getOwnPropertyDescriptor(proto?.params ?? {}, '__proto__')?.value, 'a');
});

test('each method and shape of pattern can be claimed once', (t) => {
  for (const [first, second] of [
    ['GET /a', 'GET /a'],
    ['GET /:a', 'GET /:b'],
    ['* *', '* *'],
    ['GET /a/*', 'GET /a/*'],
    ['GET /~', 'GET /%7e'],
  ] as const) {
    const error = t.throws(() => new Registry([route(first, 'one'), route(second, 'two')]), {
      instanceOf: JackfieldError,
    });
    t.is(error?.code, 'HANDLER_REPEATED');
    t.regex(error?.message ?? '', /"one" and "two"/);
  }
  t.notThrows(() => registryOf('GET /a', 'POST /a', '* /a', ['GET /a', { fallback: true }], 'GET /:a'));
});

test('an invalid method, pattern or handler is a programming mistake', (t) => {
  for (const [method, pattern] of [
    ['', '/'],
    ['A B', '/'],
    ['GET', ''],
    ['GET', 'a'],
    ['GET', '/a?b'],
    ['GET', '/a#b'],
    ['GET', '/a b'],
    ['GET', '/*/a'],
    ['GET', '/:'],
    ['GET', '/:a-b'],
    ['GET', '/:a/:a'],
    ['GET', '/%'],
  ] as const)
    t.throws(
      () => makeRoute('p', method, pattern, handler),
      { instanceOf: TypeError },
      `${method} ${pattern}`,
    );
  t.throws(() => makeRoute('p', 'GET', '/', 'x' as never), { instanceOf: TypeError });
});

// Compared with the simplest possible matcher

/** Specificity of one segment: literal, name, rest. */
const RANK = { literal: 0, name: 1, rest: 2 } as const;

function naiveParams({ pattern }: Route, path: string): Record<string, string> | undefined {
  if (pattern.everything) return { '*': path };
  if (!path.startsWith('/')) return undefined;
  const parts = path.slice(1).split('/');
  const params: Record<string, string> = {};
  for (const [at, segment] of pattern.segments.entries()) {
    if (segment.kind === 'rest') {
      if (at >= parts.length) return undefined;
      params['*'] = parts.slice(at).join('/');
      return params;
    }
    const part = parts[at];
    if (part === undefined) return undefined;
    if (segment.kind === 'literal' ? part !== segment.text : part === '') return undefined;
    if (segment.kind === 'name') params[segment.name] = part;
  }
  return parts.length === pattern.segments.length ? params : undefined;
}

/** Below 0 if `a` is more specific: segment by segment, then the method. */
function compare(a: Route, b: Route): number {
  const ranks = ({ pattern }: Route) =>
    pattern.everything ? [3] : pattern.segments.map(({ kind }) => RANK[kind]);
  const [ours, theirs] = [ranks(a), ranks(b)];
  for (let at = 0; at < Math.max(ours.length, theirs.length); at++) {
    const difference = (ours[at] ?? 0) - (theirs[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return Number(a.method === '*') - Number(b.method === '*');
}

function naiveFind(routes: readonly Route[], method: string, path: string): Route | undefined {
  const isNamed = routes.some((one) => one.method === method);
  const takes = (one: Route): boolean =>
    (one.method === method ||
      (one.method === '*' && (isNamed || one.options.registeredMethodsOnly !== true))) &&
    naiveParams(one, path) !== undefined;
  const best = (fallback: boolean): Route | undefined =>
    routes.filter((one) => takes(one) && (one.options.fallback === true) === fallback).sort(compare)[0];
  return best(false) ?? best(true);
}

const segment = fc.constantFrom('a', 'b', '', ':x', ':y', '__proto__');
const patternText = fc.oneof(
  { weight: 1, arbitrary: fc.constant('*') },
  {
    weight: 9,
    arbitrary: fc
      .tuple(fc.array(segment, { minLength: 0, maxLength: 3 }), fc.boolean())
      .map(([parts, rest]) => `/${[...parts, ...(rest ? ['*'] : [])].join('/')}`),
  },
);
const claim = fc.record({
  method: fc.constantFrom('GET', 'PURGE', '*'),
  pattern: patternText,
  fallback: fc.boolean(),
  registeredMethodsOnly: fc.boolean(),
});
const path = fc.oneof(
  fc.constant('*'),
  fc
    .array(fc.constantFrom('a', 'b', 'c', '', '__proto__'), { maxLength: 4 })
    .map((parts) => `/${parts.join('/')}`),
);

test('the registry finds the same handler as a linear search for the most specific one', (t) => {
  fc.assert(
    fc.property(
      fc.array(claim, { maxLength: 8 }),
      fc.array(path, { minLength: 1, maxLength: 8 }),
      (claims, paths) => {
        const routes: Route[] = [];
        for (const { method, pattern, ...options } of claims) {
          try {
            const made = makeRoute('p', method, pattern, handler, options);
            new Registry([...routes, made]); // repeated claims are refused, and left out here
            routes.push(made);
          } catch {}
        }
        const registry = new Registry(routes);
        for (const one of paths) {
          for (const method of ['GET', 'PURGE', 'NEVER']) {
            const expected = naiveFind(routes, method, one);
            const actual = registry.find(method, one);
            t.is(actual?.route, expected, `${method} ${one}`);
            if (expected !== undefined) t.deepEqual({ ...actual?.params }, naiveParams(expected, one));
          }
        }
      },
    ),
    { numRuns: 1_000 },
  );
});
