/** Forwards the exchanges of one mount: rewrites each request and returns the answer. */
import {
  abortNotice,
  FieldLines,
  JackfieldError,
  type ReceivedHead,
  type Request,
  type ResponseParts,
  type ResponseValue,
  requestedProtocols,
  type Tunnel,
  type UpstreamPool,
  type UpstreamResponse,
} from '../../core/plugin-api.js';
import { EventsWhileWanted, isEventStream } from '../shared/event-stream.js';
import { behind, queryOf, staysInPlace } from '../shared/mount.js';
import {
  fieldIn,
  interimFields,
  type RequestFieldOptions,
  requestFields,
  responseFields,
  trailerFields,
} from './fields.js';
import { maxForwardsOf, ownAnswer } from './max-forwards.js';
import type { Mount } from './mount.js';

/** What the fields of a request are made from besides its header section. */
interface FieldMemo {
  readonly host: string;
  readonly remoteAddress: string;
  readonly fields: FieldLines;
}

const NO_FIELDS = new FieldLines([]);

export class Forwarding {
  readonly #mount: Mount;
  readonly #url: URL;
  /** Precedes every path at the upstream; `''`, or a path without a slash at its end. */
  readonly #basePath: string;
  /** The part of the path that the upstream does not see; `''` for none. */
  readonly #hidden: string;
  readonly #pool: UpstreamPool;
  /** Aborted when the server begins to stop. */
  readonly #stopping: AbortSignal;
  readonly #protocols: ReadonlySet<string>;
  readonly #fieldOptions: RequestFieldOptions;
  /** A client repeats its header section, and the core then has the same object for it. */
  readonly #known = new WeakMap<Request['headers'], FieldMemo>();
  /** A server repeats its header section until its clock ticks. */
  #lastHead: ReceivedHead | undefined;
  #lastFields = NO_FIELDS;

