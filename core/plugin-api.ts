/**
 * The one door for plugins: everything a plugin may import from the core, and nothing else.
 */
import type { Duplex } from 'node:stream';
import type { StandardSchema } from './config/standard-schema.js';
import type { JackfieldError } from './errors.js';
import type { Dialect } from './http/dialect.js';
import type { Log } from './log.js';
import type { Change, CommitResult, Committed, MaybePromise, StorageAdapter } from './storage/contract.js';

export { lazyOptions } from './config/lazy-options.js';
export type { StandardSchema } from './config/standard-schema.js';
export { HOLDS_HEAD } from './connection/body-source.js';
export { JackfieldError } from './errors.js';
export { precondition } from './handlers/conditional.js';
export { file } from './handlers/file.js';
export { HttpError } from './handlers/http-error.js';
export { pathMatcher } from './handlers/path-matcher.js';
export { logFields, type RequestState, requestState } from './handlers/request-state.js';
export type {
  ClaimedHead,
  Dialect,
  DialectAnswer,
  DialectContext,
  DialectWrite,
  RefusedHead,
} from './http/dialect.js';
export { requestedProtocols } from './http/protocols.js';
export { reasonPhrase } from './http/reason-phrases.js';
export type { Log } from './log.js';
export { Handle, Hook } from './plugin-host/marks.js';
export type {
  Change,
  CommitResult,
  Committed,
  Entry,
  Listing,
  MaybePromise,
  Page,
  Position,
  Supports,
  WatchedChange,
} from './storage/contract.js';

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

/** `'/keys/:key/*'` → `{ key: string; '*': string }`. A pattern that is only known as a string gives any name. */
export type ParamsOf<Pattern extends string> = string extends Pattern
  ? Readonly<Record<string, string>>
  : { readonly [Name in NamesIn<Pattern>]: string };
type NamesIn<Pattern extends string> = Pattern extends `${infer Segment}/${infer Rest}`
  ? NameOf<Segment> | NamesIn<Rest>
  : NameOf<Pattern>;
type NameOf<Segment extends string> = Segment extends `:${infer Name}`
  ? Name
  : Segment extends '*'
    ? '*'
    : never;

/** One request, as a handler gets it. */
export interface Request<Params = Readonly<Record<string, string>>> {
  /** As sent; methods are case-sensitive (RFC 9110 §9.1). */
  readonly method: string;
  /** The request target as sent (RFC 9112 §3.2). */
  readonly target: string;
  /**
   * The path of the target, what patterns match. Percent-encoding is normalised (RFC 3986 §6.2.2): `%7E` is `~`,
   * other escapes stay, in upper case, so that two spellings of one path are one string here.
   */
  readonly path: string;
  /** What follows `?`, decoded. */
  readonly query: URLSearchParams;
  /** What the pattern's `:name` and `*` stand for, percent-decoded. */
  readonly params: Params;
  /** Field values by lower-case name, without prototype; several lines of one name are joined with `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /**
   * What followed a chunked body, by lower-case name, without prototype. Empty until the body was read to its end.
   * Trailers are never merged into `headers`: whoever uses one knows that its definition allows that (RFC 9110 §6.5.1).
   */
  readonly trailers: Readonly<Record<string, string | undefined>>;
  /** `1.1` or `1.0`. */
  readonly httpVersion: '1.0' | '1.1';
  /** The name of the wire dialect that claimed this request; `''` for standard HTTP. */
  readonly dialect: string;
  /** The whole body as text, by the charset of `Content-Type`, else UTF-8. Errors: BODY_NOT_TEXT, BODY_TOO_LARGE. */
  text(): Promise<string>;
  /** The whole body as JSON. Errors: BODY_NOT_JSON and those of `text`. */
  json(): Promise<unknown>;
  /** The whole body. Errors: BODY_TOO_LARGE, BODY_INCOMPLETE. */
  bytes(): Promise<Uint8Array>;
  /** The body as it arrives; the sender waits while you do. Read once, and instead of the three above. */
  readonly body: AsyncIterable<Uint8Array>;
  /**
   * The client's address, without port; `''` on a Unix socket; `127.0.0.1` for `inject`. Behind a trusted proxy it is
   * what the proxy says, which may be no address: `unknown`, or `_name` (RFC 7239 §6).
   */
  readonly remoteAddress: string;
  /**
   * Address of the proxy that sent the request, where it is one of `trustedProxies`, so that what its fields say of the
   * client is believed; `''` on a Unix socket. Undefined where nobody is believed.
   */
  readonly trustedPeer?: string | undefined;
  /** How the client sent it, to this server or to a trusted proxy in front. */
  readonly protocol: 'http' | 'https';
  /** Host and port that the client asked for (RFC 9112 §3.3), one of `allowedHosts`; `''` where HTTP/1.0 names none. */
  readonly host: string;
  /** Aborted when the peer is gone, the handler's time is over or the server stops by force. */
  readonly signal: AbortSignal;
  /**
   * Aborted as soon as nothing more can come from the client, because it has ended its direction of the connection or is
   * gone. Who ends only its direction may still read, so an answer that comes to an end is sent all the same; but most
   * who do it are gone, and TCP does not tell the two apart. A stream without an end should end here.
   */
  readonly clientEnded: AbortSignal;
  /**
   * Tells the client something at once, ahead of the answer: `request.inform({ status: 103, headers: { Link: … } })`
   * (RFC 9110 §15.2, RFC 8297). As often as there is something to tell.
   * @returns false where it was not sent: to HTTP/1.0 and in dialects, which do not know interim responses, behind the
   * beginning of the answer, and while the client takes nothing.
   * Errors: HANDLER_ANSWER_INVALID.
   */
  inform(interim: InterimResponse): boolean;
}

