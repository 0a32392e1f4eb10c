/**
 * Requests to one server, over connections that are kept.
 *
 * It uses Node's client, not `fetch`: `fetch` refuses `Connection`, `Upgrade` and several methods, hides framing and
 * trailers, and decompresses bodies.
 */
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { JackfieldError } from '../../core/plugin-api.js';
import { Deadline } from './deadline.js';
import type { Mount } from './mount.js';

export type UpstreamResponse = http.IncomingMessage;

/** Node's view of an interim response. */
export interface InterimMessage {
  readonly statusCode: number;
  readonly rawHeaders: readonly string[];
}

export interface Outgoing {
  readonly method: string;
  readonly path: string;
  /** By lower-case name, including framing. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** Called when the body has ended. */
  readonly trailers: () => Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly informed: (interim: InterimMessage) => void;
}

/** The upstream has switched to another protocol. */
export interface Switched {
  readonly head: http.IncomingMessage;
  readonly socket: Duplex;
  /** Octets after the head. */
  readonly early: Buffer;
}

type Answer = http.IncomingMessage | Switched;

/** Repeated if a kept connection turns out to be closed: repeating them is harmless (RFC 9110 §9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

export class Upstream {
  /** As in a Host field. */
  readonly host: string;
  /** Precedes every path; `''`, or a path without a slash at its end. */
  readonly basePath: string;
  readonly #url: URL;
  readonly #agent: http.Agent;
  readonly #mount: Mount;
  readonly #tls: https.RequestOptions;

  /** @param ca Authorities in PEM that replace those of Node. */
  constructor(mount: Mount, ca?: readonly string[]) {
    this.#url = new URL(mount.target);
    this.#mount = mount;
    this.host = this.#url.host;
    this.basePath = this.#url.pathname.replace(/\/+$/, '');
    const name = this.#hostname;
    this.#tls = {
      ...(ca === undefined ? {} : { ca: [...ca] }),
      // Without it, Node would use the Host field, which with `host: client` is chosen by the client.
      servername: isAddress(name) ? '' : name,
    };
    const { Agent } = this.#isSecure ? https : http;
    this.#agent = new Agent({ keepAlive: true, maxSockets: mount.maxConnections, scheduling: 'lifo' });
  }

  get #hostname(): string {
    return this.#url.hostname.replace(/^\[|\]$/g, '');
  }

  get #isSecure(): boolean {
    return this.#url.protocol === 'https:';
  }

  close(): void {
    this.#agent.destroy();
  }

  /**
   * Rewrites a redirect within the upstream so that the client can follow it; any other stays unchanged.
   * @param hidden The part of the path that the upstream does not see; `''` for none.
   */
  located(location: string, hidden: string): string {
    const absolute = location.startsWith(`${this.#url.origin}/`);
    if (!absolute && !/^\/(?!\/)/.test(location)) return location;
    const path = absolute ? location.slice(this.#url.origin.length) : location;
    const isBelow = path === this.basePath || path.startsWith(`${this.basePath}/`);
    if (!isBelow) return location;
    const own = path.slice(this.basePath.length) || '/';
    return hidden + own;
  }

  /** Errors: UPSTREAM_UNREACHABLE, UPSTREAM_INVALID, UPSTREAM_TIMEOUT; those of the request's body. */
  async send(outgoing: Outgoing): Promise<Answer> {
    const mayRepeat = outgoing.body === undefined && SAFE.has(outgoing.method);
    try {
      return await this.#attempt(outgoing, this.#agent);
    } catch (error) {
      // A kept connection may close at any time; a new one cannot fail for that reason.
      if (!(error instanceof StaleConnection)) throw error;
      if (!mayRepeat || outgoing.signal.aborted)
        throw new JackfieldError('UPSTREAM_INVALID', '', { cause: error.cause });
      return await this.#attempt(outgoing, false);
    }
  }

  #attempt(outgoing: Outgoing, agent: http.Agent | false): Promise<Answer> {
    const { signal, informed, body } = outgoing;
    const { idleTimeoutMs, connectTimeoutMs, responseTimeoutMs } = this.#mount;
    return new Promise((resolve, reject) => {
      const request = this.#open(outgoing, agent);
      let isConnected = false;
      let isSettled = false;
      let response: http.IncomingMessage | undefined;
      let deadline = new Deadline(connectTimeoutMs, late);

      const settle = (): void => {
        isSettled = true;
        deadline.clear();
        signal.removeEventListener('abort', aborted);
      };
      const fail = (error: unknown): void => {
        if (isSettled) return;
        settle();
        request.destroy();
        reject(error);
      };
      const progressed = (): void => {
        if (!isSettled) deadline.refresh();
      };
      function late(): void {
        fail(new JackfieldError('UPSTREAM_TIMEOUT'));
      }
      function aborted(): void {
        fail(signal.reason);
      }
      const answered = (answer: Answer): void => {
        settle();
        resolve(answer);
      };
      const connected = (): void => {
        isConnected = true;
        deadline.clear();
        deadline = new Deadline(responseTimeoutMs, late);
        // Not earlier: reading the body tells the client that it is wanted (RFC 9110 §10.1.1).
        const sent = body === undefined ? request.end() : pump(outgoing, request, progressed);
        if (sent instanceof Promise)
          sent.catch((error: unknown) => {
            fail(error);
            // The rest of the body will not come, and the upstream must not treat the part as complete.
            request.destroy();
          });
      };

      signal.addEventListener('abort', aborted, { once: true });
      if (signal.aborted) aborted();
      request.once('socket', (socket) => {
        if (request.reusedSocket) connected();
        else socket.once(this.#isSecure ? 'secureConnect' : 'connect', connected);
      });
      request.on('information', informed);
      request.once('response', (received) => {
        response = received;
        const { socket } = received;
        // The idle timeout applies from here; connect and response deadlines before.
        request.setTimeout(idleTimeoutMs, () => {
          const { bytesRead } = socket;
          // Judge after the next poll: data that arrived while this process was paused is read before it counts as
          // late.
          setImmediate(() => {
            if (socket.bytesRead === bytesRead) request.destroy(new JackfieldError('UPSTREAM_TIMEOUT'));
          });
        });
        answered(received);
      });
      request.once('upgrade', (head, socket, early) => answered({ head, socket, early }));
      request.on('error', (cause: NodeJS.ErrnoException) => {
        // If the end of the connection is the end of the body, Node ends the body here as if it was complete. An
        // upstream that resets the connection says that it is not (RFC 9112 §8).
        response?.destroy(cause);
        if (cause instanceof JackfieldError) fail(cause);
        else if (request.reusedSocket && CLOSED.has(cause.code ?? ''))
          fail(new StaleConnection('', { cause }));
        else
          fail(new JackfieldError(isConnected ? 'UPSTREAM_INVALID' : 'UPSTREAM_UNREACHABLE', '', { cause }));
      });
      request.once('close', () => fail(new JackfieldError('UPSTREAM_INVALID')));
    });
  }

  #open({ method, path, headers, body }: Outgoing, agent: http.Agent | false): http.ClientRequest {
    const request = (this.#isSecure ? https : http).request({
      ...(this.#isSecure ? this.#tls : {}),
      host: this.#hostname,
      port: this.#url.port,
      method,
      path,
      headers,
      agent,
      setHost: false,
    });
    // Node adds `Content-Length: 0` to a request without a body, unless the method is one like GET. For a PUT, the
    // upstream would then store an empty value that the client did not send. A POST keeps the field: servers require
    // it, and it replaces nothing. A `Content-Length: 0` from the client is among the headers.
    if (body === undefined && method !== 'POST') request.useChunkedEncodingByDefault = false;
    return request;
  }
}

/** The hostname of a URL, which normalises IPv4 and allows no name that ends in a number. */
function isAddress(hostname: string): boolean {
  return hostname.includes(':') || /^[0-9.]+$/.test(hostname);
}

const CLOSED: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** A kept connection was closed before an answer began. */
class StaleConnection extends Error {}

/** @param progressed Called for every part: a long request is not a late answer. */
async function pump(
  { body, trailers }: Outgoing,
  request: http.ClientRequest,
  progressed: () => void,
): Promise<void> {
  // The body may take long, and the upstream may answer the head alone.
  request.flushHeaders();
  for await (const part of body ?? []) {
    // The upstream answered without waiting for the rest, and closed the connection.
    if (request.destroyed) return;
    progressed();
    if (!request.write(part)) await drained(request);
    if (request.destroyed) return;
  }
  const behind = trailers();
  if (Object.keys(behind).length > 0) request.addTrailers(behind);
  request.end();
}

function drained(request: http.ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      request.off('drain', go).off('close', go);
      resolve();
    };
    request.on('drain', go).on('close', go);
  });
}
