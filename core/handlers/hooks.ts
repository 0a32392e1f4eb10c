/**
 * Runs the hooks of plugins around an exchange.
 *
 * Rules of this file:
 * - A hook that returns no promise costs no promise: a stage runs synchronously up to the first hook that returns one.
 * - A fault of a hook carries the name of its plugin: it is thrown as `Blamed`, or logged if it changes no answer.
 */
import type { ResponseValue } from '../api/answer.js';
import type { Hooks, Outcome, Unread } from '../api/plugin.js';
import { JackfieldError } from '../errors.js';
import { abandon } from '../exchange/answer-source.js';
import type { Exchange } from '../exchange/exchange.js';
import type { ExchangeRequest } from '../exchange/exchange-request.js';
import type { Log } from '../log.js';
import { isPromise, type MaybePromise } from '../maybe-promise.js';
import { type Answer, dropStream, type Refusal, toParts } from './answer.js';
import { addFields } from './answer-fields.js';
import { blamed, logFault } from './blamed.js';
import { answerTo, withoutLoss } from './checked-answer.js';
import { invalid } from './invalid-answer.js';
import { ResponseDraft } from './response-draft.js';

export type Stage = keyof Hooks;

/** A hook and the plugin that registered it. */
export interface Hook<S extends Stage = Stage> {
  readonly plugin: string;
  readonly fn: Hooks[S];
}

export type HookTable = { readonly [S in Stage]: readonly Hook<S>[] };

export type MutableHooks = { [S in Stage]: Hook<S>[] };

export function noHooks(): MutableHooks {
  return {
    crossSite: [],
    request: [],
    handler: [],
    response: [],
    fields: [],
    error: [],
    close: [],
    unread: [],
  };
}

const { then: promiseThen } = Promise.prototype;

export class HookRunner {
  readonly #table: HookTable;
  readonly #log: Log;
  /** Whether there are hooks that run for a successful request. */
  readonly areOnTheWay: boolean;
  /** Whether a plugin has a `close` hook. */
  readonly watchClose: boolean;
  /** Whether a plugin adds fields to answers. */
  readonly addsFields: boolean;

  constructor(table: HookTable, log: Log) {
    this.#table = table;
    this.#log = log;
    this.areOnTheWay = table.request.length + table.handler.length + table.response.length > 0;
    this.watchClose = table.close.length > 0;
    this.addsFields = table.fields.length > 0;
  }

  // Before an answer

  /** Whether a `crossSite` hook allows this request. */
  letIn(request: ExchangeRequest): boolean {
    return this.#table.crossSite.some((hook) => this.#allows(hook, request));
  }

  /** A hook that fails allows nothing. */
  #allows({ plugin, fn }: Hook<'crossSite'>, request: ExchangeRequest): boolean {
    try {
      const allowed: MaybePromise<unknown> = fn(request);
      if (allowed === true) return true;
      if (allowed === false || allowed === undefined) return false;
      // A promise counts as true in a condition, and an unhandled rejection would end the process.
      if (isPromise(allowed)) promiseThen.call(Promise.resolve(allowed), undefined, () => {});
      throw new TypeError(
        'A hook of the stage "crossSite" must return true or false at once, not a promise.',
      );
    } catch (error) {
      logFault(this.#log, plugin, error, request);
      return false;
    }
  }

  /**
   * The answer of the first `request` or `handler` hook that returns one.
   * @param at Index of the first hook to run.
   * Errors: a `Blamed`; CONNECTION_LOST.
   */
  before(stage: 'request' | 'handler', request: ExchangeRequest, at = 0): MaybePromise<Answer | undefined> {
    const hooks = this.#table[stage];
    for (let place = at; place < hooks.length; place++) {
      mustGoOn(request);
      const { plugin, fn } = hooks[place]!;
      const value = this.#call(plugin, request, fn, undefined);
      if (value === undefined) continue;
      if (!(value instanceof Promise)) return answerOf(plugin, request, value);
      return value
        .then((late) => answerOf(plugin, request, late))
        .then((late) => late ?? this.before(stage, request, place + 1));
    }
    mustGoOn(request);
    return undefined;
  }

  // The answer exists

