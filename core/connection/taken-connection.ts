/**
 * A connection that has left HTTP, as the stream for a plugin: it reads octets from the peer and writes octets to the
 * peer, with back-pressure both ways.
 *
 * Rule of this file: whatever the plugin does with its stream, it harms no other connection. The stream calls the
 * plugin's listeners, often on a later tick without any caller above, so their errors and rejections are caught there.
 */
import { captureRejectionSymbol } from 'node:events';
import { Duplex } from 'node:stream';
import type { TakeOver } from '../api/answer.js';
import { JackfieldError } from '../errors.js';
import type { Outbox } from './outbox.js';
import type { Transport } from './transport.js';

/** Receives the events at the end of the connection. */
export interface TakenEvents {
  /** The plugin has failed with this error. */
  failed(error: unknown): void;
  /**
   * The last event: nothing can be read or written any more.
   * @param contentOctets Octets that the plugin wrote, without the head.
   */
  closed(lost: JackfieldError, contentOctets: number): void;
}

export class TakenConnection {
  readonly #transport: Transport;
  readonly #stream: TakenStream;
  readonly #takeOver: TakeOver;
  readonly #events: TakenEvents;
  #hasBegun = false;

  /** @param hasHead The head is written; otherwise the plugin writes it first. */
  constructor(
    transport: Transport,
    outbox: Outbox,
    takeOver: TakeOver,
    events: TakenEvents,
    hasHead: boolean,
  ) {
    this.#transport = transport;
    this.#stream = new TakenStream(transport, outbox, (error) => this.#failed(error));
    this.#stream.hasHead = hasHead;
    // An `error` event without a listener would end the process.
    this.#stream.on('error', () => {});
    this.#takeOver = takeOver;
    this.#events = events;
  }

