/**
 * From a request to its answer: host check → hooks → registry → handler → check of the result.
 *
 * Rule of this file: `dispatch` never throws and never rejects. Whatever a plugin does, it still produces an answer,
 * and the log names the faulty plugin. `hooks.ts` runs the hooks.
 */

import type { ResponseValue } from '../api/answer.js';
import type { Outcome, Unread } from '../api/plugin.js';
import { type ErrorCode, JackfieldError } from '../errors.js';
import type { Dispatching, Exchange } from '../exchange/exchange.js';
import type { ExchangeRequest, Forwarder } from '../exchange/exchange-request.js';
import type { TakenConnections } from '../exchange/taken-connections.js';
import type { ClaimedHead, Dialect, DialectContext, RefusedHead } from '../http/dialect.js';
import type { RequestHead } from '../http/request-head.js';
import type { Log } from '../log.js';
import { isPromise, type MaybePromise } from '../maybe-promise.js';
import type { AllowedHosts } from './allowed-hosts.js';
import {
  type Answer,
  codeOf,
  errorAnswer,
  isExpected,
  type Refusal,
  toAnswer,
  toParts,
  withCode,
} from './answer.js';
import { Blamed, blamed, logFault } from './blamed.js';
import { answerTo, withoutLoss } from './checked-answer.js';
import { crossSiteSign } from './cross-site.js';
import { HookRunner, type HookTable } from './hooks.js';
import { HttpError } from './http-error.js';
import type { Match, Registry } from './registry.js';

const { then: promiseThen } = Promise.prototype;

/** All contributions of the plugins of a server; replaced as a whole. */
export interface Contributions {
  readonly registry: Registry;
  readonly hooks: HookTable;
  readonly dialects: readonly Dialect[];
  /** By the name of the plugin. */
  readonly taken: ReadonlyMap<string, TakenConnections>;
}

/** What is known of a connection that a plugin had taken over. */
interface HandedBack extends Pick<Outcome, 'status' | 'contentOctets'> {
  /** As of `Exchange`. */
  readonly startedAt: number;
}

export class Dispatcher implements DialectContext, Dispatching, Forwarder {
  readonly #contributions: Contributions;
  readonly #allowedHosts: AllowedHosts;
  readonly log: Log;
  readonly #crossSite: 'refuse' | 'allow';
  readonly #hooks: HookRunner;
  readonly #hasHooks: boolean;
  /** Whether a plugin has a `close` hook. */
  readonly watchesClose: boolean;
  /** Exchanges that began here and are not over. */
  #inFlight = 0;
  #idle: Promise<void> | undefined;
  #whenIdle: (() => void) | undefined;

  /** @param crossSite The setting of the configuration. */
  constructor(
    contributions: Contributions,
    allowedHosts: AllowedHosts,
    log: Log,
    crossSite: 'refuse' | 'allow' = 'refuse',
  ) {
    this.#contributions = contributions;
    this.#crossSite = crossSite;
    this.#allowedHosts = allowedHosts;
    this.log = log;
    this.#hooks = new HookRunner(contributions.hooks, log);
    this.watchesClose = this.#hooks.watchClose;
    this.#hasHooks = this.#hooks.areOnTheWay;
  }

  // Questions of dialects

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

  /**
   * Offers a refused head to the dialects, in the order of their registration. With a bare LF, only to those that allow
   * it.
   */
  readonly claim = (head: RefusedHead, hasBareLf = false): ClaimedHead | undefined => {
    for (const dialect of this.#contributions.dialects) {
      if (hasBareLf && dialect.allowsBareLf === undefined) continue;
      const claimed = this.#claimWith(dialect, head);
      if (claimed !== undefined) return claimed;
    }
    return undefined;
  };

  /** Whether a dialect accepts a bare LF after this Host field. */
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

