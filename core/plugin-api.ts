/**
 * The one door for plugins: everything a plugin may import from the core, and nothing else.
 */
import type { StandardSchema } from './config/standard-schema.js';
import type { Dialect } from './http/dialect.js';
import type { Log } from './log.js';
import type { Change, CommitResult, Committed, MaybePromise, StorageAdapter } from './storage/contract.js';

export type { StandardSchema } from './config/standard-schema.js';
export { JackfieldError } from './errors.js';
export { precondition } from './handlers/conditional.js';
export { file } from './handlers/file.js';
export { HttpError } from './handlers/http-error.js';
export type {
  ClaimedHead,
  Dialect,
  DialectAnswer,
  DialectContext,
  DialectWrite,
  RefusedHead,
} from './http/dialect.js';
export { reasonPhrase } from './http/reason-phrases.js';
export type { Log } from './log.js';
export type {
  Change,
  CommitResult,
  Committed,
  Entry,
  Listing,
  MaybePromise,
  Page,
  Supports,
  WatchedChange,
} from './storage/contract.js';

/** The store as plugins see it: every call is checked at the core's door. `watch` is there where `supports` says so. */
export interface Storage
  extends Pick<StorageAdapter, 'name' | 'supports' | 'get' | 'list' | 'watch' | 'revision'> {
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
  /** How the client sent it, to this server or to a trusted proxy in front. */
  readonly protocol: 'http' | 'https';
  /** Host and port that the client asked for (RFC 9112 §3.3), one of `allowedHosts`; `''` where HTTP/1.0 names none. */
  readonly host: string;
  /** Aborted when the peer is gone, the handler's time is over or the server stops by force. */
  readonly signal: AbortSignal;
}

export type ResponseBody = string | Uint8Array | AsyncIterable<string | Uint8Array>;

export interface ResponseParts {
  /** 200 to 599; 200 by default, 204 where there is no body and no status. */
  readonly status?: number;
  /** Names in any case; a list makes several field lines. Framing fields are the core's own. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | Headers;
  readonly body?: ResponseBody;
  /** Instead of `body`: the value as JSON, with its content type. */
  readonly json?: unknown;
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
  /** Answer only where nothing else matches the path; such a handler does not make the path exist for others. */
  readonly fallback?: boolean;
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
  close(request: Request): MaybePromise<void>;
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
 * already up are closed and the server does not start.
 */
export interface Plugin<Options = unknown> {
  /** Unique in a server; the file name of a built-in, usually the package name of others. */
  readonly name: string;
  readonly version?: string;
  /** Names of plugins that are set up before this one. Errors: PLUGIN_NEEDS_MISSING, PLUGIN_NEEDS_CYCLE. */
  readonly needs?: readonly string[];
  /** Any Standard Schema; `options` of the context is its output. Without one, no options are taken. */
  readonly options?: StandardSchema<unknown, Options>;
  /** Errors: PLUGIN_SETUP_FAILED (it threw), PLUGIN_SETUP_TIMEOUT (it did not return in time). */
  setup(context: PluginContext<Options>): MaybePromise<void>;
}

/** Only adds types: the object is returned as it is. */
export function definePlugin<Options = Record<string, never>>(plugin: Plugin<Options>): Plugin<Options> {
  return plugin;
}
