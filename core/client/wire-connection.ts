/** One connection of a client: sends requests and reads their responses, one at a time. */
import { once } from 'node:events';
import net from 'node:net';
import { JackfieldError, reasonOf, systemCode } from '../errors.js';
import { type ReadingManner, readResponse, type WireResponse } from './wire-response.js';

/** The outcome of one exchange. `octets`: the octets received for it. */
export type Outcome =
  | {
      readonly kind: 'response';
      readonly response: WireResponse;
      /** Octets after the response that no request asked for. */
      readonly surplusOctets: number;
      readonly octets: Buffer;
    }
  /** The server closed the connection before the response was complete; usually before it began. */
  | { readonly kind: 'closed'; readonly octets: Buffer }
  | { readonly kind: 'timeout'; readonly afterMs: number; readonly octets: Buffer }
  | { readonly kind: 'malformed'; readonly why: string; readonly octets: Buffer };

export interface ConnectOptions {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** Default 10000. */
  readonly port?: number;
  /** For connecting, and for each exchange. Default 10,000. */
  readonly timeoutMs?: number;
  /** Cancels the work in progress, which rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_PORT = 10_000;
const DEFAULT_TIMEOUT_MS = 10_000;

export class WireConnection {
  readonly #socket: net.Socket;
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  #pieces: Buffer[] = [];
  #receivedOctets = 0;
  #ended = false;
  /** The connection ended with an error: a body without a length is then incomplete (RFC 9112 §8). */
  #broken = false;
  /** Called while an exchange waits, when octets arrive or the connection ends. */
  #wake: () => void = () => {};

  private constructor(socket: net.Socket, options: ConnectOptions) {
    this.#socket = socket;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#signal = options.signal;
    socket.on('data', (octets) => {
      this.#pieces.push(octets);
      this.#receivedOctets += octets.length;
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    // Data received before a reset still counts.
    socket.on('end', end).on('close', end);
    socket.on('error', () => {
      if (!this.#ended) this.#broken = true;
      end();
    });
  }

  /** Errors: SERVER_UNREACHABLE. */
  static async open(options: ConnectOptions = {}): Promise<WireConnection> {
    const { host = DEFAULT_HOST, port = DEFAULT_PORT, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = options;
    signal?.throwIfAborted();
    const socket = net.connect({ host, port, noDelay: true });
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const stop = signal === undefined ? deadline : AbortSignal.any([deadline, signal]);
      await once(socket, 'connect', { signal: stop });
    } catch (cause) {
      socket.destroy();
      signal?.throwIfAborted();
      const why = deadline.aborted
        ? `no answer within ${timeoutMs} ms`
        : (REASONS[systemCode(cause)] ?? reasonOf(cause));
      throw new JackfieldError('SERVER_UNREACHABLE', `${authority(host, port)}: ${why}.`, { cause });
    }
    return new WireConnection(socket, options);
  }

  /** Whether the server has closed the connection. */
  get ended(): boolean {
    return this.#ended;
  }

  async exchange(request: Uint8Array, manner: Omit<ReadingManner, 'ended'>): Promise<Outcome> {
    const deadline = AbortSignal.timeout(this.#timeoutMs);
    const stop = this.#signal === undefined ? deadline : AbortSignal.any([deadline, this.#signal]);
    const onStop = (): void => this.#wake();
    stop.addEventListener('abort', onStop);
    try {
      if (!this.#ended) this.#socket.write(request);
      return await this.#read(manner, deadline);
    } finally {
      stop.removeEventListener('abort', onStop);
      this.#wake = () => {};
    }
  }

  async #read(manner: Omit<ReadingManner, 'ended'>, deadline: AbortSignal): Promise<Outcome> {
    let needs = 0;
    for (;;) {
      this.#signal?.throwIfAborted();
      if (this.#receivedOctets >= needs || this.#ended) {
        const octets = this.#received();
        const reading = readResponse(octets, { ...manner, ended: this.#ended && !this.#broken });
        if (reading.is === 'malformed') return { kind: 'malformed', why: reading.why, octets };
        if (reading.is === 'complete') {
          this.#pieces = [];
          this.#receivedOctets = 0;
          return { kind: 'response', response: reading.response, surplusOctets: reading.rest.length, octets };
        }
        if (this.#ended) return { kind: 'closed', octets };
        needs = reading.needs;
      }
      if (deadline.aborted) return { kind: 'timeout', afterMs: this.#timeoutMs, octets: this.#received() };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #received(): Buffer {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] ?? Buffer.alloc(0);
  }

  /** Closes at once, without reading the rest. */
  close(): void {
    this.#socket.destroy();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'the host name cannot be looked up',
  EHOSTUNREACH: 'there is no route to this host',
  ENETUNREACH: 'there is no route to this network',
  ETIMEDOUT: 'it did not answer in time',
};

/** `host:port`, an IPv6 address in brackets. */
export function authority(host: string, port: number): string {
  return `${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
}
