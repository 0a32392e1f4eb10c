/**
 * Method + path → handler. Built once from the claims of the plugins and never changed, so that a new registry can
 * replace it in one step.
 *
 * Of the handlers for the request's method, the one with the most specific pattern gets the request (literal before
 * `:name` before `*`, segment by segment). Of two with the same pattern, the one that names the method. Handlers marked
 * `fallback` come last.
 */

import type { HandleOptions, Handler } from '../api/plugin.js';
import { JackfieldError } from '../errors.js';
import { isToken } from '../http/octets.js';
import { mustKnow } from '../known-members.js';
import { whileConditionsHold } from './guarded.js';
import { type Pattern, parsePattern } from './pattern.js';

export type Params = Readonly<Record<string, string>>;

/** One call of `handle`. */
export interface Route {
  /** The plugin that made the claim, for the log and for errors. */
  readonly plugin: string;
  /** A token, or `*`. */
  readonly method: string;
  readonly pattern: Pattern;
  readonly handler: Handler;
  readonly options: HandleOptions;
}

/** @throws TypeError if the method, the pattern or the handler is invalid. */
export function makeRoute(
  plugin: string,
  method: string,
  pattern: string,
  handler: Handler,
  options: HandleOptions = {},
): Route {
  if (typeof method !== 'string' || !isToken(method)) {
    throw new TypeError(
      `The method ${JSON.stringify(method)} is not a token (RFC 9110 §9.1); the path is the second argument.`,
    );
  }
  if (typeof handler !== 'function')
    throw new TypeError(`The handler of ${method} ${pattern} is not a function.`);
  checkOptions(options, `${method} ${pattern}`);
  const { state } = options;
  const guarded = state === undefined ? handler : whileConditionsHold(handler, state);
  return { plugin, method, pattern: parsePattern(pattern), handler: guarded, options };
}

/** The type makes sure that every option of `handle` is listed. */
const OPTIONS = Object.keys({
  registeredMethodsOnly: true,
  allow: true,
  maxBodyOctets: true,
  state: true,
  crossSite: true,
  anyHost: true,
  refused: true,
  fallback: true,
} satisfies Record<keyof HandleOptions, true>);

/** @throws TypeError for an unknown option or a wrong type. */
function checkOptions(options: HandleOptions, taker: string): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`The options of ${taker} are not an object.`);
  mustKnow(options, OPTIONS, `handle of ${taker}`);
  const { registeredMethodsOnly, allow, maxBodyOctets = 0, state, crossSite, refused, fallback } = options;
  if (crossSite !== undefined && crossSite !== 'allow' && crossSite !== 'refuse')
    throw new TypeError(
      `crossSite of ${taker} must be "allow", "refuse" or absent, not ${String(crossSite)}.`,
    );
  if (!Number.isSafeInteger(maxBodyOctets) || maxBodyOctets < 0)
    throw new TypeError(`maxBodyOctets of ${taker} is not a whole number of octets: ${maxBodyOctets}.`);
  for (const [name, flag] of Object.entries({ registeredMethodsOnly, fallback, anyHost: options.anyHost }))
    if (flag !== undefined && typeof flag !== 'boolean')
      throw new TypeError(`${name} of ${taker} is neither true nor false.`);
  if (allow !== undefined && !(Array.isArray(allow) && allow.every((one) => typeof one === 'string')))
    throw new TypeError(`allow of ${taker} is not a list of methods.`);
  if (state !== undefined && typeof state !== 'function')
    throw new TypeError(`state of ${taker} is not a function.`);
  if (refused !== undefined && typeof refused !== 'function')
    throw new TypeError(`refused of ${taker} is not a function.`);
}

export interface Match {
  readonly route: Route;
  readonly params: Params;
}

interface Node {
  readonly literals: Map<string, Node>;
  name?: Node;
  rest?: Route;
  route?: Route;
}

