/**
 * Responses of a text that build the `Response` of Node only if something needs it: an application returns most of them
 * as they are, and that object with its stream costs more than the rest of the exchange.
 *
 * Applications say `new Response(text)`, so the constructor of the process is replaced, as the Node server of Hono
 * does. Its prototype, its static members and every response that is not a text stay those of Node.
 */
import type { ResponseValue } from '../../core/plugin-api.js';
import { asNative } from './as-native.js';

const Native = globalThis.Response;
const TEXT = 'text/plain;charset=UTF-8';
const JSON_TYPE = 'application/json';
const TYPES_AT_MOST = 100;

/** Has the members of a `Response`; those that are not below pass the call on to the `Response` of Node. */
class LightResponse {
  readonly status: number;
  readonly #text: string;
  /** The only header, as long as nothing has asked for the headers. */
  readonly #type: string;
  #headers: Headers | undefined;
  #native: Response | undefined;

  constructor(text: string, status: number, type: string, headers: Headers | undefined) {
    this.#text = text;
    this.status = status;
    this.#type = type;
    this.#headers = headers;
  }

  get headers(): Headers {
    this.#headers ??= new Headers({ 'content-type': this.#type });
    return this.#headers;
  }

  get bodyUsed(): boolean {
    return this.#native?.bodyUsed ?? false;
  }

  clone(): Response {
    const { status, headers } = this;
    return new Native(this.native.clone().body, { status, headers });
  }

  get native(): Response {
    const { status, headers } = this;
    this.#native ??= new Native(this.#text, { status, headers });
    return this.#native;
  }

  /** The answer with the text as its body; undefined if something has asked for the stream. */
  get answer(): ResponseValue | undefined {
    if (this.#native !== undefined) return undefined;
    const { status } = this;
    if (this.#headers === undefined) return { status, headers: onlyType(this.#type), body: this.#text };
    // The core reads from a web response what these members say, and takes the fields of another hop away.
    const response = {
      status,
      headers: this.#headers,
      body: this.#text,
      bodyUsed: false,
      type: 'default',
      url: '',
    };
    // The cast: the type of the standard does not know a body that is a text.
    return response as unknown as Response;
  }
}

asNative(LightResponse.prototype, Native.prototype, Object.getOwnPropertyNames(Native.prototype));

/** The headers of one type, checked by the core once. */
const types = new Map<string, Readonly<Record<string, string>>>();

function onlyType(type: string): Readonly<Record<string, string>> {
  const known = types.get(type);
  if (known !== undefined) return known;
  const fields = Object.freeze({ 'content-type': type });
  if (types.size < TYPES_AT_MOST) types.set(type, fields);
  return fields;
}

/** Undefined if Node must judge it. */
function lightResponse(text: string, init: unknown, type: string): LightResponse | undefined {
  if (init === undefined) return new LightResponse(text, 200, type, undefined);
  if (typeof init !== 'object' || init === null) return undefined;
  const { status = 200, statusText = '', headers }: ResponseInit = init;
  // For an invalid status, or one without a body, Node throws.
  if (!Number.isInteger(status) || status < 200 || status > 599 || statusText !== '') return undefined;
  if (status === 204 || status === 205 || status === 304) return undefined;
  if (headers === undefined) return new LightResponse(text, status, type, undefined);
  const own = typeOnlyIn(headers);
  if (own !== undefined) return new LightResponse(text, status, own, undefined);
  const fields = new Headers(headers);
  if (!fields.has('content-type')) fields.set('content-type', type);
  return new LightResponse(text, status, type, fields);
}

/** The type if the headers are a plain object with nothing else. */
function typeOnlyIn(headers: object): string | undefined {
  let type: unknown;
  for (const name in headers) {
    if (type !== undefined || name.toLowerCase() !== 'content-type') return undefined;
    type = Reflect.get(headers, name);
  }
  return typeof type === 'string' && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(type)
    ? type
    : undefined;
}

const Light: typeof Native = new Proxy(Native, {
  construct(target, args: unknown[], newTarget): object {
    const [body, init] = args;
    // A class of the application that extends `Response` gets that of Node.
    const light =
      newTarget === Light && typeof body === 'string' ? lightResponse(body, init, TEXT) : undefined;
    if (light !== undefined) return light;
    const response: object = Reflect.construct(target, args, newTarget === Light ? target : newTarget);
    if (body instanceof ArrayBuffer || ArrayBuffer.isView(body)) lengths.set(response, body.byteLength);
    else if (body instanceof Blob) lengths.set(response, body.size);
    return response;
  },
  get: (target, name) => (name === 'json' ? json : Reflect.get(target, name)),
});
/** Of bodies that are not a text. */
const lengths = new WeakMap<object, number>();

function json(data: unknown, init?: ResponseInit): Response {
  const text: unknown = JSON.stringify(data);
  const light = typeof text === 'string' ? lightResponse(text, init, JSON_TYPE) : undefined;
  // The cast: it has every member, by its prototype.
  return (light as Response | undefined) ?? Native.json(data, init);
}

/** Replaces the constructor of the process; again does nothing. */
export function replaceResponse(): void {
  if (globalThis.Response === Native) globalThis.Response = Light;
}

/** A response as the core sends it, with its length if that is known. */
export function answerOf(response: Response): ResponseValue {
  if (response instanceof LightResponse) return response.answer ?? response;
  const length = lengths.get(response);
  if (length !== undefined && !response.headers.has('content-length'))
    response.headers.set('content-length', String(length));
  return response;
}
