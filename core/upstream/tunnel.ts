/**
 * A connection to an upstream that has left HTTP, joined with a stream: octets of either go to the other as fast as the
 * other accepts them.
 *
 * The end of one direction is passed on as an end, a connection that breaks as one that breaks.
 */
import type { Duplex } from 'node:stream';
import type { Outbox } from '../connection/outbox.js';
import type { Transport } from '../connection/transport.js';
import { JackfieldError } from '../errors.js';
import { Deadline } from './deadline.js';

/** How long one side may still read the data that the other sent before it closed, in milliseconds. */
const LINGER_MS = 10_000;
/** How long a tunnel may wait for its other side, in milliseconds. */
const JOIN_MS = 60_000;

export class Tunnel {
  readonly #transport: Transport;
  readonly #outbox: Outbox;
  readonly #idleTimeoutMs: number;
  readonly #deadline: Deadline;
  #stream: Duplex | undefined;
  /** What came before the stream did. */
  #early: Buffer[] = [];
  #isPaused = false;
  #hasEnded = false;
  #isClosed = false;
  #lingering: NodeJS.Timeout | undefined;

  /** @param idleTimeoutMs Milliseconds without an octet in either direction, after which both sides are closed. */
  constructor(transport: Transport, outbox: Outbox, idleTimeoutMs: number) {
    this.#transport = transport;
    this.#outbox = outbox;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#deadline = new Deadline(() => this.#close());
    // A hook can replace the answer after which it would be joined.
    this.#deadline.start(Math.min(idleTimeoutMs, JOIN_MS));
    transport.keepAlive?.();
  }

  /** Once. @param stream The other side; its end is also the end of the tunnel. */
  join(stream: Duplex): void {
    this.#stream = stream;
    this.#deadline.start(this.#idleTimeoutMs);
    // Its end is passed on by `close`; the error adds nothing.
    stream.on('error', () => {});
    stream.on('drain', () => this.#resume());
    stream.on('data', (octets: Buffer) => this.#send(octets));
    stream.once('end', () => {
      if (!this.#isClosed) this.#outbox.end();
    });
    stream.once('close', () => this.#streamClosed(stream));
    const early = this.#early;
    this.#early = [];
    this.#resume();
    for (const octets of early) this.received(octets);
    if (this.#hasEnded) stream.end();
    if (this.#isClosed) this.closed();
  }

  /** Nobody joins, or the other side is gone. */
  destroy(): void {
    this.#deadline.close();
    this.#transport.reset();
  }

  // Events of the transport

  /** @param octets Not to be changed afterwards. */
  received(octets: Buffer): void {
    if (octets.length === 0) return;
    if (this.#stream === undefined) {
      this.#early.push(octets);
      this.#pause();
      return;
    }
    this.#deadline.start(this.#idleTimeoutMs);
    if (!this.#stream.write(octets)) this.#pause();
  }

  ended(): void {
    this.#hasEnded = true;
    this.#stream?.end();
  }

  drained(): void {
    this.#stream?.resume();
  }

  closed(): void {
    this.#isClosed = true;
    this.#deadline.close();
    clearTimeout(this.#lingering);
    const stream = this.#stream;
    if (stream === undefined || stream.destroyed) return;
    if (!this.#hasEnded) {
      stream.destroy(new JackfieldError('UPSTREAM_INVALID'));
      return;
    }
    // The last octets of the upstream may still be on their way to the other side.
    stream.resume();
    this.#lingering = setTimeout(() => stream.destroy(), LINGER_MS).unref();
  }

  #send(octets: Buffer): void {
    if (this.#isClosed) return;
    this.#deadline.start(this.#idleTimeoutMs);
    this.#outbox.octets(octets);
    this.#outbox.flush();
    if (this.#outbox.isBlocked) this.#stream?.pause();
  }

  #streamClosed(stream: Duplex): void {
    clearTimeout(this.#lingering);
    if (this.#isClosed) return;
    if (!stream.readableEnded) {
      this.destroy();
      return;
    }
    // Its last octets may still be on their way to the upstream.
    this.#deadline.stop();
    this.#lingering = setTimeout(() => this.#transport.destroySoon(), LINGER_MS).unref();
  }

  #pause(): void {
    this.#isPaused = true;
    this.#transport.pause();
  }

  #resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#transport.resume();
  }

  #close(): void {
    this.#stream?.destroy();
    this.#transport.destroy();
  }
}