  /**
   * Passes the stream to the plugin; only the first call has an effect.
   * @param early Octets that arrived before.
   * @param isPaused Whether the transport is paused.
   */
  begin(early: readonly Buffer[], hasEnded: boolean, isPaused: boolean): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    // The deadlines of HTTP do not apply any more: without this, a peer that has disappeared would stay for ever.
    this.#transport.keepAlive?.();
    if (isPaused) this.#stream.holdsPeer = true;
    for (const octets of early) this.#stream.deliver(octets);
    if (hasEnded) this.#stream.deliverEnd();
    try {
      const done = this.#takeOver(this.#stream);
      if (done instanceof Promise) done.catch((error: unknown) => this.#failed(error));
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param isShared The octets are valid only during the call. */
  received(octets: Buffer, isShared: boolean): void {
    this.#stream.deliver(isShared ? Buffer.from(octets) : octets);
  }

  /** The peer has ended its sending side; ours stays open. */
  ended(): void {
    this.#stream.deliverEnd();
  }

  /** Nothing can be read or written any more. */
  closed(): void {
    const lost = new JackfieldError('CONNECTION_LOST');
    // If both directions have ended, the stream ends by itself when the plugin has read everything.
    if (!this.#stream.isThrough) this.#stream.destroy(lost);
    this.#events.closed(lost, this.#stream.contentOctets);
  }

  /** The peer cannot see where its data ends, unless the plugin has ended the stream. */
  get endLooksWhole(): boolean {
    return !this.#stream.hasEnded;
  }

  #failed(error: unknown): void {
    this.#events.failed(error);
    this.#stream.isFaulty = true;
    this.#stream.destroy();
  }
}

/** Rejections of async listeners go to the stream and not to the process; the type definitions lack this option. */
const STREAM_OPTIONS = { allowHalfOpen: true, captureRejections: true };

class TakenStream extends Duplex {
  readonly #transport: Transport;
  readonly #outbox: Outbox;
  readonly #listenerFailed: (error: unknown) => void;
  /** The transport is paused until the plugin reads. */
  holdsPeer = false;
  /** The plugin has failed. */
  isFaulty = false;
  hasHead = true;
  contentOctets = 0;
  #peerEnded = false;
  #ended = false;

  constructor(transport: Transport, outbox: Outbox, listenerFailed: (error: unknown) => void) {
    super(STREAM_OPTIONS);
    this.#transport = transport;
    this.#outbox = outbox;
    this.#listenerFailed = listenerFailed;
  }

  /** All listeners are called from here, for every event and at any time. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    try {
      return super.emit(event, ...args);
    } catch (error) {
      this.#listenerFailed(error);
      return true;
    }
  }

  override [captureRejectionSymbol](error: Error): void {
    this.#listenerFailed(error);
  }

  /** Our direction has ended. */
  get hasEnded(): boolean {
    return this.#ended;
  }

  /** Whether both directions have ended and all octets were passed on. */
  get isThrough(): boolean {
    return this.#peerEnded && this.#ended && !this.#outbox.isBlocked;
  }

  deliver(octets: Buffer): void {
    if (octets.length === 0 || this.destroyed) return;
    // What the stream would do, without a tick per read. A stream that decodes text does it itself.
    const passesOn = this.readableFlowing === true && this.readableEncoding === null;
    if (passesOn && this.readableLength === 0 && this.listenerCount('data') > 0) {
      this.emit('data', octets);
      return;
    }
    if (this.push(octets) || this.holdsPeer) return;
    this.holdsPeer = true;
    this.#transport.pause();
  }

  deliverEnd(): void {
    this.#peerEnded = true;
    if (!this.destroyed) this.push(null);
  }

  override _read(): void {
    if (!this.holdsPeer) return;
    this.holdsPeer = false;
    this.#transport.resume();
  }

  /** Octets go to the outbox at once where nothing waits before them: the queue of the stream would cost a tick. */
  override write(data: unknown, ...rest: unknown[]): boolean {
    const isFree = this.writable && this.writableLength === 0 && !this.#outbox.isBlocked;
    if (!isFree || !(data instanceof Uint8Array) || rest.some((one) => one !== undefined))
      return Reflect.apply(super.write, this, [data, ...rest]);
    this.#put(data);
    return this.writableCorked > 0 || this.#flush();
  }

  override uncork(): void {
    super.uncork();
    if (this.writableCorked === 0 && this.writable && !this.#outbox.isBlocked) this.#flush();
  }

  /** @returns whether there is room for more; if not, `drain` follows. */
  #flush(): boolean {
    this.#outbox.flush();
    if (!this.#outbox.isBlocked) return true;
    void this.#outbox.room().then(() => this.destroyed || this.emit('drain'));
    return false;
  }

  override _write(octets: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    this.#put(octets);
    this.#send(done);
  }

  override _writev(parts: { readonly chunk: Buffer }[], done: (error?: Error) => void): void {
    for (const { chunk } of parts) this.#put(chunk);
    this.#send(done);
  }

  #put(octets: Uint8Array): void {
    this.#outbox.octets(octets);
    this.contentOctets += octets.length;
    if (this.hasHead) return;
    const end = Buffer.from(octets).indexOf('\r\n\r\n');
    if (end === -1) return;
    this.hasHead = true;
    this.contentOctets = octets.length - end - 4;
  }

  override _final(done: (error?: Error) => void): void {
    this.#ended = true;
    this.#outbox.end();
    this.#whenRoom(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // As on a socket, `destroy()` without an error closes normally, unless that drops octets.
    const isCut = this.#outbox.isBlocked || (!this.#ended && (this.isFaulty || error !== null));
    if (isCut) this.#transport.reset();
    else this.#transport.destroy();
    done(error);
  }

  #send(done: () => void): void {
    this.#outbox.flush();
    this.#whenRoom(done);
  }

  #whenRoom(done: () => void): void {
    if (this.#outbox.isBlocked) void this.#outbox.room().then(() => done());
    else done();
  }
}
