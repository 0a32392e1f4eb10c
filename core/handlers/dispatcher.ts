/**
 * From a request to its answer: host check → hooks → registry → handler → check of what it returned.
 *
 * Law of this file: `dispatch` never throws and never rejects. Whatever a plugin does, an answer comes of it, and what
 * a plugin did wrong is in the log under its name.
 */

import type { ResponseValue } from '../api/answer.js';
import type { Hooks, Unread } from '../api/plugin.js';
import type { Request } from '../api/request.js';
import { JackfieldError } from '../errors.js';
import { abandon, abandonFaulty } from '../exchange/answer-source.js';
import type { Dispatching, Exchange } from '../exchange/exchange.js';
import type { ExchangeRequest, Forwarder } from '../exchange/exchange-request.js';
import type { TakenConnections } from '../exchange/taken-connections.js';
import type { ClaimedHead, Dialect, DialectContext, RefusedHead } from '../http/dialect.js';
import type { RequestHead } from '../http/request-head.js';
import type { Log } from '../log.js';
import type { MaybePromise } from '../maybe-promise.js';
import type { AllowedHosts } from './allowed-hosts.js';
import {
  type Answer,
  codeOf,
  dropStream,
  errorAnswer,
  isExpected,
  isStream,
  type Refusal,
  replaceAnswer,
  toAnswer,
  toParts,
  withCode,
} from './answer.js';
import { conditional } from './conditional.js';
import { crossSiteSign } from './cross-site.js';
import { mustFit, withoutLostFields } from './hand-over.js';
import { HttpError } from './http-error.js';
import { invalid } from './invalid-answer.js';
import type { Match, Registry } from './registry.js';
import { logFields } from './request-state.js';

export type Stage = keyof Hooks;

const { then: promiseThen } = Promise.prototype;

/** A hook with the plugin that set it. */
export interface Hook<S extends Stage = Stage> {
  readonly plugin: string;
  readonly fn: Hooks[S];
}

export type HookTable = { readonly [S in Stage]: readonly Hook<S>[] };

export const NO_HOOKS: HookTable = {
  crossSite: [],
  request: [],
  handler: [],
  response: [],
  error: [],
  close: [],
  unread: [],
};

/** Everything the plugins of a server contribute; replaced as a whole. */
export interface Contributions {
  readonly registry: Registry;
  readonly hooks: HookTable;
  readonly dialects: readonly Dialect[];
  /** Of each plugin, by its name. */
  readonly taken: ReadonlyMap<string, TakenConnections>;
}

export class Dispatcher implements DialectContext, Dispatching, Forwarder {
  readonly #contributions: Contributions;
  readonly #allowedHosts: AllowedHosts;
  readonly #log: Log;
  readonly #crossSite: 'refuse' | 'allow';
  readonly #hasHooks: boolean;
  /** Whether somebody wants to know how exchanges end. */
  readonly watchesClose: boolean;
  /** Exchanges that began here and are not over. */
  #inFlight = 0;
  #idle: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  /** @param crossSite As in the configuration. */
  constructor(
    contributions: Contributions,
    allowedHosts: AllowedHosts,
    log: Log,
    crossSite: 'refuse' | 'allow' = 'refuse',
  ) {
    this.#contributions = contributions;
    this.#crossSite = crossSite;
    this.#allowedHosts = allowedHosts;
    this.#log = log;
    const { request, handler, response } = contributions.hooks;
    this.watchesClose = contributions.hooks.close.length > 0;
    this.#hasHooks = request.length + handler.length + response.length > 0;
  }

  // What dialects may ask

  isAllowedHost(host: string): boolean {
    return this.#allowedHosts.allows(host);
  }

  hasMethod(method: string): boolean {
    return this.#contributions.registry.hasMethod(method);
  }

  hasHandler(method: string, path: string): boolean {
    return this.#contributions.registry.find(method, path) !== undefined;
  }

  /** For plugins; see `PluginContext`. */
  allowedMethods(path?: string): readonly string[] {
    const { registry } = this.#contributions;
    if (path === undefined) return [...registry.methods].sort();
    const allowed = registry.allowedMethods(path);
    return registry.takesAnyMethod(path) ? ['*', ...allowed] : allowed;
  }

  /** Offers a refused head to the dialects in the order in which they were registered; with a bare LF to those that allow it. */
  readonly claim = (head: RefusedHead, hasBareLf = false): ClaimedHead | undefined => {
    for (const dialect of this.#contributions.dialects) {
      if (hasBareLf && dialect.allowsBareLf === undefined) continue;
      const claimed = this.#claimWith(dialect, head);
      if (claimed !== undefined) return claimed;
    }
    return undefined;
  };

