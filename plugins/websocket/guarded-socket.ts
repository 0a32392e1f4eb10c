/**
 * A socket whose listeners cannot harm others: an error or rejection of a listener is reported to the owner of the
 * socket and closes it. From a plain emitter, such an error would end the process.
 *
 * While its module is being called, messages that nothing listens to wait: a module may read a store first.
 */
import { WebSocket as PlainSocket } from 'ws';

export type WebSocket = PlainSocket;

/** Serves one socket until it closes. */
export type ServeSocket = (socket: WebSocket) => unknown;

/** One for all sockets of a kind: a listener for each event of each socket would cost memory. */
export interface SocketOwner {
  /** In octets. */
  readonly maxBufferedOctets: number;
  /** In octets; as many may wait for a listener before the client has to wait. */
  readonly maxPayloadOctets: number;
  /** The code that serves the socket has failed. */
  failed(socket: GuardedSocket, error: unknown): void;
  /** The client broke the rules of the protocol, or the connection was lost. */
  broken(socket: GuardedSocket, error: unknown): void;
  closed(socket: GuardedSocket): void;
}

type MessageData = readonly unknown[];
type Call = (...args: never) => unknown;

function ignore(): void {}

/** What a waiting message costs besides its octets. */
const MESSAGE_OCTETS = 64;

/** @param data In any of the forms of `binaryType`. */
function octetsOf(data: unknown): number {
  if (Array.isArray(data)) return data.reduce<number>((sum, part) => sum + octetsOf(part), 0);
  if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return data.byteLength;
  return data instanceof Blob ? data.size : 0;
}

export class GuardedSocket extends PlainSocket {
  /** Set before anything can happen. */
  owner: SocketOwner | undefined = undefined;
  /** The path of the request, for the log. */
  path = '';
  /** The number of the ping that the client has not answered; 0 if there is none. */
  unanswered = 0;
  /** Ends the connection if the client does not answer a close. */
  closing: NodeJS.Timeout | undefined = undefined;
  /** Messages that wait for a listener; undefined once messages without one are dropped. */
  #waiting: MessageData[] | undefined;
  #waitingOctets = 0;
  #guards: WeakMap<object, object> | undefined;

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'message') {
      this.unanswered = 0;
      if (this.#mustWait(args)) return true;
    } else if (event === 'pong' || event === 'ping') this.unanswered = 0;
    else if (event === 'error') this.owner?.broken(this, args[0]);
    // The event comes before the listener is there.
    else if (event === 'newListener' && args[0] === 'message') process.nextTick(() => this.#deliver());
    const isHeard = this.#call(event, args);
    if (event === 'close') this.owner?.closed(this);
    return isHeard;
  }

  #call(event: string | symbol, args: readonly unknown[]): boolean {
    // The types know only `Function`.
    const listeners = this.rawListeners(event) as Call[];
    for (const listener of listeners) this.guard(listener, args);
    return listeners.length > 0;
  }

  /** Calls the code that serves the socket. While the promise that it returns is pending, messages wait for a listener. */
  serve(serve: ServeSocket): void {
    this.#waiting = [];
    const done = (): void => {
      this.#deliver();
      this.#waiting = undefined;
      this.#goOn();
    };
    const result = this.guard(serve, [this]);
    if (result instanceof Promise) result.then(done, done);
    else done();
  }

  /** @returns whether the message waits. Those after one that waits do too, so that they stay in order. */
  #mustWait(message: MessageData): boolean {
    const waiting = this.#waiting;
    if (waiting === undefined || (waiting.length === 0 && this.listenerCount('message') > 0)) return false;
    // Without a listener, there is no such event.
    if (waiting.length === 0) super.on('newListener', ignore);
    waiting.push(message);
    this.#waitingOctets += MESSAGE_OCTETS + octetsOf(message[0]);
    if (this.#waitingOctets > (this.owner?.maxPayloadOctets ?? 0)) this.pause();
    return true;
  }

  #deliver(): void {
    const waiting = this.#waiting ?? [];
    if (waiting.length === 0) return;
    // A listener may be for one message only.
    while (waiting.length > 0 && this.listenerCount('message') > 0) {
      this.#call('message', waiting.shift() ?? []);
    }
    if (waiting.length === 0) this.#goOn();
  }

  #goOn(): void {
    if (this.#waitingOctets === 0) return;
    super.off('newListener', ignore);
    if (this.#waitingOctets > (this.owner?.maxPayloadOctets ?? 0)) this.resume();
    this.#waitingOctets = 0;
  }

  /** Listeners in the browsers' style; ws ignores their result. */
  override addEventListener(type: unknown, listener: unknown, options?: unknown): void {
    // Objects with `handleEvent` stay as they are.
    const guarded = typeof listener === 'function' ? this.#guarded(listener as Call) : listener;
    Reflect.apply(super.addEventListener, this, [type, guarded, options]);
  }

  override removeEventListener(type: unknown, listener: unknown): void {
    const guarded = typeof listener === 'function' ? this.#guarded(listener as Call) : listener;
    Reflect.apply(super.removeEventListener, this, [type, guarded]);
  }

  #guarded(listener: Call): object {
    this.#guards ??= new WeakMap();
    let guarded = this.#guards.get(listener);
    if (guarded === undefined) {
      guarded = (event: unknown) => this.guard(listener, [event]);
      this.#guards.set(listener, guarded);
    }
    return guarded;
  }

  /** Calls a function that may throw or reject. */
  guard(run: Call, args: readonly unknown[]): unknown {
    try {
      const result: unknown = Reflect.apply(run, this, args);
      if (result instanceof Promise) result.catch((error: unknown) => this.owner?.failed(this, error));
      return result;
    } catch (error) {
      this.owner?.failed(this, error);
      return undefined;
    }
  }

  override send(data: Parameters<PlainSocket['send']>[0], ...rest: unknown[]): void {
    // The overloads of ws differ in the arguments that follow.
    Reflect.apply(super.send, this, [data, ...rest]);
    const most = this.owner?.maxBufferedOctets ?? Number.POSITIVE_INFINITY;
    if (this.bufferedAmount <= most) return;
    this.owner?.failed(this, new Error(`The client reads too slowly: more than ${most} octets wait for it.`));
    this.terminate();
  }
}
