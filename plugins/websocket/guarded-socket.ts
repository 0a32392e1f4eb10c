/**
 * A socket whose listeners cannot harm others: an error or rejection of a listener is reported to the owner of the
 * socket and closes it. From a plain emitter, such an error would end the process.
 */
import { WebSocket as PlainSocket } from 'ws';

export type WebSocket = PlainSocket;

/** Serves one socket until it closes. */
export type ServeSocket = (socket: WebSocket) => unknown;

export class GuardedSocket extends PlainSocket {
  /** Called with the errors of listeners; the owner of the socket sets it. */
  onfailure: (error: unknown) => void = () => {};
  /** Octets that may wait for the client. */
  maxBufferedOctets = Number.POSITIVE_INFINITY;

  readonly #listeners = new WeakMap<object, object>();

  override emit(event: string | symbol, ...args: unknown[]): boolean {
    const listeners = this.rawListeners(event);
    for (const listener of listeners) this.guard(() => Reflect.apply(listener, this, args));
    return listeners.length > 0;
  }

  /** Listeners in the browsers' style; ws ignores their result. */
  override addEventListener(type: unknown, listener: unknown, options?: unknown): void {
    // Objects with `handleEvent` stay as they are.
    const guarded = typeof listener === 'function' ? this.#guarded(listener) : listener;
    Reflect.apply(super.addEventListener, this, [type, guarded, options]);
  }

  override removeEventListener(type: unknown, listener: unknown): void {
    const guarded = typeof listener === 'function' ? this.#guarded(listener) : listener;
    Reflect.apply(super.removeEventListener, this, [type, guarded]);
  }

  #guarded(listener: object): object {
    let guarded = this.#listeners.get(listener);
    if (guarded === undefined) {
      guarded = (event: unknown) => this.guard(() => Reflect.apply(listener as () => unknown, this, [event]));
      this.#listeners.set(listener, guarded);
    }
    return guarded;
  }

  /** Runs a function that may throw or reject. */
  guard(run: () => unknown): void {
    try {
      const result = run();
      if (result instanceof Promise) result.catch((error: unknown) => this.onfailure(error));
    } catch (error) {
      this.onfailure(error);
    }
  }

  override send(data: Parameters<PlainSocket['send']>[0], ...rest: unknown[]): void {
    // The overloads of ws differ in the arguments that follow.
    Reflect.apply(super.send, this, [data, ...rest]);
    if (this.bufferedAmount <= this.maxBufferedOctets) return;
    this.onfailure(
      new Error(`The client reads too slowly: more than ${this.maxBufferedOctets} octets wait for it.`),
    );
    this.terminate();
  }
}
