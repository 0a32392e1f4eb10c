/** The request that handlers get: views of the head, created on first use. */
import { isUtf8 } from 'node:buffer';
import { TextDecoder } from 'node:util';
import { sameInAllCopies } from '../across-copies.js';
import type { ResponseBody, ResponseValue } from '../api/answer.js';
import type { InterimResponse, Request } from '../api/request.js';
import { JackfieldError } from '../errors.js';
import { parseContentType } from '../http/content-type.js';
import type { RequestHead } from '../http/request-head.js';
import type { MaybePromise } from '../maybe-promise.js';
import { abandon } from './answer-source.js';
import type { Origin } from './origin.js';
import type { RequestBody } from './request-body.js';

type Params = Request['params'];

const NO_PARAMS: Params = Object.freeze(Object.create(null));
const NO_OCTETS = Buffer.alloc(0);
const NO_FIELDS: Readonly<Record<string, undefined>> = Object.freeze(Object.create(null));

/** Sends interim responses. */
export interface Informer {
  /** @returns whether it was sent. Errors: HANDLER_ANSWER_INVALID. */
  inform(head: RequestHead, interim: InterimResponse): boolean;
}

/** Answers a request under another method. */
export interface Forwarder {
  forward(request: ExchangeRequest, method: string): MaybePromise<ResponseValue>;
}

export class ExchangeRequest implements Request {
  readonly head: RequestHead;
  /** The plugin that runs now, for the log: the one with the handler, or with the current hook. */
  handledBy = '';
  /** The pattern of that handler. */
  route = '';
  /** The dispatcher that answers this request, even if a reload has replaced it meanwhile. */
  forwarder: Forwarder | undefined = undefined;
  /** The body of an answer that hooks are still working on. */
  unsent: ResponseBody | undefined = undefined;
  /** Whether `error` hooks have run: a refusal does not run them again. */
  errorHooks = false;
  /** How many `response` hooks have run: each runs once, for the answer or for a refusal. */
  responseHooks = 0;
  /** Set when the registry has found a handler. */
  params: Params = NO_PARAMS;
  readonly #origin: Origin;
  /** Replaces the head's method if the request was forwarded under another method. */
  #method: string | undefined;
  readonly #body: RequestBody | undefined;
  readonly #informer: Informer | undefined;
  #aborts: Aborts | undefined;
  #query: URLSearchParams | undefined;
  /** Set if they differ from those of the section. */
  #headers: Readonly<Record<string, string | undefined>> | undefined;

  /**
   * @param body Absent if the request has none.
   * @param informer Absent if interim responses are impossible.
   */
  constructor(head: RequestHead, origin: Origin, body?: RequestBody, informer?: Informer) {
    this.head = head;
    this.#origin = origin;
    this.#body = body;
    this.#informer = informer;
  }

  get method(): string {
    return this.#method ?? this.head.method;
  }

  get remoteAddress(): string {
    return this.#origin.remoteAddress;
  }

  get trustedPeer(): string | undefined {
    return this.#origin.trustedPeer;
  }

  get protocol(): 'http' | 'https' {
    return this.#origin.protocol;
  }

  /** The host to check against `allowedHosts`; undefined if an HTTP/1.0 request has none. */
  get effectiveHost(): string | undefined {
    return this.#origin.host ?? this.head.host;
  }

  get host(): string {
    return this.effectiveHost ?? '';
  }

  get target(): string {
    return this.head.target;
  }

  get path(): string {
    return this.head.claim?.path ?? this.head.path;
  }

  get httpVersion(): '1.0' | '1.1' {
    return this.head.minorVersion === 0 ? '1.0' : '1.1';
  }