/** A response ahead of the answer: it has no body, and the client goes on waiting. */
export interface InterimResponse {
  /** 102 to 199. 100 is the core's own, 101 is an answer that takes the connection over. */
  readonly status: number;
  /** Nothing about a body or the connection. */
  readonly headers?: ResponseParts['headers'];
}

export type ResponseBody = string | Uint8Array | AsyncIterable<string | Uint8Array>;

/** Names and values of the fields behind a body; a value may be a function, called when the body has ended. */
export type Trailers = Readonly<Record<string, string | (() => MaybePromise<string>)>>;

/**
 * Is given the connection, whose every further octet is the plugin's: those that came behind the request are in the
 * stream already. Back-pressure is the stream's; `end` ends our direction and leaves the client's open, `destroy`
 * breaks the connection off, `close` tells that it is over. A stream that the client or the end of the server's drain
 * time breaks off is destroyed with CONNECTION_LOST; an `error` that nobody listens to does no harm. No deadline of
 * HTTP applies any more. What it throws is logged, and the connection broken off.
 */
export type TakeOver = (stream: Duplex) => MaybePromise<void>;

export interface ResponseParts {
  /** 200 to 599; 200 by default, 204 where there is no body and no status. 101 with `takeOver` alone. */
  readonly status?: number;
  /** Names in any case; a list makes several field lines. Framing fields are the core's own. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | Headers;
  readonly body?: ResponseBody;
  /** Instead of `body`: the value as JSON, with its content type. */
  readonly json?: unknown;
  /**
   * Fields behind the body (RFC 9110 §6.5), for what is only known when that has ended. Sent where the answer is
   * chunked, which an answer with trailers to HTTP/1.1 is if it has a body; left out everywhere else. Names that are
   * known beforehand are announced in `Trailer`; of a function that gives all of them, called when the body has ended,
   * none is. Fields about framing, routing, conditions, authentication, caching or the content cannot be among them.
   */
  readonly trailers?: Trailers | (() => MaybePromise<Readonly<Record<string, string>>>);
  /**
   * Instead of `body`: the connection leaves HTTP behind this answer (RFC 9110 §7.8, §9.3.6). With `status: 101` and
   * an `Upgrade` field that names a protocol which the client asked for; with 2xx to CONNECT; without `status` nothing
   * is written, for libraries that write the answer themselves. Only where the request asks for it (`Upgrade` and
   * `Connection: upgrade`, or CONNECT) and has come whole, its body included.
   */
  readonly takeOver?: TakeOver;
}

/**
 * What a handler may return. A string is 200 `text/plain; charset=utf-8`, bytes and streams are 200
 * `application/octet-stream`; Node streams and web streams are async iterables.
 */
export type ResponseValue = ResponseBody | ResponseParts | Response;

/** How `file` answers with a file. */
export interface FileOptions {
  /**
   * The folder that the path is joined to and must not leave; a name that comes from a client needs one. Symbolic links
   * inside are followed. Default: paths are taken as they are.
   */
  readonly root?: string;
  /** In place of the Content-Type that its extension tells. */
  readonly type?: string;
  /** More headers, or others than its own. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** What tells the present state of a resource from others, for `precondition`. */
export interface CurrentState {
  /** With its quotes: `"…"`, or `W/"…"` where equal tags need not mean equal octets (RFC 9110 §8.8.3). */
  readonly etag?: string;
  readonly lastModified?: Date;
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
}

/** What a server counts, for `stats`. */
export interface ServerStats {
  /** Open now, TLS handshakes under way among them. */
  readonly connections: number;
  /** Closed at once because of `limits.maxConnections`, since the start. */
  readonly connectionsRefused: number;
  /** Answered OVERLOADED before any plugin saw them, since the start. */
  readonly requestsRefused: number;
  /** Exchanges under way. */
  readonly exchanges: number;
}

/**
 * Where a hook stands in an exchange. In one stage hooks run in the order in which their plugins were set up.
 * - `request`: before the registry is asked. Returning a response answers with it.
 * - `handler`: a handler was found, it has not run yet. Returning a response answers with it.
 * - `response`: an answer is there, nothing of it is sent. Returning a response replaces it.
 * - `error`: something threw; the error response is about to be made. Returning a response replaces it.
 * - `close`: the answer was handed to the socket whole, or the exchange was broken off. What it returns is ignored.
 */
export interface Hooks {
  request(request: Request): MaybePromise<ResponseValue | undefined | void>;
  handler(request: Request): MaybePromise<ResponseValue | undefined | void>;
  response(request: Request, response: ResponseParts): MaybePromise<ResponseValue | undefined | void>;
  error(request: Request, error: unknown): MaybePromise<ResponseValue | undefined | void>;
  close(request: Request, outcome: Outcome): MaybePromise<void>;
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
