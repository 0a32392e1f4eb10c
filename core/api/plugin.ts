/** The types of a plugin: its definition, the context of its set-up, and the stages of its hooks. */
import type { StandardSchema } from '../config/standard-schema.js';
import type { ErrorCode, JackfieldError } from '../errors.js';
import type { Dialect } from '../http/dialect.js';
import type { Log } from '../log.js';
import type { MaybePromise } from '../maybe-promise.js';
import type { Change, CommitResult, Committed, StorageAdapter } from '../storage/contract.js';
import type { CurrentState, ResponseValue, ShownResponse } from './answer.js';
import type { ParamsOf, Request } from './request.js';

/** The store as plugins see it. The core checks every call. `watch` exists if `supports` says so. */
export interface Storage
  extends Pick<StorageAdapter, 'name' | 'supports' | 'get' | 'list' | 'watch' | 'revision' | 'position'> {
  /**
   * Set by stores that restart their revisions on every open: a token new for each open. Send it with every revision a
   * client may return with.
   */
  readonly era?: string;
  /** Why the store writes nothing until the server is restarted; undefined if there is no fault. */
  readonly fault?: JackfieldError | undefined;
  /** Without checks there is no conflict: the change is made, or the call throws. */
  commit(change: Omit<Change, 'checks'> & { readonly checks?: never }): MaybePromise<Committed>;
  /** Makes the change if every check holds. */
  commit(change: Change): MaybePromise<CommitResult>;
}

export type Handler<Params = Readonly<Record<string, string>>> = (
  request: Request<Params>,
) => MaybePromise<ResponseValue>;

export interface HandleOptions {
  /**
   * With the method `*`: accept only methods that another call of `handle` names. So a claim of all methods does not
   * allow methods that no plugin registered; they are still answered 405.
   */
  readonly registeredMethodsOnly?: boolean;
  /** With the method `*`: the methods that this path supports, for the `Allow` field of a 405. Default: all. */
  readonly allow?: readonly string[];
  /**
   * The largest body of this handler in octets, instead of `limits.maxBodyOctets`; it may be more or less. Checked
   * before any part of the body is buffered. Errors: BODY_TOO_LARGE.
   */
  readonly maxBodyOctets?: number;
  /**
   * Returns the validators of the current state of the resource, or undefined if it does not exist. The conditions of
   * a request that would change something (`If-Match` and others) are then evaluated before the handler runs: if one
   * is false, the handler does not run and the answer is 412 (RFC 9110 §13). Called only for requests with conditions.
   * GET and HEAD do not need it: the validators of the answer are used. Another change can happen between this call
   * and the handler's own change; to exclude that, check again in the change, as with the `checks` of
   * `storage.commit`.
   */
  readonly state?: (request: Request) => MaybePromise<CurrentState | undefined>;
  /**
   * `allow`: pages of other sites may use this handler, whatever `crossSite` of the configuration says. For a handler
   * that checks them itself, by `Origin` or by a token in the body: a WebSocket, or a form on another site. `refuse`:
   * none may, whatever the configuration and `crossSite` hooks say. For a handler that no page should ever use.
   */
  readonly crossSite?: 'allow' | 'refuse';
  /**
   * Whether requests may name any host, not only those of `allowedHosts`, as health probes do. A page that uses DNS
   * rebinding can then read the answer, so it must have no secrets and change nothing.
   */
  readonly anyHost?: boolean;
  /**
   * Called with every error answer to a request of this handler before it is sent: an error of the handler, a hook,
   * the overload limit, a deadline. `refusal` has a status of 400 or more and header names in lower case. A returned
   * response replaces it, for protocols whose clients stop at an error status. `response` hooks run after it.
   */
  readonly refused?: (request: Request, refusal: ShownResponse) => ResponseValue | undefined;
  /**
   * Answer only if no other handler matches the path. Such a handler does not make the path exist for other methods.
   */
  readonly fallback?: boolean;
}

/**
 * How an exchange ended, for `close` hooks. If a plugin took the connection over (a WebSocket, a tunnel), that is when
 * the connection has ended: `status` is then 101 (2xx for CONNECT), and the numbers are about the whole time.
 */
export interface Outcome {
  /** Status of the final answer; 0 if nothing of it was sent. */
  readonly status: number;
  /** Octets of content passed to the socket, without the header section and chunk framing. */
  readonly contentOctets: number;
  /** Milliseconds since the end of the header section. */
  readonly durationMs: number;
  /** Whether the whole answer was passed to the socket; false if the exchange was aborted. */
  readonly isComplete: boolean;
  /** The pattern of the matching handler, for HEAD made from GET the pattern of GET; `''` if none matched. */
  readonly route: string;
  /**
   * The code of the error in the answer (`core/ERRORS.md`); undefined for other answers, and for an HttpError without
   * code.
   */
  readonly code?: ErrorCode | undefined;
}

/**
 * An error response to octets that are not a request: the request line or the header section is faulty, too large, or
 * did not arrive in time. It is the last response of its connection. For `unread` hooks.
 */
export interface Unread {
  readonly status: number;
  readonly code: ErrorCode;
  /** Address of the peer, without port; `''` on a Unix socket. Fields of a proxy about its client were not read. */
  readonly remoteAddress: string;
  /**
   * The received part of the request line: at most the first 256 octets, `''` for nothing. Usually it is not a valid
   * line. Quotes, backslashes and all octets that are not printable ASCII are escaped: `\"`, `\\`, `\xhh`.
   */
  readonly requestLine: string;
  /** Octets of content of the response, as for `Outcome`. */
  readonly contentOctets: number;
}