  /**
   * The answer after the `response` hooks. They stop early if the server refuses the request meanwhile or the client is
   * gone: then the answer is not sent.
   * Errors: a `Blamed`.
   */
  respond(request: ExchangeRequest, answer: Answer): MaybePromise<Answer> {
    if (request.responseHooks >= this.#table.response.length) return answer;
    return this.#respond(request, new ResponseDraft(request, answer));
  }

  #respond(request: ExchangeRequest, draft: ResponseDraft): MaybePromise<Answer> {
    const hooks = this.#table.response;
    try {
      while (request.responseHooks < hooks.length && !request.isAborted) {
        const { plugin, fn } = hooks[request.responseHooks++]!;
        const shown = draft.show();
        request.unsent = draft.checked.body;
        const value = this.#call(plugin, request, fn, shown);
        if (value instanceof Promise) return this.#respondLater(request, draft, plugin, value);
        if (value !== undefined) draft.replace(plugin, value);
      }
      const answer = draft.check();
      request.unsent = undefined;
      return answer;
    } catch (error) {
      return spoiled(request, draft, error);
    }
  }

  async #respondLater(
    request: ExchangeRequest,
    draft: ResponseDraft,
    plugin: string,
    value: Promise<ResponseValue | undefined>,
  ): Promise<Answer> {
    try {
      const late = await value;
      if (late !== undefined) draft.replace(plugin, late);
    } catch (error) {
      return spoiled(request, draft, error);
    }
    return this.#respond(request, draft);
  }

  /** The answer with the fields of all `fields` hooks. A hook that fails is logged, and the answer goes without its part. */
  withFields(request: ExchangeRequest, answer: Answer): Answer {
    let { fields } = answer;
    for (const { plugin, fn } of this.#table.fields) {
      try {
        const added = fn(request, answer.status);
        const value: unknown = added;
        if (isPromise(value)) {
          promiseThen.call(Promise.resolve(value), undefined, () => {});
          throw new TypeError('A hook of the stage "fields" must return its fields at once, not a promise.');
        }
        if (added !== undefined) fields = addFields(fields, added);
      } catch (error) {
        logFault(this.#log, plugin, error, request);
      }
    }
    return fields === answer.fields ? answer : { ...answer, fields };
  }

  // Errors

  /**
   * The answer of the first `error` hook that returns one. A failing hook is logged and does not start another round.
   * @param at Index of the first hook to run.
   */
  failed(request: ExchangeRequest, error: unknown, at = 0): MaybePromise<Answer | undefined> {
    const hooks = this.#table.error;
    for (let place = at; place < hooks.length; place++) {
      request.errorHooks = true;
      const { plugin, fn } = hooks[place]!;
      const answer = this.#orLogged(plugin, request, () => fn(request, error));
      if (answer instanceof Promise)
        return answer.then((late) => late ?? this.failed(request, error, place + 1));
      if (answer !== undefined) return answer;
    }
    return undefined;
  }

  #orLogged(plugin: string, request: ExchangeRequest, run: () => unknown): MaybePromise<Answer | undefined> {
    const logged = (error: unknown): undefined => logFault(this.#log, plugin, error, request);
    try {
      const answer = this.#run(plugin, request, run);
      return answer instanceof Promise ? answer.catch(logged) : answer;
    } catch (error) {
      return logged(error);
    }
  }

  // Refusals by the server itself

  /**
   * Runs the `error` hooks for a refusal until one replaces its answer.
   * @returns whether one has.
   */
  refused(exchange: Exchange, refusal: Refusal, error: JackfieldError, at = 0): MaybePromise<boolean> {
    const { request } = exchange;
    const hooks = this.#table.error;
    if (at === 0 && request.errorHooks) return false;
    request.errorHooks = true;
    for (let place = at; place < hooks.length && !exchange.isAnswered; place++) {
      const { plugin, fn } = hooks[place]!;
      const isReplaced = this.#work(exchange, refusal, plugin, () => fn(request, error));
      if (isReplaced instanceof Promise)
        return isReplaced.then((is) => is || this.refused(exchange, refusal, error, place + 1));
      if (isReplaced) return true;
    }
    return false;
  }

  /** Runs the `response` hooks for a refusal, except those that already ran for the answer that it replaces. */
  respondToRefusal(exchange: Exchange, refusal: Refusal): MaybePromise<void> {
    const { request } = exchange;
    const { response } = this.#table;
    while (request.responseHooks < response.length && !exchange.isAnswered) {
      const { plugin, fn } = response[request.responseHooks++]!;
      const done = this.#work(exchange, refusal, plugin, () => fn(request, toParts(refusal.answer)));
      if (done instanceof Promise) return done.then(() => this.respondToRefusal(exchange, refusal));
    }
  }

  /**
   * Lets a hook work on a refusal. If the hook fails, that is logged and the refusal stays: its status must not depend
   * on a mistake of a plugin. So the result of each hook is checked at once.
   * @returns whether the hook has replaced the answer.
   */
  #work(exchange: Exchange, refusal: Refusal, plugin: string, run: () => unknown): MaybePromise<boolean> {
    const { request } = exchange;
    request.unsent = refusal.answer.body;
    const done = (by: Answer | undefined): boolean => {
      const isReplaced = by !== undefined && replaceRefusal(exchange, refusal, by);
      if (!exchange.isAnswered) request.unsent = undefined;
      return isReplaced;
    };
    const failed = (error: unknown): false => {
      logFault(this.#log, plugin, error, request);
      if (!exchange.isAnswered) {
        dropStream(refusal);
        request.unsent = undefined;
      }
      return false;
    };
    try {
      const by = this.#run(plugin, request, run);
      return by instanceof Promise ? by.then(done).catch(failed) : done(by);
    } catch (error) {
      return failed(error);
    }
  }

  // The end

  /** Calls the `close` hooks. */
  closed(request: ExchangeRequest, outcome: Outcome): void {
    for (const { plugin, fn } of this.#table.close)
      callLast(
        () => fn(request, outcome),
        (error) => logFault(this.#log, plugin, error, request),
      );
  }

  /** Calls the `unread` hooks. */
  unread(unread: Unread): void {
    for (const { plugin, fn } of this.#table.unread)
      callLast(
        () => fn(unread),
        (error) =>
          this.#log.error(
            { plugin, code: unread.code, err: error },
            'A plugin failed while it handled a request that could not be read.',
          ),
      );
  }

  // One hook

  /** Calls a hook and checks the answer that it returns. Errors: a `Blamed`. */
  #run(
    plugin: string,
    request: ExchangeRequest,
    run: (request: ExchangeRequest) => unknown,
  ): MaybePromise<Answer | undefined> {
    const value = this.#call(plugin, request, run, undefined);
    return value instanceof Promise
      ? value.then((late) => answerOf(plugin, request, late))
      : answerOf(plugin, request, value);
  }

  /**
   * Calls a hook. While it runs, and afterwards if it returns an answer, `handledBy` names its plugin. Errors: a
   * `Blamed`.
   * @returns the result of the hook, unchecked.
   */
  #call<Shown>(
    plugin: string,
    request: ExchangeRequest,
    run: (request: ExchangeRequest, shown: Shown) => unknown,
    shown: Shown,
  ): MaybePromise<ResponseValue | undefined> {
    const before = request.handledBy;
    request.handledBy = plugin;
    try {
      const value = run(request, shown);
      if (isPromise(value)) return this.#callLater(plugin, request, before, value);
      if (value === undefined) request.handledBy = before;
      // It may be anything; it is checked before use.
      return value as ResponseValue | undefined;
    } catch (error) {
      throw blamed(plugin, error);
    }
  }

  async #callLater(
    plugin: string,
    request: ExchangeRequest,
    before: string,
    value: Promise<unknown>,
  ): Promise<ResponseValue | undefined> {
    try {
      const late = await value;
      if (late === undefined) request.handledBy = before;
      return late as ResponseValue | undefined; // as above
    } catch (error) {
      throw blamed(plugin, error);
    }
  }
}