  /** Whether some dialect takes heads with this Host field that have a bare LF after it. */
  allowsBareLf(host: string): boolean {
    return this.#contributions.dialects.some((dialect) => {
      try {
        return dialect.allowsBareLf?.(host) === true;
      } catch (error) {
        this.#dialectFailed(dialect, error);
        return false;
      }
    });
  }

  /** The limit that the handler of this request has set, in octets. */
  bodyLimit({ method, path, claim }: RequestHead): number | undefined {
    const { registry } = this.#contributions;
    return registry.hasBodyLimits ? registry.bodyLimit(method, claim?.path ?? path) : undefined;
  }

  #claimWith(dialect: Dialect, head: RefusedHead): ClaimedHead | undefined {
    try {
      return dialect.claim(head, this);
    } catch (error) {
      this.#dialectFailed(dialect, error);
      return undefined;
    }
  }

  #dialectFailed(dialect: Dialect, error: unknown): void {
    this.#log.error({ dialect: dialect.name, err: error }, 'A dialect failed while it read a head.');
  }

  /** Answers at once where nothing on the way waits. */
  dispatch(request: ExchangeRequest): MaybePromise<Answer> {
    this.#inFlight++;
    request.forwarder = this;
    if (this.#hasHooks)
      return this.#withHooks(request).catch((error: unknown) => this.#failed(request, error));
    try {
      return this.#preset(request) ?? this.#call(this.#find(request), request);
    } catch (error) {
      return this.#failed(request, error);
    }
  }

  /** What the registry answers to this request under another method. */
  forward(request: ExchangeRequest, method: string): MaybePromise<ResponseValue> {
    const forwarded = request.withMethod(method);
    const match = this.#find(forwarded, request.method);
    forwarded.params = match.params;
    request.route = match.route.pattern.text;
    return match.route.handler(forwarded);
  }

  /**
   * What the handler at the path makes of a refusal that is not the handler's own (`HandleOptions.refused`). Most make
   * nothing of it. Never throws.
   */
  #refused(request: ExchangeRequest, answer: Answer): Answer {
    const { registry } = this.#contributions;
    if (!registry.hasRefusals || answer.status < 400 || request.dialect !== '') return answer;
    const route = registry.routeAt(request.method, request.path);
    if (route?.options.refused === undefined) return answer;
    try {
      const value = route.options.refused(request, toParts(answer));
      return value === undefined ? answer : withoutLoss(answer, toAnswer(value));
    } catch (error) {
      this.#blame(route.plugin, error, request);
      return answer;
    }
  }

  /** Where connections belong that this plugin takes over. */
  takenBy(plugin: string): TakenConnections | undefined {
    return this.#contributions.taken.get(plugin);
  }

  /** Resolves when every exchange that began here is over; for one that a reload has replaced, so none begins any more. */
  idle(): Promise<void> {
    this.#idle ??= new Promise((resolve) => {
      this.#whenIdle = resolve;
      if (this.#inFlight === 0) resolve();
    });
    return this.#idle;
  }

  /**
   * Runs the hooks for a refusal that the server made by itself. They work on `refusal` until the exchange is
   * answered; an answer of a plugin that is still on its way meets no more of them.
   * @param error What `error` hooks are called with; without, none is.
   * @returns undefined where there is no hook to run. Never rejects.
   */
  refuse(exchange: Exchange, refusal: Refusal, error?: JackfieldError): Promise<void> | undefined {
    const { request } = exchange;
    if (request.forwarder === undefined) {
      this.#inFlight++;
      request.forwarder = this;
    }
    refusal.answer = this.#refused(request, refusal.answer);
    const { hooks } = this.#contributions;
    const hasError = error !== undefined && hooks.error.length > 0 && !request.errorHooks;
    if (!hasError && request.responseHooks >= hooks.response.length) return undefined;
    return this.#runRefusalHooks(exchange, refusal, hasError ? error : undefined);
  }

  async #runRefusalHooks(
    exchange: Exchange,
    refusal: Refusal,
    error: JackfieldError | undefined,
  ): Promise<void> {
    const { request } = exchange;
    const { error: errorHooks, response } = this.#contributions.hooks;
    if (error !== undefined) {
      request.errorHooks = true;
      for (const { plugin, fn } of errorHooks) {
        const isReplaced = await this.#runRefusalHook(exchange, refusal, plugin, () => fn(request, error));
        if (exchange.answered) return;
        if (!isReplaced) continue;
        refusal.answer = this.#refused(request, refusal.answer);
        break;
      }
    }
    while (request.responseHooks < response.length) {
      const { plugin, fn } = response[request.responseHooks++]!;
      await this.#runRefusalHook(exchange, refusal, plugin, () => fn(request, toParts(refusal.answer)));
      if (exchange.answered) return;
    }
  }

  /**
   * A hook that fails is logged and the refusal stays: its status must not depend on a mistake of a plugin.
   * @returns whether the hook has replaced the answer.
   */
  async #runRefusalHook(
    exchange: Exchange,
    refusal: Refusal,
    plugin: string,
    run: () => unknown,
  ): Promise<boolean> {
    const { request } = exchange;
    try {
      request.unsent = refusal.answer.body;
      const by = await this.#runHook(plugin, request, run);
      if (by === undefined) return false;
      if (exchange.answered) {
        if (by.body !== refusal.answer.body) abandon(by.body);
        return false;
      }
      if (by.handOver !== undefined)
        throw invalid('It takes over the connection instead of the error answer of the server.');
      refusal.answer = withoutLoss(refusal.answer, by);
      return true;
    } catch (thrown) {
      this.#blame(plugin, Blamed.is(thrown) ? thrown.error : thrown, request);
      if (!exchange.answered) dropStream(refusal);
      return false;
    } finally {
      if (!exchange.answered) request.unsent = undefined;
    }
  }

  /** Calls the `unread` hooks. */
  unread(unread: Unread): void {
    for (const { plugin, fn } of this.#contributions.hooks.unread)
      this.#callLast(
        () => fn(unread),
        (error) =>
          this.#log.error(
            { plugin, code: unread.code, err: error },
            'A plugin failed while it handled a request that could not be read.',
          ),
      );
  }

  /** Tells the `close` hooks that an exchange is over. Called once for each that was dispatched or refused. */
  closed(exchange: Exchange): void {
    if (this.watchesClose) this.#tellClosed(exchange);
    if (--this.#inFlight === 0) this.#whenIdle?.();
  }

  #tellClosed({ request, status, code, contentOctets, startedAt, sent }: Exchange): void {
    const durationMs = performance.now() - startedAt;
    const outcome = { status, contentOctets, durationMs, isComplete: sent, route: request.route, code };
    for (const { plugin, fn } of this.#contributions.hooks.close)
      this.#callLast(
        () => fn(request, outcome),
        (error) => this.#blame(plugin, error, request),
      );
  }

  /** Calls a hook whose result nobody waits for. */
  #callLast(run: () => unknown, failed: (error: unknown) => void): void {
    try {
      const result = run();
      // A thenable of another library may reject twice, or throw.
      if (isPromise(result)) promiseThen.call(Promise.resolve(result), undefined, failed);
    } catch (error) {
      failed(error);
    }
  }

  /**
   * The answers that need no handler.
   * Errors: TARGET_MISDIRECTED, HOST_NOT_ALLOWED, CROSS_SITE_REFUSED.
   */
  #preset(request: ExchangeRequest): Answer | undefined {
    const { head, effectiveHost: host } = request;
    if (head.needsTls && request.protocol !== 'https') throw new JackfieldError('TARGET_MISDIRECTED');
    const { section, claim } = head;
    if (claim?.answer !== undefined) return toAnswer(claim.answer);
    // The host of a claimed head is checked by its dialect.
    if (claim === undefined && (section.allowedBy !== this.#allowedHosts || host !== section.host)) {
      if (host !== undefined && !this.#allowedHosts.allows(host)) {
        throw new JackfieldError('HOST_NOT_ALLOWED', host);
      }
      // An absolute target names another host than the section's (RFC 9112 §3.2.2), and a trusted proxy may too.
      if (host === section.host) section.allowedBy = this.#allowedHosts;
    }
    // Asked here first, so that requests of programs pay for one comparison.
    if (section.fromBrowser) this.#refuseCrossSite(request);
    return undefined;
  }

  /** Errors: CROSS_SITE_REFUSED. */
  #refuseCrossSite(request: ExchangeRequest): void {
    if (this.#crossSite === 'allow') return;
    const sign = crossSiteSign(request);
    if (sign === undefined) return;
    const { registry, hooks } = this.#contributions;
    if (registry.allowsCrossSite(request.method, request.path)) return;
    if (hooks.crossSite.some((hook) => this.#letsIn(hook, request))) return;
    throw new JackfieldError('CROSS_SITE_REFUSED', sign);
  }

  /** A hook that fails lets nobody in. */
  #letsIn({ plugin, fn }: Hook<'crossSite'>, request: ExchangeRequest): boolean {
    try {
      const allowed: MaybePromise<unknown> = fn(request);
      if (allowed === true) return true;
      if (allowed === false || allowed === undefined) return false;
      // A promise would be true to every condition, and one that is rejected would end the process.
      if (isPromise(allowed)) promiseThen.call(Promise.resolve(allowed), undefined, () => {});
      throw new TypeError(
        'A hook of the stage "crossSite" must return true or false at once, not a promise.',
      );
    } catch (error) {
      this.#blame(plugin, error, request);
      return false;
    }
  }

  /**
   * @param asked The method of the client, which the sentence names: that of HEAD if GET is looked for on its behalf.
   * Errors: METHOD_NOT_ALLOWED, NOT_FOUND.
   */
  #find(request: ExchangeRequest, asked = request.method): Match {
    const { registry } = this.#contributions;
    const { method, path } = request;
    const match = registry.find(method, path);
    if (match !== undefined) return match;
    const allowed = registry.allowedMethods(path);
    if (registry.takesMethod(method) && allowed.length === 0) throw new JackfieldError('NOT_FOUND');
    const { message, status } = new JackfieldError('METHOD_NOT_ALLOWED', asked);
    // Clients of a dialect compare octets; its own refusal has no method in it either.
    const sentence = request.dialect === '' ? message : 'Method not allowed';
    throw new HttpError(status, sentence, { Allow: allowed.join(', ') }, 'METHOD_NOT_ALLOWED');
  }

  /** Never throws nor rejects, as `#failed` does not. */
  #call({ route, params }: Match, request: ExchangeRequest): MaybePromise<Answer> {
    request.params = params;
    request.handledBy = route.plugin;
    request.route = route.pattern.text;
    try {
      const value = route.handler(request);
      return isPromise(value) ? this.#later(value, request, route.plugin) : answerTo(request, value);
    } catch (error) {
      return this.#failed(request, blamed(route.plugin, error));
    }
  }

  /** Each promise on the way costs, so there is one. */
  #later(value: Promise<ResponseValue>, request: ExchangeRequest, plugin: string): Promise<Answer> {
    const failed = (error: unknown) => this.#failed(request, blamed(plugin, error));
    // A thenable of another library becomes a promise here.
    const promise: Promise<ResponseValue> = Promise.resolve(value);
    const answered = (late: ResponseValue): MaybePromise<Answer> => {
      try {
        return answerTo(request, late);
      } catch (error) {
        return failed(error);
      }
    };
    // As `await` does, past a `then` that a promise was given: it may return anything.
    return promiseThen.call(promise, answered, failed) as Promise<Answer>;
  }

  async #withHooks(request: ExchangeRequest): Promise<Answer> {
    let answer: Answer | undefined;
    try {
      answer = this.#preset(request) ?? (await this.#runHooks('request', request));
      if (answer === undefined) {
        mustGoOn(request);
        const match = this.#find(request);
        request.params = match.params;
        answer = await this.#runHooks('handler', request);
        mustGoOn(request);
        answer ??= await this.#call(match, request);
      }
    } catch (error) {
      answer = await this.#failed(request, error);
    }
    const { response } = this.#contributions.hooks;
    // The server may have refused the request meanwhile, or the client gone: then nobody sends this answer.
    while (request.responseHooks < response.length && !request.isAborted) {
      const { plugin, fn } = response[request.responseHooks++]!;
      request.unsent = answer.body;
      try {
        const now: Answer = answer;
        const run = () => fn(request, toParts(now));
        const fitting = async () => withoutLostFields(now, await run());
        const replaced = await this.#runHook(
          plugin,
          request,
          now.handOver === undefined ? run : fitting,
          now,
        );
        if (replaced !== undefined) answer = withoutLoss(answer, replaced);
      } catch (error) {
        abandon(answer.body);
        // Nobody waits for this answer any more, and its stream may have been let go of under the hands of the hook.
        if (!request.isAborted) throw error;
      }
    }
    request.unsent = undefined;
    return answer;
  }

  async #runHooks(stage: 'request' | 'handler', request: ExchangeRequest): Promise<Answer | undefined> {
    for (const { plugin, fn } of this.#contributions.hooks[stage]) {
      mustGoOn(request);
      const answer = await this.#runHook(plugin, request, () => fn(request));
      if (answer !== undefined) return this.#refused(request, answer);
    }
    return undefined;
  }

  /** @param shown The answer that a response hook is shown. */
  async #runHook(
    plugin: string,
    request: ExchangeRequest,
    run: () => unknown,
    shown?: Answer,
  ): Promise<Answer | undefined> {
    // It is this plugin that is waited for, and whose answer it is where it gives one.
    const before = request.handledBy;
    request.handledBy = plugin;
    try {
      const value = await run();
      if (value !== undefined) return answerTo(request, value as ResponseValue, shown);
      request.handledBy = before;
      return undefined;
    } catch (error) {
      throw blamed(plugin, error);
    }
  }

  /** Error hooks, then the answer that tells the error. */
  #failed(request: ExchangeRequest, thrown: unknown): MaybePromise<Answer> {
    const { plugin, error } = Blamed.is(thrown) ? thrown : { plugin: 'jackfield', error: thrown };
    let expected: boolean;
    try {
      expected = isExpected(error);
    } catch {
      // A proxy, say, that throws whatever it is asked.
      return this.#failed(
        request,
        new Blamed(plugin, new TypeError('It threw a value that cannot be read.')),
      );
    }
    if (!expected) this.#blame(plugin, error, request);
    const hooks = this.#contributions.hooks.error;
    // What was refused or lost meanwhile gets no answer of this error.
    return hooks.length === 0 || request.isAborted
      ? this.#tell(request, plugin, error)
      : this.#runErrorHooks(request, plugin, error);
  }

  /** An HttpError carries headers of a plugin, which may be as wrong as those of an answer. */
  #tell(request: ExchangeRequest, plugin: string, error: unknown): Answer {
    try {
      return this.#refused(request, errorAnswer(error));
    } catch (invalid) {
      this.#blame(plugin, invalid, request);
      return this.#refused(request, errorAnswer(invalid));
    }
  }

  async #runErrorHooks(request: ExchangeRequest, culprit: string, error: unknown): Promise<Answer> {
    request.errorHooks = true;
    for (const { plugin, fn } of this.#contributions.hooks.error) {
      try {
        const answer = await this.#runHook(plugin, request, () => fn(request, error));
        if (answer !== undefined) return this.#refused(request, withCode(answer, codeOf(error)));
      } catch (again) {
        // An error hook that fails must not start another round of error hooks.
        this.#blame(plugin, Blamed.is(again) ? again.error : again, request);
      }
    }
    return this.#tell(request, culprit, error);
  }

  #blame(plugin: string, error: unknown, request: Request): void {
    const { method, path } = request;
    this.#log.error(
      { plugin, method, path, ...logFields.get(request), err: error },
      'A plugin failed while it handled a request.',
    );
  }
}