/** The patterns for one method. */
interface Table {
  /** Patterns without parameters: enough for most requests. */
  readonly literal: Map<string, Match>;
  readonly root: Node;
  everything?: Route;
  /** Patterns of `fallback` handlers; the most specific wins. */
  readonly fallbacks: Table | undefined;
}

const NO_PARAMS: Params = Object.freeze(Object.create(null));

export class Registry {
  readonly routes: readonly Route[];
  readonly #tables = new Map<string, Table>();
  readonly #anyMethod: Table;
  /** Whether a handler sets its own body limit. */
  readonly hasBodyLimits: boolean;
  /** Whether a handler formats its own refusals. */
  readonly hasRefusals: boolean;

  /** Errors: HANDLER_REPEATED. */
  constructor(routes: readonly Route[]) {
    this.routes = routes;
    this.hasBodyLimits = routes.some(({ options }) => options.maxBodyOctets !== undefined);
    this.hasRefusals = routes.some(({ options }) => options.refused !== undefined);
    refuseRepeated(routes);
    const methods = new Set(routes.map(({ method }) => method).filter((method) => method !== '*'));
    for (const method of methods) {
      this.#tables.set(
        method,
        makeTable(routes.filter((route) => route.method === method || route.method === '*')),
      );
    }
    this.#anyMethod = makeTable(
      routes.filter(({ method, options }) => method === '*' && options.registeredMethodsOnly !== true),
    );
  }

  /** Methods that at least one plugin names. */
  get methods(): Iterable<string> {
    return this.#tables.keys();
  }

  hasMethod(method: string): boolean {
    return this.#tables.has(method);
  }

  /** Whether this method can get any answer other than 405. */
  takesMethod(method: string): boolean {
    return (
      this.#tables.has(method) || this.routes.some((route) => !onlyRegistered(route) && route.method === '*')
    );
  }

  /**
   * @param path Normalised, as `RequestHead.path`.
   * Errors: PARAMETER_INVALID.
   */
  find(method: string, path: string): Match | undefined {
    const table = this.#tables.get(method) ?? this.#anyMethod;
    return findIn(table, path) ?? (table.fallbacks === undefined ? undefined : findIn(table.fallbacks, path));
  }

  /** Like `find`, but without parameters: nothing is decoded, so nothing is refused. */
  routeAt(method: string, path: string): Route | undefined {
    const table = this.#tables.get(method) ?? this.#anyMethod;
    return reach(table, path) ?? (table.fallbacks && reach(table.fallbacks, path));
  }

  /** The body limit that the handler of this request sets, in octets. */
  bodyLimit(method: string, path: string): number | undefined {
    return this.routeAt(method, path)?.options.maxBodyOctets;
  }

  /** The options of the handler of this request. */
  optionsAt(method: string, path: string): HandleOptions {
    return this.routeAt(method, path)?.options ?? {};
  }

  /** Whether a handler, other than a fallback, accepts methods here that no handler names. */
  takesAnyMethod(path: string): boolean {
    return reach(this.#anyMethod, path) !== undefined;
  }

  /** The methods that have their own handler at this path, for the Allow field (RFC 9110 §10.2.1). */
  allowedMethods(path: string): string[] {
    const allowed = [...this.#tables]
      .filter(([method, table]) => {
        const route = reach(table, path);
        return route !== undefined && (route.options.allow?.includes(method) ?? true);
      })
      .map(([method]) => method);
    // The fallback handler of HEAD answers with the result of GET, so HEAD is allowed where GET is.
    const head = this.#tables.get('HEAD')?.fallbacks;
    if (
      head !== undefined &&
      allowed.includes('GET') &&
      !allowed.includes('HEAD') &&
      reach(head, path) !== undefined
    )
      allowed.push('HEAD');
    return allowed.sort();
  }
}

function onlyRegistered({ options }: Route): boolean {
  return options.registeredMethodsOnly === true;
}

function refuseRepeated(routes: readonly Route[]): void {
  const claimed = new Map<string, Route>();
  for (const route of routes) {
    const claim = `${route.method} ${route.pattern.shape} ${route.options.fallback === true}`;
    const first = claimed.get(claim);
    if (first !== undefined) {
      const who =
        first.plugin === route.plugin ? `"${route.plugin}" twice` : `"${first.plugin}" and "${route.plugin}"`;
      throw new JackfieldError(
        'HANDLER_REPEATED',
        `${route.method} ${route.pattern.text} by ${who}. Remove one of them from the configuration.`,
      );
    }
    claimed.set(claim, route);
  }
}

function makeTable(routes: readonly Route[]): Table {
  const fallbacks = routes.filter(({ options }) => options.fallback === true);
  return tableOf(
    routes.filter(({ options }) => options.fallback !== true),
    fallbacks.length === 0 ? undefined : tableOf(fallbacks, undefined),
  );
}

function tableOf(routes: readonly Route[], fallbacks: Table | undefined): Table {
  const table: Table = { literal: new Map(), root: { literals: new Map() }, fallbacks };
  // Handlers that name the method come last, so they replace those for any method.
  const ordered = [
    ...routes.filter(({ method }) => method === '*'),
    ...routes.filter(({ method }) => method !== '*'),
  ];
  for (const route of ordered) {
    const { everything, names, segments } = route.pattern;
    if (everything) table.everything = route;
    else if (names.length === 0) table.literal.set(route.pattern.shape, { route, params: NO_PARAMS });
    else plant(table.root, route);
    // Literal patterns are in the tree too: without them `/:name` could win over a literal prefix.
    if (!everything && names.length === 0 && segments.length > 0) plant(table.root, route);
  }
  return table;
}

function plant(root: Node, route: Route): void {
  let node = root;
  for (const segment of route.pattern.segments) {
    if (segment.kind === 'rest') {
      node.rest = route;
      return;
    }
    if (segment.kind === 'name') node = node.name ??= { literals: new Map() };
    else {
      let next = node.literals.get(segment.text);
      if (next === undefined) {
        next = { literals: new Map() };
        node.literals.set(segment.text, next);
      }
      node = next;
    }
  }
  node.route = route;
}

function findIn(table: Table, path: string): Match | undefined {
  const literal = table.literal.get(path);
  if (literal !== undefined) return literal;
  const values: string[] = [];
  const route = path.startsWith('/') ? walk(table.root, path, 1, values) : undefined;
  if (route !== undefined) return { route, params: nameParams(route, values) };
  return table.everything && { route: table.everything, params: nameParams(table.everything, [path]) };
}

/** The handler for a path; nothing is decoded, so nothing is refused. */
function reach(table: Table, path: string): Route | undefined {
  const walked = path.startsWith('/') ? walk(table.root, path, 1, []) : undefined;
  return table.literal.get(path)?.route ?? walked ?? table.everything;
}

/** Literal before name before rest. A branch that leads nowhere removes its values again. */
function walk(node: Node, path: string, from: number, values: string[]): Route | undefined {
  if (from > path.length) return node.route;
  const slash = path.indexOf('/', from);
  const end = slash === -1 ? path.length : slash;
  const part = path.slice(from, end);
  const literal = node.literals.get(part);
  const found = literal && walk(literal, path, end + 1, values);
  if (found !== undefined) return found;
  if (node.name !== undefined && part !== '') {
    values.push(part);
    const named = walk(node.name, path, end + 1, values);
    if (named !== undefined) return named;
    values.pop();
  }
  if (node.rest !== undefined) values.push(path.slice(from));
  return node.rest;
}

/** They inherit nothing, so every name is allowed. */
function nameParams({ pattern: { names } }: Route, values: readonly string[]): Params {
  const params: Record<string, string> = Object.create(null);
  for (let at = 0; at < names.length; at++) params[names[at]!] = decode(values[at] ?? '');
  return params;
}

function decode(text: string): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new JackfieldError('PARAMETER_INVALID', text, { cause });
  }
}
