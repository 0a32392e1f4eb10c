/**
 * Requests that build the `Request` of Node only if something needs it: most applications read the method, the URL and
 * some headers, and that object costs more than the rest of the exchange.
 */
import { type Request as Incoming, JackfieldError } from '../../core/plugin-api.js';
import { asNative } from './as-native.js';

const Native = globalThis.Request;

/** Has the members of a `Request`; those that are not below pass the call on to the `Request` of Node. */
class LightRequest {
  readonly #incoming: Incoming;
  readonly #url: string;
  #headers: Headers | undefined;
  #native: Request | undefined;

  constructor(incoming: Incoming, url: string) {
    this.#incoming = incoming;
    this.#url = url;
  }

  get method(): string {
    return this.#incoming.method;
  }

  get url(): string {
    return this.#url;
  }

  get headers(): Headers {
    this.#headers ??= headersOf(this.#incoming);
    return this.#headers;
  }

  get signal(): AbortSignal {
    return this.#incoming.clientEnded;
  }

  get bodyUsed(): boolean {
    return this.#native?.bodyUsed ?? false;
  }

  get native(): Request {
    this.#native ??= nativeRequest(this.#incoming, this.#url, this.headers);
    return this.#native;
  }
}

// The versions of Node that keep the state of a request under symbols read it there too, as in `new Request(request)`.
const symbols = Object.getOwnPropertySymbols(new Native('http://localhost/'));
asNative(LightRequest.prototype, Native.prototype, [
  ...Object.getOwnPropertyNames(Native.prototype),
  ...symbols,
]);

/** Other versions would refuse the light one in `new Request(request)` and `fetch(request)`. */
const IS_ACCEPTED = symbols.length > 0;

/** @param url Valid. Errors: METHOD_UNSUPPORTED. */
export function webRequest(incoming: Incoming, url: string): Request {
  const { method } = incoming;
  if (!USUAL.has(method) && (REFUSED.test(method) || REWRITTEN.test(method)))
    throw new JackfieldError('METHOD_UNSUPPORTED', method);
  if (!IS_ACCEPTED) return nativeRequest(incoming, url, headersOf(incoming));
  // The cast: it has every member, by its prototype.
  return new LightRequest(incoming, url) as unknown as Request;
}

const USUAL = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']);
/** Fetch §2.2.1: "forbidden methods", and those that it normalizes; `USUAL` has their upper case. */
const REFUSED = /^(?:CONNECT|TRACE|TRACK)$/i;
const REWRITTEN = /^(?:DELETE|GET|HEAD|OPTIONS|POST|PUT)$/i;

function nativeRequest(incoming: Incoming, url: string, headers: Headers): Request {
  const { method, clientEnded: signal } = incoming;
  const body = hasBody(incoming) ? { body: ReadableStream.from(incoming.body), duplex: 'half' as const } : {};
  return new Native(url, { method, headers, signal, ...body });
}

/** Fields about the connection, not about the request. */
const OF_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
]);

function headersOf({ headers }: Incoming): Headers {
  const fields = new Headers();
  for (const name in headers) if (!OF_CONNECTION.has(name)) fields.append(name, headers[name] ?? '');
  return fields;
}

/** A web `Request` accepts no body with GET and HEAD, where it has no meaning (RFC 9110 §9.3.1). */
function hasBody({ method, headers }: Incoming): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
