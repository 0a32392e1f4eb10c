/** A request, as handlers and hooks get it. */
import type { ResponseParts } from './answer.js';

/** `'/keys/:key/*'` → `{ key: string; '*': string }`. For a pattern of type string, any name is allowed. */
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

/** A request, as a handler gets it. */
export interface Request<Params = Readonly<Record<string, string>>> {
  /** As sent; methods are case-sensitive (RFC 9110 §9.1). */
  readonly method: string;
  /** The request target as sent (RFC 9112 §3.2). */
  readonly target: string;
  /**
   * The path of the target, which patterns are compared with. Percent-encoding is normalised (RFC 3986 §6.2.2): `%7E`
   * becomes `~`, other escapes stay, in upper case, so that two spellings of a path are the same string.
   */
  readonly path: string;
  /** The decoded query after `?`. */
  readonly query: URLSearchParams;
  /** The values of `:name` and `*` of the pattern, percent-decoded. */
  readonly params: Params;
  /** Field values by lower-case name, without prototype; several lines of one name are joined with `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /**
   * The trailer fields after a chunked body, by lower-case name, without prototype. Empty until the whole body was
   * read. They are never merged into `headers`: use one only if its definition allows that (RFC 9110 §6.5.1).
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
  /**
   * The body as it arrives; the client waits while the handler does. It can be read once, and only instead of the
   * three methods above.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /**
   * Address of the client, without port; `''` on a Unix socket; `127.0.0.1` for `inject`. Behind a trusted proxy it is
   * the address that the proxy reports. That may also be `unknown`, if the proxy does not report one, or `_name` (RFC
   * 7239 §6).
   */
  readonly remoteAddress: string;
  /**
   * Address of the proxy that sent the request, if it is in `trustedProxies` and its fields about the client are
   * trusted; `''` on a Unix socket. Otherwise undefined.
   */
  readonly trustedPeer?: string | undefined;
  /** The protocol between the client and this server, or the trusted proxy in front. */
  readonly protocol: 'http' | 'https';
  /** Host and port of the request (RFC 9112 §3.3), one of `allowedHosts`; `''` if an HTTP/1.0 request names none. */
  readonly host: string;
  /** Aborted when the client closes the connection, the handler times out, or the server stops by force. */
  readonly signal: AbortSignal;
  /**
   * Aborted when the client can send nothing more: it has closed the connection, or only its sending side. A client
   * that closed only its sending side may still read, so finite answers are sent; most such clients are gone, and TCP
   * cannot tell. A stream without an end should stop here.
   */
  readonly clientEnded: AbortSignal;
  /**
   * Sends an interim response before the answer: `request.inform({ status: 103, headers: { Link: … } })` (RFC 9110
   * §15.2, RFC 8297). It can be called several times.
   * @returns false if it was not sent: to HTTP/1.0 and in dialects, which have no interim responses; after the
   * beginning of the answer; and while the client does not read.
   * Errors: HANDLER_ANSWER_INVALID.
   */
  inform(interim: InterimResponse): boolean;
}

/** An interim response: it has no body, and the client still waits for the answer. */
export interface InterimResponse {
  /** 102 to 199. Only the core sends 100; 101 is an answer that takes over the connection. */
  readonly status: number;
  /** No fields about a body or the connection. */
  readonly headers?: ResponseParts['headers'];
}
