/** A plugin: what it is, what its set-up is given, and where its hooks stand. */
import type { StandardSchema } from '../config/standard-schema.js';
import type { ErrorCode, JackfieldError } from '../errors.js';
import type { Dialect } from '../http/dialect.js';
import type { Log } from '../log.js';
import type { MaybePromise } from '../maybe-promise.js';
import type { Change, CommitResult, Committed, StorageAdapter } from '../storage/contract.js';
import type { CurrentState, ResponseValue, ShownResponse } from './answer.js';
import type { ParamsOf, Request } from './request.js';

/** The store as plugins see it: every call is checked at the core's door. `watch` is there where `supports` says so. */
export interface Storage
  extends Pick<StorageAdapter, 'name' | 'supports' | 'get' | 'list' | 'watch' | 'revision' | 'position'> {
  /**
   * Present where the store begins to count its revisions anew whenever it is opened: a word that is another each time.
   * Whoever gives a revision to a client that may come back later gives this with it.
   */
  readonly era?: string;
  /** Why the store writes nothing any more until the server is started anew; undefined while all is well. */
  readonly fault?: JackfieldError | undefined;
  /** Without checks nothing can conflict: it is made, or it throws. */
  commit(change: Omit<Change, 'checks'> & { readonly checks?: never }): MaybePromise<Committed>;
  /** Makes the change where every check holds. */
  commit(change: Change): MaybePromise<CommitResult>;
}

export type Handler<Params = Readonly<Record<string, string>>> = (
  request: Request<Params>,
) => MaybePromise<ResponseValue>;

export interface HandleOptions {
  /**
   * With the method `*`: take only methods that some other call of `handle` names, so that claiming a path does not
   * open methods nobody registered (those stay 405).
   */
  readonly registeredMethodsOnly?: boolean;
  /** With the method `*`: the methods that this path really has, for the `Allow` field of a 405. Default: all. */
  readonly allow?: readonly string[];
  /**
   * The largest body this handler takes, in octets, in place of `limits.maxBodyOctets`: more or less. Judged before
   * anything of the body is kept. Errors: BODY_TOO_LARGE.
   */
  readonly maxBodyOctets?: number;
  /**
   * What tells the present state of the resource, undefined where there is none. With it the conditions of a request
   * that would change something (`If-Match` and the like) are evaluated before the handler runs: where they do not hold
   * it does not, and the answer is 412 (RFC 9110 §13). Asked for requests with conditions only. GET and HEAD need no
   * such function: there the validators of the answer count. Whoever has to be sure that nothing happens between this
   * look and the change checks again in the change itself, as with the `checks` of `storage.commit`.
   */
  readonly state?: (request: Request) => MaybePromise<CurrentState | undefined>;
  /**
   * `allow`: let pages of other sites use this handler, whatever `crossSite` of the configuration says. For a handler
   * that decides itself about them, by `Origin` or by a token in the body: a WebSocket, or a form that another site posts.
   */
  readonly crossSite?: 'allow';
  /**
   * Shown every refusal of a request to this handler before it is sent, whoever made it: an error that the handler threw,
   * a hook, the overload limit, a deadline. `refusal` has a status of 400 or more and headers with names in lower case.
   * Returning a response replaces it, for protocols whose clients give up at a status. `response` hooks run after it.
   */
  readonly refused?: (request: Request, refusal: ShownResponse) => ResponseValue | undefined;
  /** Answer only where nothing else matches the path; such a handler does not make the path exist for others. */
  readonly fallback?: boolean;
}

/** How an exchange ended, for `close` hooks. */
export interface Outcome {
  /** Of the final answer; 0 where nothing of one was sent. */
  readonly status: number;
  /** Octets of content handed to the socket: without the header section and without the framing of chunks. */
  readonly contentOctets: number;
  /** Milliseconds from the end of the header section to now. */
  readonly durationMs: number;
  /** The answer was handed to the socket whole; else the exchange was broken off. */
  readonly isComplete: boolean;
  /** The pattern of the handler that was found, of GET's where HEAD was forwarded to it; `''` where none was. */
  readonly route: string;
  /** Of the error that the answer reports (`core/ERRORS.md`); undefined for others, and for an HttpError without code. */
  readonly code?: ErrorCode | undefined;
}

/**
 * An error response to octets that are not a request: the request line or the header section is faulty, too large, or
 * did not arrive in time. It is the last response of its connection. For `unread` hooks.
 */
export interface Unread {
  readonly status: number;
  readonly code: ErrorCode;
  /** Of the peer, without port; `''` on a Unix socket. What a proxy says about its client was not read. */
  readonly remoteAddress: string;
  /**
   * What was received of the request line: the first 256 octets at most, `''` for nothing. It is not a valid line in
   * most cases; quotes, backslashes and all octets that are not printable ASCII are escaped: `\"`, `\\`, `\xhh`.
   */
  readonly requestLine: string;
  /** Octets of content of the response, as for `Outcome`. */
  readonly contentOctets: number;
}

/** What a server counts, for `stats`. */
export interface ServerStats {
  /** Open now, TLS handshakes under way among them. */
  readonly connections: number;
  /** Closed at once because of `limits.maxConnections`, since the start. */
  readonly connectionsRefused: number;
  /** Answered OVERLOADED before a handler saw them, since the start. */
  readonly requestsRefused: number;
  /** Exchanges under way. */
  readonly exchanges: number;
}