/**
 * While a hook ran, the server may have refused the request, or the client may be gone: then the request ends here.
 * Errors: CONNECTION_LOST, which is not sent to anybody.
 */
function mustGoOn(request: ExchangeRequest): void {
  if (request.isAborted) throw new JackfieldError('CONNECTION_LOST');
}

function answerOf(
  plugin: string,
  request: ExchangeRequest,
  value: ResponseValue | undefined,
): Answer | undefined {
  if (value === undefined) return undefined;
  try {
    return answerTo(request, value);
  } catch (error) {
    throw blamed(plugin, error);
  }
}

/** A `response` hook failed, or its result is invalid. Errors: a `Blamed`. */
function spoiled(request: ExchangeRequest, draft: ResponseDraft, error: unknown): Answer {
  abandon(draft.checked.body);
  request.unsent = undefined;
  // This answer is not sent any more, and its stream may have been closed while the hook read it.
  if (request.isAborted) return draft.checked;
  throw draft.culprit() ?? error;
}

/** @returns false if the refusal was already sent. Errors: HANDLER_ANSWER_INVALID. */
function replaceRefusal(exchange: Exchange, refusal: Refusal, by: Answer): boolean {
  if (exchange.isAnswered) {
    if (by.body !== refusal.answer.body) abandon(by.body);
    return false;
  }
  if (by.handOver !== undefined)
    throw invalid('It takes over the connection instead of the error answer of the server.');
  refusal.answer = withoutLoss(refusal.answer, by);
  return true;
}

/** Calls a hook whose result is ignored. */
function callLast(run: () => unknown, failed: (error: unknown) => void): void {
  try {
    const result = run();
    // A thenable of another library may reject twice, or throw.
    if (isPromise(result)) promiseThen.call(Promise.resolve(result), undefined, failed);
  } catch (error) {
    failed(error);
  }
}
