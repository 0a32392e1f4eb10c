/** A request to an upstream, its response, and the way from one to the other. */
import type { AbortListener, AbortNotice } from '../exchange/exchange-request.js';
import type { FieldLines } from '../http/field-lines.js';
import type { ReceivedHead } from '../http/received-head.js';
import type { Tunnel } from './tunnel.js';
import type { UpstreamBody } from './upstream-body.js';

/** What is sent. The pool adds the fields about the connection and the framing. */
export interface UpstreamRequest {
  readonly method: string;
  /** The request target: a path with its query, or `*`. */
  readonly target: string;
  /** With Host; without Connection, Transfer-Encoding, Content-Length and Upgrade. */
  readonly fields: FieldLines;
  /** Read when there is a connection: reading it may tell a client to send it (RFC 9110 §10.1.1). */
  readonly body?: AsyncIterable<Uint8Array> | undefined;
  /** Octets of the body. A body without a length is chunked. 0 without a body: the request says that it is empty. */
  readonly contentLength?: string | undefined;
  /** Asked when the body has ended, for a chunked one. */
  readonly trailers?: (() => FieldLines) | undefined;
  /** The protocols that the upstream may switch to, as an Upgrade field (RFC 9110 §7.8). */
  readonly upgrade?: string | undefined;
  /** Breaks the exchange off until the response has begun; it rejects with the reason of the signal. */
  readonly signal: AbortNotice;
  /** Called for each interim response, but not for 100. */
  readonly informed?: ((head: ReceivedHead) => void) | undefined;
}

export interface UpstreamResponse {
  readonly head: ReceivedHead;
  /** Undefined if the response has none. Bytes if all of it came with the head; a reader must end or destroy a stream. */
  readonly body: Uint8Array | UpstreamBody | undefined;
  /** After 101: the connection, for another protocol. It must be joined or destroyed. */
  readonly tunnel: Tunnel | undefined;
}

/** Methods that do the same if they are done twice, RFC 9110 §9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/** Where an exchange is while it can be broken off. */
export interface ExchangePlace {
  abandon(exchange: UpstreamExchange): void;
}

export class UpstreamExchange implements AbortListener {
  readonly request: UpstreamRequest;
  readonly #resolve: (response: UpstreamResponse) => void;
  readonly #reject: (error: unknown) => void;
  #isSettled = false;
  /** The pool while it waits, then its connection. */
  place: ExchangePlace | undefined;
  /** The whole request was passed to the socket. */
  isSent = false;
  isRepeated = false;

  constructor(
    request: UpstreamRequest,
    resolve: (response: UpstreamResponse) => void,
    reject: (error: unknown) => void,
  ) {
    this.request = request;
    this.#resolve = resolve;
    this.#reject = reject;
    // As an object with `handleEvent`, which costs no closure.
    request.signal.addEventListener('abort', this);
    if (request.signal.aborted) this.fail(request.signal.reason);
  }

  /** Its response has begun, or it has failed. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Whether doing it again is harmless: nothing of a body was read (RFC 9110 §9.2.2). */
  get mayRepeat(): boolean {
    const { method, body } = this.request;
    return !this.#isSettled && !this.isRepeated && body === undefined && IDEMPOTENT.has(method);
  }

  answer(response: UpstreamResponse): void {
    this.#settle();
    this.#resolve(response);
  }

  fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#settle();
    this.#reject(error);
  }

  /** The signal was aborted. */
  handleEvent(): void {
    this.fail(this.request.signal.reason);
    this.place?.abandon(this);
  }

  #settle(): void {
    this.#isSettled = true;
    this.request.signal.removeEventListener('abort', this);
  }
}