  constructor(mount: Mount, url: URL, hidden: string, pool: UpstreamPool, stopping: AbortSignal) {
    this.#mount = mount;
    this.#url = url;
    this.#basePath = url.pathname.replace(/\/+$/, '');
    this.#hidden = hidden;
    this.#pool = pool;
    this.#stopping = stopping;
    const { upgrade } = mount;
    this.#protocols = new Set(
      upgrade === false ? [] : upgrade === true ? ['websocket'] : upgrade.map((name) => name.toLowerCase()),
    );
    this.#fieldOptions = { ...mount, hidden };
  }

  async answer(request: Request): Promise<ResponseValue> {
    const { method, headers } = request;
    const target = this.#targetOf(request);
    const maxForwards = maxForwardsOf(method, headers);
    if (maxForwards === 0) return ownAnswer(request);
    const isChunked = headers['transfer-encoding'] !== undefined;
    const contentLength = headers['content-length'];
    const hasBody = isChunked || Number(contentLength ?? 0) > 0;
    const asked =
      hasBody || headers.upgrade === undefined || method === 'HEAD'
        ? []
        : requestedProtocols(request).filter((name) => this.#protocols.has(name));
    const response = await this.#pool.send({
      method,
      target,
      fields:
        maxForwards === undefined
          ? this.#fieldsOf(request)
          : this.#freshFields(request, { 'max-forwards': String(maxForwards - 1) }),
      body: hasBody ? request.body : undefined,
      // Servers require the field of a POST, and it replaces nothing. With a PUT, the upstream would store an empty
      // value that the client did not send.
      contentLength: isChunked ? undefined : (contentLength ?? (method === 'POST' ? '0' : undefined)),
      trailers: isChunked ? () => trailerFields(Object.entries(request.trailers).flat()) : undefined,
      upgrade: asked.length > 0 ? asked.join(', ') : undefined,
      signal: abortNotice(request),
      informed: this.#mount.interim ? (head) => this.#inform(request, head) : undefined,
    });
    return response.tunnel === undefined
      ? this.#answerOf(request, response)
      : this.#switched(request, response.head, response.tunnel, asked);
  }

  #targetOf({ method, target, path }: Request): string {
    if (target === '*') return target;
    // A pattern for `OPTIONS *` also matches the authority that CONNECT names.
    if (method === 'CONNECT' || !staysInPlace(path)) throw new JackfieldError('NOT_FOUND');
    return this.#basePath + (behind(this.#hidden, path) || '/') + queryOf(target);
  }

  #fieldsOf(request: Request): FieldLines {
    const { headers, host, remoteAddress } = request;
    const known = this.#known.get(headers);
    if (known !== undefined && known.host === host && known.remoteAddress === remoteAddress)
      return known.fields;
    const fields = this.#freshFields(request);
    this.#known.set(headers, { host, remoteAddress, fields });
    return fields;
  }

  #freshFields(request: Request, changed: Readonly<Record<string, string>> = {}): FieldLines {
    const host = this.#mount.host === 'upstream' || request.host === '' ? this.#url.host : request.host;
    return requestFields(request, this.#fieldOptions, host, changed);
  }

  #inform(request: Request, head: ReceivedHead): void {
    try {
      request.inform({ status: head.status, headers: interimFields(head, this.#mount.via) });
    } catch {
      // Interim responses are optional, so an invalid one is dropped.
    }
  }

  #answerOf(request: Request, { head, body }: UpstreamResponse): ResponseValue {
    const { method } = request;
    const { status } = head;
    const headers = this.#answerFields(head, body);
    if (method === 'HEAD' || status === 204 || status === 205 || status === 304) {
      drop(body);
      return { status, headers };
    }
    if (body === undefined || body instanceof Uint8Array) return { status, headers, body: body ?? '' };
    const isEvents = isEventStream(fieldIn(head.raw, 'content-type'));
    const parts: ResponseParts = {
      status,
      headers,
      body: isEvents ? new EventsWhileWanted(body, request.clientEnded, this.#stopping) : body,
    };
    // A response with a length has no place for trailers.
    if (head.framing.kind !== 'chunked') return parts;
    return { ...parts, trailers: () => Object.fromEntries(trailerFields(body.trailers)) };
  }

  #answerFields(head: ReceivedHead, body: UpstreamResponse['body']): FieldLines {
    if (head === this.#lastHead) return this.#lastFields;
    const fields = responseFields(head, this.#mount.via, (location) => this.#located(location));
    if (fields === undefined) {
      drop(body);
      throw new JackfieldError('UPSTREAM_INVALID', '', {
        cause: new Error('Its 426 answer does not name a protocol in Upgrade (RFC 9110 §15.5.22).'),
      });
    }
    this.#lastHead = head;
    this.#lastFields = fields;
    return fields;
  }

  /** Rewrites a redirect within the upstream so that the client can follow it; any other stays unchanged. */
  #located(location: string): string {
    const { origin } = this.#url;
    const absolute = location.startsWith(`${origin}/`);
    if (!absolute && !/^\/(?!\/)/.test(location)) return location;
    const path = absolute ? location.slice(origin.length) : location;
    const isBelow = path === this.#basePath || path.startsWith(`${this.#basePath}/`);
    if (!isBelow) return location;
    const below = this.#hidden + (path.slice(this.#basePath.length) || '/');
    // Two slashes at the start would name another host to browsers.
    return /^[/\\]{2}/.test(below) ? `/.${below}` : below;
  }

  #switched(request: Request, head: ReceivedHead, tunnel: Tunnel, asked: readonly string[]): ResponseParts {
    const chosen = (fieldIn(head.raw, 'upgrade') ?? '').toLowerCase().split(',');
    if (!chosen.every((name) => asked.includes(name.trim()))) {
      tunnel.destroy();
      throw new JackfieldError('UPSTREAM_INVALID', '', {
        cause: new Error(`The upstream switched to ${chosen.join(', ')}, which was not asked for.`),
      });
    }
    const destroyTunnel = (): void => tunnel.destroy();
    // Until the connection is taken over, nobody else closes it.
    request.signal.addEventListener('abort', destroyTunnel, { once: true });
    return {
      status: 101,
      headers: this.#answerFields(head, undefined),
      takeOver: (stream) => {
        request.signal.removeEventListener('abort', destroyTunnel);
        tunnel.join(stream);
      },
    };
  }
}

/** Nobody reads it. */
function drop(body: UpstreamResponse['body']): void {
  if (body !== undefined && !(body instanceof Uint8Array)) body.destroy();
}