/** The counters of a server, for `stats`. */
export interface ServerStats {
  /** Connections open now, including TLS handshakes in progress. */
  readonly connections: number;
  /** Connections closed at once because of `limits.maxConnections`, since the start. */
  readonly connectionsRefused: number;
  /** Requests answered OVERLOADED before they reached a handler, since the start. */
  readonly requestsRefused: number;
  /** Exchanges in progress. */
  readonly exchanges: number;
}

/**
 * The stages of an exchange at which hooks run. In one stage, hooks run in the order in which their plugins were set
 * up.
 * - `crossSite`: before everything else, and only if a page of another site sends a request that could change
 *   something (an unsafe method, or an upgrade). Returning `true` allows the request; if no hook does, the answer is
 *   403 `CROSS_SITE_REFUSED`. The hook must return at once: a promise does not allow the request.
 * - `request`: before the handler is looked up. A returned response is the answer.
 * - `handler`: the handler is known and has not run yet. A returned response is the answer.
 * - `response`: the answer is complete and nothing of it is sent. A returned response replaces it.
 * - `fields`: the last `response` hook has run, and the answer is about to be sent. The returned fields replace those of
 *   the answer with the same names; `Vary` is added to its own. It costs much less than a `response` hook. It must
 *   return at once. Fields about the content, such as `Content-Type` or `ETag`, are not possible.
 * - `error`: something threw; the error response is about to be made. A returned response replaces it.
 * - `close`: the whole answer was passed to the socket, or the exchange was aborted, or a connection that a plugin took
 *   over has ended. The return value is ignored.
 * - `unread`: the server answered octets whose head it could not read, so there is no request and no other hook ran.
 *   The return value is ignored.
 *
 * If the server itself refuses a request whose head it could read (a body that is too large, a deadline), the hooks
 * `error` (not for OVERLOADED), `response` and `close` run. All `error` and `response` hooks together have one second;
 * then the answer is sent as it is. If a hook throws, the error is logged and its result is ignored.
 */
export interface Hooks {
  crossSite(request: Request): boolean | undefined;
  request(request: Request): MaybePromise<ResponseValue | undefined | void>;
  handler(request: Request): MaybePromise<ResponseValue | undefined | void>;
  response(request: Request, response: ShownResponse): MaybePromise<ResponseValue | undefined | void>;
  fields(request: Request, status: number): Readonly<Record<string, string>> | undefined | void;
  error(request: Request, error: unknown): MaybePromise<ResponseValue | undefined | void>;
  close(request: Request, outcome: Outcome): MaybePromise<void>;
  unread(unread: Unread): MaybePromise<void>;
}

/** The argument of `setup`. It can be destructured: `setup({ handle, storage }) { … }`. */
export interface PluginContext<Options = unknown> {
  /**
   * Registers a handler. `method` is any token, or `*` for all. `pattern` is a path; a segment may be `:name`, a last
   * segment `*` matches the rest, and `*` alone matches every path. The most specific pattern wins: literal before
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
  /** Answers this request as if it had another method; HEAD is made from GET this way. */
  forward(request: Request, method: string): MaybePromise<ResponseValue>;
  /**
   * The methods that have a handler at a path (as in `request.path`), sorted, as in the `Allow` field of a 405; `*` is
   * in the list if a handler accepts every method there. Without a path: every method that a handler names. Call it
   * when the server is ready, not in `setup`.
   */
  allowedMethods(path?: string): readonly string[];
  /** The counters of the server; zeros until it is ready. */
  stats(): ServerStats;
  /** The one store of the server. */
  readonly storage: Storage;
  /** The log of the plugin; every line has its name. */
  readonly log: Log;
  readonly options: Options;
  /** Aborted when the server begins to stop. */
  readonly signal: AbortSignal;
  /** The folder to which paths in options are relative. Absolute. */
  readonly folder: string;
  /**
   * The prefix of the plugin in the configuration, `''` for none, spelt as in `request.path`. `handle` adds it to
   * every pattern. A plugin needs it to build links, and to compare `request.path` with paths from its options.
   */
  readonly prefix: string;
  /** Runs when the server closes, in reverse order, also after a half-finished `setup`. */
  onClose(fn: () => MaybePromise<void>): void;
  /** Stops the server cleanly; exchanges in progress are finished first. */
  shutdown(): void;
}

/**
 * A plugin's life: load → validate options → order by `needs` → `setup` → listen → serve → drain → the functions
 * passed to `onClose`, last plugin first. The server listens only after every plugin is set up. If one fails, the
 * others are closed and the server does not start. A reload keeps a plugin with the same module, name, prefix and
 * options. It sets up new plugins while the old ones run, and closes removed plugins when no exchange uses them any
 * more.
 */
export interface Plugin<Options = unknown> {
  /** Unique in a server: the file name of a built-in plugin, usually the package name of other plugins. */
  readonly name: string;
  readonly version?: string;
  /**
   * Plugins that must be set up before this one: `'audit'`, or with a range of versions `'audit@^1.2'`.
   * Errors: PLUGIN_NEEDS_MISSING, PLUGIN_NEEDS_VERSION, PLUGIN_NEEDS_CYCLE.
   */
  readonly needs?: readonly (string | { readonly name: string; readonly range?: string })[];
  /** Any Standard Schema; `options` of the context is its output. Without a schema the plugin accepts no options. */
  readonly options?: StandardSchema<unknown, Options>;
  /** Errors: PLUGIN_SETUP_FAILED (it threw), PLUGIN_SETUP_TIMEOUT (it did not return in time). */
  setup(context: PluginContext<Options>): MaybePromise<void>;
}

/** Returns the object unchanged; it only adds types. */
export function definePlugin<Options = Record<string, never>>(plugin: Plugin<Options>): Plugin<Options> {
  return plugin;
}