  /** The body limit that the handler of this request has set, in octets. */
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
    this.log.error({ dialect: dialect.name, err: error }, 'A dialect failed while it read a head.');
  }

  /** Answers at once if no hook or handler returns a promise. */
  dispatch(request: ExchangeRequest): MaybePromise<Answer> {
    this.#inFlight++;
    request.forwarder = this;
    if (this.#hasHooks) return this.#withHooks(request);
    try {
      return this.#preset(request) ?? this.#call(this.#find(request), request);
    } catch (error) {
      return this.#failed(request, error);
    }
  }

  /** Answers this request under another method. */
  forward(request: ExchangeRequest, method: string): MaybePromise<ResponseValue> {
    const forwarded = request.withMethod(method);
    const match = this.#find(forwarded, request.method);
    forwarded.params = match.params;
    request.route = match.route.pattern.text;
    return match.route.handler(forwarded);
  }

  /** Formats a refusal with the handler's `HandleOptions.refused`. Never throws. */
  #refused(request: ExchangeRequest, answer: Answer): Answer {
    const { registry } = this.#contributions;
    if (!registry.hasRefusals || answer.status < 400 || request.dialect !== '') return answer;
    const route = registry.routeAt(request.method, request.path);
    if (route?.options.refused === undefined) return answer;
    try {
      const value = route.options.refused(request, toParts(answer));
      if (value === undefined) return answer;
      // It still reports the error, whatever its status is.
      const replaced = withoutLoss(answer, toAnswer(value));
      return answer.code === undefined ? replaced : { ...replaced, code: answer.code };
    } catch (error) {
      logFault(this.log, route.plugin, error, request);
      return answer;
    }
  }

  /** The connections that this plugin has taken over. */
  takenBy(plugin: string): TakenConnections | undefined {
    return this.#contributions.taken.get(plugin);
  }

  /**
   * Resolves when every exchange that began here is over. Call it after a reload has replaced this dispatcher, so that
   * no exchange begins here any more.
   */
  idle(): Promise<void> {
    this.#idle ??= new Promise((resolve) => {
      this.#whenIdle = resolve;
      if (this.#inFlight === 0) resolve();
    });
    return this.#idle;
  }

  /**
   * Runs the hooks for a refusal by the server itself. They work on `refusal` until the exchange is answered. They
   * never see a late answer of a plugin.
   * @param error For `error` hooks; if absent, they do not run.
   * @returns a promise if a hook returns one. Never throws or rejects.
   */
  refuse(exchange: Exchange, refusal: Refusal, error?: JackfieldError): MaybePromise<void> {
    const { request } = exchange;
    if (request.forwarder === undefined) {
      this.#inFlight++;
      request.forwarder = this;
    }
    refusal.answer = this.#refused(request, refusal.answer);
    const isReplaced = error !== undefined && this.#hooks.refused(exchange, refusal, error);
    if (isReplaced instanceof Promise)
      return isReplaced.then((is) => this.#respondToRefusal(exchange, refusal, is));
    return this.#respondToRefusal(exchange, refusal, isReplaced);
  }

  #respondToRefusal(exchange: Exchange, refusal: Refusal, isReplaced: boolean): MaybePromise<void> {
    if (isReplaced) refusal.answer = this.#refused(exchange.request, refusal.answer);
    return this.#hooks.respondToRefusal(exchange, refusal);
  }

  /** What is sent in place of a chosen answer: the same with the fields of plugins, unless nobody reads or writes its head. */
  withFields(request: ExchangeRequest, answer: Answer): Answer {
    const hasHead = request.dialect === '' && answer.handOver?.writesHead !== false;
    return this.#hooks.addsFields && hasHead ? this.#hooks.withFields(request, answer) : answer;
  }

  /** Calls the `unread` hooks. */
  unread(unread: Unread): void {
    this.#hooks.unread(unread);
  }

  /** Calls the `close` hooks. Called once for each exchange that was dispatched or refused, when it is over. */
  closed(exchange: Exchange, goesOn: boolean): void {
    if (this.watchesClose && !goesOn) this.#hooks.closed(exchange.request, outcomeOf(exchange));
    if (--this.#inFlight === 0) this.#whenIdle?.();
  }

  /**
   * Calls the `close` hooks for a connection that a plugin had taken over, when it has ended. Called for the dispatcher of
   * that time: the one that answered may have been replaced long ago, and its plugins closed.
   */
  handedBack(request: ExchangeRequest, { startedAt, ...rest }: HandedBack): void {
    if (!this.watchesClose) return;
    // No plugin asked for the time then, so there is none.
    const durationMs = startedAt === 0 ? 0 : performance.now() - startedAt;
    this.#hooks.closed(request, {
      ...rest,
      durationMs,
      isComplete: true,
      route: request.route,
      code: undefined,
    });
  }

  /**
   * Answers that need no handler.
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
        if (this.#contributions.registry.optionsAt(request.method, request.path).anyHost !== true)
          throw new JackfieldError('HOST_NOT_ALLOWED', host);
      } else if (host === section.host) {
        // An absolute target may name another host than the section (RFC 9112 §3.2.2); so may a trusted proxy.
        section.allowedBy = this.#allowedHosts;
      }
    }
    // Checked first: requests of other programs then cost one comparison.
    if (section.fromBrowser) this.#refuseCrossSite(request);
    return undefined;
  }

  /** Errors: CROSS_SITE_REFUSED. */
  #refuseCrossSite(request: ExchangeRequest): void {
    const sign = crossSiteSign(request);
    if (sign === undefined) return;
    const { crossSite } = this.#contributions.registry.optionsAt(request.method, request.path);
    const isAllowed = crossSite === 'allow' || this.#crossSite === 'allow' || this.#hooks.letIn(request);
    if (isAllowed && crossSite !== 'refuse') return;
    throw new JackfieldError('CROSS_SITE_REFUSED', sign);
  }

  /**
   * @param asked The client's method, for the message: HEAD if GET is looked up for a HEAD request.
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
    // Clients of a dialect compare octets, and the dialect's own refusal does not name the method either.
    const sentence = request.dialect === '' ? message : 'Method not allowed';
    throw new HttpError(status, sentence, { Allow: allowed.join(', ') }, 'METHOD_NOT_ALLOWED');
  }

  /** Never throws or rejects, because `#failed` does not. */
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

  /** Each promise costs time, so there is only one. */
  #later(value: Promise<ResponseValue>, request: ExchangeRequest, plugin: string): Promise<Answer> {
    const failed = (error: unknown) => this.#failed(request, blamed(plugin, error));
    // Turns a thenable of another library into a promise.
    const promise: Promise<ResponseValue> = Promise.resolve(value);
    const answered = (late: ResponseValue): MaybePromise<Answer> => {
      try {
        return answerTo(request, late);
      } catch (error) {
        return failed(error);
      }
    };
    // Like `await`, this ignores an own `then` of the promise, which could return anything.
    return promiseThen.call(promise, answered, failed) as Promise<Answer>;
  }

  #withHooks(request: ExchangeRequest): MaybePromise<Answer> {
    const answer = this.#answered(request);
    return answer instanceof Promise
      ? answer.then((late) => this.#respond(request, late))
      : this.#respond(request, answer);
  }

  /** Never throws or rejects. */
  #answered(request: ExchangeRequest): MaybePromise<Answer> {
    try {
      const answer = this.#preset(request) ?? this.#before('request', request);
      if (answer === undefined) return this.#routed(request);
      return answer instanceof Promise ? this.#answeredLater(request, answer) : answer;
    } catch (error) {
      return this.#failed(request, error);
    }
  }

  async #answeredLater(request: ExchangeRequest, answer: Promise<Answer | undefined>): Promise<Answer> {
    try {
      return (await answer) ?? this.#routed(request);
    } catch (error) {
      return this.#failed(request, error);
    }
  }

  /** Never throws or rejects. */
  #routed(request: ExchangeRequest): MaybePromise<Answer> {
    try {
      const match = this.#find(request);
      request.params = match.params;
      const answer = this.#before('handler', request);
      if (answer === undefined) return this.#call(match, request);
      if (!(answer instanceof Promise)) return answer;
      return answer.then(
        (late) => late ?? this.#call(match, request),
        (error: unknown) => this.#failed(request, error),
      );
    } catch (error) {
      return this.#failed(request, error);
    }
  }

  #before(stage: 'request' | 'handler', request: ExchangeRequest): MaybePromise<Answer | undefined> {
    const answer = this.#hooks.before(stage, request);
    if (answer === undefined) return undefined;
    return answer instanceof Promise
      ? answer.then((late) => late && this.#refused(request, late))
      : this.#refused(request, answer);
  }

  /** Never throws or rejects. */
  #respond(request: ExchangeRequest, answer: Answer): MaybePromise<Answer> {
    try {
      const last = this.#hooks.respond(request, answer);
      return last instanceof Promise ? last.catch((error: unknown) => this.#failed(request, error)) : last;
    } catch (error) {
      return this.#failed(request, error);
    }
  }

  /** The answer of an `error` hook, or one that reports the error. Never throws or rejects. */
  #failed(request: ExchangeRequest, thrown: unknown): MaybePromise<Answer> {
    const { plugin, error } = Blamed.is(thrown) ? thrown : { plugin: 'jackfield', error: thrown };
    let expected: boolean;
    let code: ErrorCode | undefined;
    try {
      expected = isExpected(error);
      code = codeOf(error);
    } catch {
      // For example, a proxy object that throws on every access.
      return this.#failed(
        request,
        new Blamed(plugin, new TypeError('It threw a value that cannot be read.')),
      );
    }
    if (!expected) logFault(this.log, plugin, error, request);
    // If the request was refused or lost meanwhile, nobody gets this answer.
    const answer = request.isAborted ? undefined : this.#hooks.failed(request, error);
    if (answer === undefined) return this.#report(request, plugin, error);
    const finish = (by: Answer) => this.#refused(request, withCode(by, code));
    return answer instanceof Promise
      ? answer.then((late) => (late === undefined ? this.#report(request, plugin, error) : finish(late)))
      : finish(answer);
  }

  /** An HttpError has headers from a plugin, which may be as invalid as those of an answer. */
  #report(request: ExchangeRequest, plugin: string, error: unknown): Answer {
    try {
      return this.#refused(request, errorAnswer(error));
    } catch (invalid) {
      logFault(this.log, plugin, invalid, request);
      return this.#refused(request, errorAnswer(invalid));
    }
  }
}

function outcomeOf({ request, status, code, contentOctets, startedAt, isWritten }: Exchange): Outcome {
  const durationMs = performance.now() - startedAt;
  return { status, contentOctets, durationMs, isComplete: isWritten, route: request.route, code };
}