/**
 * Where a hook stands in an exchange. In one stage hooks run in the order in which their plugins were set up.
 * - `crossSite`: before everything else, and only where a page of another site sends a request that could change
 *   something (an unsafe method, or an upgrade). Returning `true` lets it in; if no hook does, the answer is 403
 *   `CROSS_SITE_REFUSED`. Returns at once: a promise lets nobody in.
 * - `request`: before the registry is asked. Returning a response answers with it.
 * - `handler`: a handler was found, it has not run yet. Returning a response answers with it.
 * - `response`: an answer is there, nothing of it is sent. Returning a response replaces it.
 * - `error`: something threw; the error response is about to be made. Returning a response replaces it.
 * - `close`: the answer was handed to the socket whole, or the exchange was broken off. What it returns is ignored.
 * - `unread`: the server answered something whose head it could not read, so there is no request and no other hook ran.
 *   What it returns is ignored.
 *
 * A refusal by the server itself of a request whose head was read (a body that is too large, a deadline) runs `error`
 * (not for OVERLOADED), `response` and `close`. All of its `error` and `response` hooks together have a second; then it
 * is sent as they left it. One that throws is logged, and its part is left out.
 */
export interface Hooks {
  crossSite(request: Request): boolean | undefined;
  request(request: Request): MaybePromise<ResponseValue | undefined | void>;
  handler(request: Request): MaybePromise<ResponseValue | undefined | void>;
  response(request: Request, response: ShownResponse): MaybePromise<ResponseValue | undefined | void>;
  error(request: Request, error: unknown): MaybePromise<ResponseValue | undefined | void>;
  close(request: Request, outcome: Outcome): MaybePromise<void>;
  unread(unread: Unread): MaybePromise<void>;
}

/** What `setup` is given. All of it may be taken apart: `setup({ handle, storage }) { … }`. */
export interface PluginContext<Options = unknown> {
  /**
   * Registers a handler. `method` is any token, or `*` for all. `pattern` is a path whose segments may be `:name`;
   * a last segment `*` takes the rest, `*` alone every path. The most specific pattern wins: literal before
   * `:name` before `*`; then a named method before `*`. Errors: HANDLER_REPEATED.
   */
  handle<const Pattern extends string>(
    method: string,
    pattern: Pattern,
    handler: Handler<ParamsOf<Pattern>>,
    options?: HandleOptions,
  ): void;
  hook<Stage extends keyof Hooks>(stage: Stage, fn: Hooks[Stage]): void;
  /** Registers a wire dialect: it may claim heads that the standard refuses. */
  dialect(dialect: Dialect): void;
  /** What the registry answers to this request under another method; how HEAD is made from GET. */
  forward(request: Request, method: string): MaybePromise<ResponseValue>;
  /**
   * The methods that have a handler of their own at a path (as of `request.path`), sorted, as in the `Allow` field of a
   * 405; `*` among them where a handler takes every method there. Without a path: every method that a handler names.
   * To be called when the server is ready, not in `setup`.
   */
  allowedMethods(path?: string): readonly string[];
  /** What the server counts; zeros until it is ready. */
  stats(): ServerStats;
  /** The one store of the server. */
  readonly storage: Storage;
  /** Carries the plugin's name on every line. */
  readonly log: Log;
  readonly options: Options;
  /** Aborted when the server begins to stop. */
  readonly signal: AbortSignal;
  /** The folder that relative paths in options start from. Absolute. */
  readonly folder: string;
  /**
   * The prefix of its entry in the configuration, `''` for none, spelt as in `request.path`. `handle` puts it before
   * every pattern. A plugin needs it to build links, and to compare `request.path` with paths from its options.
   */
  readonly prefix: string;
  /** Runs when the server closes, in reverse order, also after a half-finished `setup`. */
  onClose(fn: () => MaybePromise<void>): void;
  /** Asks the server to stop cleanly; exchanges under way are finished first. */
  shutdown(): void;
}

/**
 * A plugin's life: load → validate options → order by `needs` → `setup` → listen → serve → drain → the functions
 * given to `onClose`, last plugin first. Nothing listens until every plugin is set up; when one fails, those
 * already up are closed and the server does not start. A reload keeps a plugin with the same module, name, prefix and
 * options; another one is set up beside what runs, and one that left is closed when no exchange uses it any more.
 */
export interface Plugin<Options = unknown> {
  /** Unique in a server; the file name of a built-in, usually the package name of others. */
  readonly name: string;
  readonly version?: string;
  /**
   * Plugins that are set up before this one: `'audit'`, or with a range of versions `'audit@^1.2'`.
   * Errors: PLUGIN_NEEDS_MISSING, PLUGIN_NEEDS_VERSION, PLUGIN_NEEDS_CYCLE.
   */
  readonly needs?: readonly (string | { readonly name: string; readonly range?: string })[];
  /** Any Standard Schema; `options` of the context is its output. Without one, no options are taken. */
  readonly options?: StandardSchema<unknown, Options>;
  /** Errors: PLUGIN_SETUP_FAILED (it threw), PLUGIN_SETUP_TIMEOUT (it did not return in time). */
  setup(context: PluginContext<Options>): MaybePromise<void>;
}

/** Only adds types: the object is returned as it is. */
export function definePlugin<Options = Record<string, never>>(plugin: Plugin<Options>): Plugin<Options> {
  return plugin;
}
