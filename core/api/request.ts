/** A request, as handlers and hooks get it. */
import type { ResponseParts } from './answer.js';

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
   * what the proxy says, which may be no address: `unknown`, also if the proxy says nothing, or `_name` (RFC 7239 §6).
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
