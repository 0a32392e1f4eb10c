/**
 * The other side: requests to one server, over connections that are kept.
 *
 * It is the client of Node, not `fetch`: that refuses `Connection`, `Upgrade` and several methods, keeps its framing and
 * trailers to itself, and decodes what is compressed.
 */
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import { JackfieldError } from '../../core/plugin-api.js';
import { Deadline } from './deadline.js';
import type { Mount } from './mount.js';

export type UpstreamResponse = http.IncomingMessage;

/** What Node tells of an interim response. */
export interface InterimMessage {
  readonly statusCode: number;
  readonly rawHeaders: readonly string[];
}

export interface Outgoing {
  readonly method: string;
  readonly path: string;
  /** By lower-case name, framing included. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array> | undefined;
  /** Asked when the body has ended. */
  readonly trailers: () => Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly informed: (interim: InterimMessage) => void;
}

/** The upstream left HTTP. */
export interface Switched {
  readonly head: http.IncomingMessage;
  readonly socket: Duplex;
  /** What came behind the head. */
  readonly early: Buffer;
}

type Answer = http.IncomingMessage | Switched;

/** Made again where a connection turns out to be closed: nothing can have happened twice (RFC 9110 §9.2.1). */
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

export class Upstream {
  /** As in a Host field. */
  readonly host: string;
  /** In front of every path; `''`, or without a slash at its end. */
  readonly basePath: string;
  readonly #url: URL;
  readonly #agent: http.Agent;
  readonly #mount: Mount;
  readonly #tls: https.RequestOptions;

  /** @param ca Authorities in PEM in place of those that Node knows. */
  constructor(mount: Mount, ca?: readonly string[]) {
    this.#url = new URL(mount.target);
    this.#mount = mount;
    this.host = this.#url.host;
    this.basePath = this.#url.pathname.replace(/\/+$/, '');
    const name = this.#hostname;
    this.#tls = {
      ...(ca === undefined ? {} : { ca: [...ca] }),
      // Node would take the name from the Host field, which with `host: client` is whatever that client wrote.
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
   * A redirect within the upstream as the client has to follow it; any other stays as it is.
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

  /** Errors: UPSTREAM_UNREACHABLE, UPSTREAM_INVALID, UPSTREAM_TIMEOUT; those of the body of the request. */
  async send(outgoing: Outgoing): Promise<Answer> {
    const mayRepeat = outgoing.body === undefined && SAFE.has(outgoing.method);
    try {
      return await this.#attempt(outgoing, this.#agent);
    } catch (error) {
      // Kept connections close when they like; a new one cannot have been closed for that reason.
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
        // Not before: to begin to read tells the client that its body is wanted (RFC 9110 §10.1.1).
        const sent = body === undefined ? request.end() : pump(outgoing, request, progressed);
        if (sent instanceof Promise)
          sent.catch((error: unknown) => {
            fail(error);
            // Its rest will not come, so that the upstream must not take what it has for the whole.
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
        // The idle timeout applies from here; the connect and response deadlines did before.
        request.setTimeout(idleTimeoutMs, () => {
          const { bytesRead } = socket;
          // After the next poll: what arrived while the process was paused is read before it is called late.
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
    // Node adds `Content-Length: 0` to a request without a body, unless the method is one like GET. For a PUT the upstream
    // would then store an empty value where the client has sent none. A POST keeps the field: servers ask for it, and it
    // replaces nothing. A `Content-Length: 0` of the client is among the headers.
    if (body === undefined && method !== 'POST') request.useChunkedEncodingByDefault = false;
    return request;
  }
}

/** Of a URL, which writes IPv4 in one form only and takes no name that ends in a number. */
function isAddress(hostname: string): boolean {
  return hostname.includes(':') || /^[0-9.]+$/.test(hostname);
}

const CLOSED: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED']);

/** A kept connection was closed before an answer began. */
class StaleConnection extends Error {}

/** @param progressed Called for every part, since a long request is no late answer. */
async function pump(
  { body, trailers }: Outgoing,
  request: http.ClientRequest,
  progressed: () => void,
): Promise<void> {
  // A body may be long in coming, and the upstream may have an answer to the head alone.
  request.flushHeaders();
  for await (const part of body ?? []) {
    // The upstream has answered without waiting for the rest, and closed.
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