/**
 * While a hook waited, the server may have refused the request, or the client gone: then nothing more is done for it.
 * Errors: CONNECTION_LOST, which nobody is sent.
 */
function mustGoOn(request: ExchangeRequest): void {
  if (request.isAborted) throw new JackfieldError('CONNECTION_LOST');
}

/** A stream that a hook has put something whole in the place of is read by nobody; one behind a stream may be its source. */
function withoutLoss(before: Answer, by: Answer): Answer {
  if (isStream(before.body) && !isStream(by.body)) abandon(before.body);
  const answer = replaceAnswer(before, by);
  // A hook that adds a field to it has not made the connection its own.
  const isSame = before.handOver !== undefined && before.handOver.takeOver === by.handOver?.takeOver;
  return isSame ? { ...answer, handOver: before.handOver } : answer;
}

/** What was returned, checked; where it carries a validator, as far as the conditions of the request let it be. */
function answerTo(request: ExchangeRequest, value: ResponseValue, shown?: Answer): Answer {
  try {
    return checkedAnswer(request, value, shown);
  } catch (error) {
    abandonFaulty(value);
    throw error;
  }
}

function checkedAnswer(request: ExchangeRequest, value: ResponseValue, shown?: Answer): Answer {
  const answer = toAnswer(value, shown);
  if (answer.handOver !== undefined || request.method === 'CONNECT') {
    mustFit(request, answer);
    const { handOver } = answer;
    return handOver ? { ...answer, handOver: { ...handOver, plugin: request.handledBy } } : answer;
  }
  const { validators } = answer.fields;
  return validators === undefined ? answer : conditional(request, answer, validators);
}

/** An error with the plugin it came from, until it is told. */
class Blamed {
  readonly #isOne = true;

  constructor(
    readonly plugin: string,
    readonly error: unknown,
  ) {}

  /** Unlike `instanceof` this asks a proxy nothing. */
  static is(thrown: unknown): thrown is Blamed {
    return typeof thrown === 'object' && thrown !== null && #isOne in thrown;
  }
}

function blamed(plugin: string, error: unknown): Blamed {
  return Blamed.is(error) ? error : new Blamed(plugin, error);
}

function isPromise<T>(value: MaybePromise<T> | PromiseLike<T>): value is Promise<T> {
  return (
    typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
  );
}
