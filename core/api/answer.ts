/** What handlers and hooks may return. */
import type { Duplex } from 'node:stream';
import type { MaybePromise } from '../maybe-promise.js';

export type ResponseBody = string | Uint8Array | AsyncIterable<string | Uint8Array>;

/**
 * Names and values of the trailer fields after a body. A value may be a function; it is called after the end of the
 * body.
 */
export type Trailers = Readonly<Record<string, string | (() => MaybePromise<string>)>>;

/**
 * Receives the connection as a stream. All further octets belong to the plugin; octets that arrived after the request
 * are already in the stream. The stream has the usual back-pressure. `end` ends our direction and leaves the client's
 * direction open, `destroy` closes the connection by force, and the event `close` says that the connection is closed.
 * If the client or the end of the server's drain time closes the connection by force, the stream is destroyed with
 * CONNECTION_LOST. An `error` event without a listener does no harm. The HTTP deadlines no longer apply. If the
 * function throws, the error is logged and the connection is closed.
 */
export type TakeOver = (stream: Duplex) => MaybePromise<void>;

export interface ResponseParts {
  /** 200 to 599. Default: 200, or 204 without a body and a status. 101 is allowed only with `takeOver`. */
  readonly status?: number;
  /** Names in any case; a list becomes several field lines. Only the core sets framing fields. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | Headers;
  readonly body?: ResponseBody;
  /** Instead of `body`: the value as JSON, with its content type. */
  readonly json?: unknown;
  /**
   * Trailer fields (RFC 9110 §6.5), for values that are known only after the end of the body. They are sent if the
   * answer is chunked, and an answer with trailers and a body to HTTP/1.1 is chunked; otherwise they are omitted.
   * Names that are known before are announced in `Trailer`. A function that returns all trailers is called after the
   * end of the body, so its names are not announced. Fields about framing, routing, conditions, authentication,
   * caching or the content are not allowed.
   */
  readonly trailers?: Trailers | (() => MaybePromise<Readonly<Record<string, string>>>);
  /**
   * Instead of `body`: after this answer the connection leaves HTTP (RFC 9110 §7.8, §9.3.6). Allowed with `status:
   * 101` and an `Upgrade` field that names a protocol from the request, or with 2xx for CONNECT. Without `status`
   * nothing is written, for libraries that write the answer themselves. The request must ask for it (`Upgrade` and
   * `Connection: upgrade`, or CONNECT), and its body must be complete.
   */
  readonly takeOver?: TakeOver;
}

/** A response as hooks get it. A hook that changes only a part must return the other parts too. */
export interface ShownResponse extends Omit<ResponseParts, 'headers' | 'json'> {
  /** Names in lower case; a list for several field lines. The hook's own copy. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
}

/**
 * What a handler may return. A string is 200 `text/plain; charset=utf-8`, bytes and streams are 200
 * `application/octet-stream`; Node streams and web streams are async iterables.
 */
export type ResponseValue = ResponseBody | ResponseParts | Response;

/** Options of `file`. */
export interface FileOptions {
  /**
   * The folder to which the path is relative and which it must not leave. Required for a name that comes from a
   * client. Symbolic links inside are followed. Default: the path is used as it is.
   */
  readonly root?: string;
  /** Instead of the Content-Type for the file extension. */
  readonly type?: string;
  /** Additional headers; they replace headers with the same name. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** The validators of the current state of a resource, for `precondition`. */
export interface CurrentState {
  /** With quotes: `"…"`, or `W/"…"` if equal tags need not mean equal octets (RFC 9110 §8.8.3). */
  readonly etag?: string;
  readonly lastModified?: Date;
}
