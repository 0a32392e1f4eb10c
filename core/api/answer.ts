/** What handlers and hooks may return. */
import type { Duplex } from 'node:stream';
import type { MaybePromise } from '../maybe-promise.js';

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

/** A response as hooks are shown it. A hook that changes only a part returns the others with it. */
export interface ShownResponse extends Omit<ResponseParts, 'headers' | 'json'> {
  /** Names in lower case; a list for several field lines. The hook's own copy. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
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