  get dialect(): string {
    return this.head.claim?.dialect ?? '';
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.head.query);
    return this.#query;
  }

  get headers(): Readonly<Record<string, string | undefined>> {
    const { record } = this.head.section;
    if (this.#method === undefined || this.head.method !== 'HEAD' || record.upgrade === undefined)
      return record;
    // HEAD cannot give its connection away, so a handler for GET does not see the Upgrade field. A server may always
    // ignore it (RFC 9110 §7.8).
    this.#headers ??= withoutUpgrade(record);
    return this.#headers;
  }

  get trailers(): Readonly<Record<string, string | undefined>> {
    return this.#body?.trailers ?? NO_FIELDS;
  }

  get signal(): AbortSignal {
    this.#aborts ??= new Aborts();
    return this.#aborts.gone.signal;
  }

  get clientEnded(): AbortSignal {
    this.#aborts ??= new Aborts();
    return this.#aborts.ended.signal;
  }

  /** The answer is cancelled, or another one replaces it. */
  abort(reason: unknown): void {
    this.#aborts ??= new Aborts();
    this.#aborts.gone.abort(reason);
    this.#aborts.ended.abort(reason);
    // A hook that hangs would keep it open for ever.
    abandon(this.unsent);
  }

  get isAborted(): boolean {
    return this.#aborts?.gone.isAborted === true;
  }

  /** Nothing more comes from the client, which may still read. */
  endClient(): void {
    this.#aborts ??= new Aborts();
    this.#aborts.ended.abort(new JackfieldError('CONNECTION_LOST'));
  }

  /** The same request under another method. Both share one body, which can be read once. */
  withMethod(method: string): ExchangeRequest {
    this.#aborts ??= new Aborts();
    const other = new ExchangeRequest(this.head, this.#origin, this.#body, this.#informer);
    other.#aborts = this.#aborts;
    other.#method = method;
    other.forwarder = this.forwarder;
    return other;
  }

  inform(interim: InterimResponse): boolean {
    return this.#informer?.inform(this.head, interim) ?? false;
  }

  async bytes(): Promise<Buffer> {
    return this.#body === undefined ? NO_OCTETS : this.#body.bytes();
  }

  async text(): Promise<string> {
    // Every promise costs time, and most bodies are already here.
    const octets = this.#body?.bytesNow() ?? (await this.bytes());
    return textOf(octets, parseContentType(this.headers['content-type']).charset);
  }

  async json(): Promise<unknown> {
    const text = await this.text();
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new JackfieldError('BODY_NOT_JSON', cause instanceof Error ? cause.message : '', { cause });
    }
  }

  get body(): AsyncIterable<Uint8Array> {
    return this.#body ?? nothing();
  }
}

sameInAllCopies(ExchangeRequest, 'ExchangeRequest');

function withoutUpgrade(
  record: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string | undefined>> {
  const headers: Record<string, string | undefined> = Object.assign(Object.create(null), record);
  delete headers.upgrade;
  return Object.freeze(headers);
}

function textOf(octets: Buffer, charset: string): string {
  if (charset !== '' && charset !== 'utf-8' && charset !== 'utf8') return decode(octets, charset);
  if (!isUtf8(octets)) throw new JackfieldError('BODY_NOT_TEXT');
  const text = octets.toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}

function decode(octets: Uint8Array, charset: string): string {
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(charset, { fatal: true });
  } catch (cause) {
    throw new JackfieldError('CHARSET_UNSUPPORTED', charset, { cause });
  }
  try {
    return decoder.decode(octets);
  } catch (cause) {
    throw new JackfieldError('BODY_NOT_TEXT', '', { cause });
  }
}

/** The state that all views of one request share. */
class Aborts {
  readonly gone = new LazyAbort();
  readonly ended = new LazyAbort();
}

/** An AbortController costs more than most requests, so it is created when a handler uses its signal. */
class LazyAbort {
  #controller: AbortController | undefined;
  #reason: { readonly value: unknown } | undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason.value);
    }
    return this.#controller.signal;
  }

  get isAborted(): boolean {
    return this.#reason !== undefined;
  }

  abort(reason: unknown): void {
    this.#reason ??= { value: reason };
    this.#controller?.abort(reason);
  }
}
