/**
 * Writes text straight to the handle of a socket, past the stream in front of it, which costs an object, three calls
 * and a tick per write: about a tenth of the CPU time of a small exchange. What the system does not take at once is
 * queued by the handle itself, in order with whatever the stream writes later.
 *
 * The handle is Node's own and undocumented. What is needed of it is looked at before it is used, and where it is not
 * as expected, and for everything but short text, the stream writes.
 */
import type { Socket } from 'node:net';

/** A write as the handle knows it. Node keeps the class to itself, so it is taken from a write of Node's own. */
interface WriteRequest {
  /** @param status Negative where the system took less than all of it. */
  oncomplete?: (status: number) => void;
}

type WriteText = (request: WriteRequest, text: string, ...more: unknown[]) => number;

interface WritableHandle {
  writeLatin1String: WriteText;
  /** Octets that the system has not taken. */
  readonly writeQueueSize: number;
}

/** Up to here the handle tries to write without a copy on the heap. */
const MAX_DIRECT_OCTETS = 16_384;

let Request: (new () => WriteRequest) | undefined;
/** Node 26 makes requests only for what the system does not take at once: there is nothing to learn from, nor to save. */
let isUnknowable = false;
/** A request that the system took at once is as good as new. */
let spare: WriteRequest | undefined;

export class DirectWriter {
  readonly #handle: WritableHandle;
  readonly #socket: Socket;
  readonly #drained: (socket: Socket) => void;
  #isQueued = false;
  #whenTaken: (() => void) | undefined;

  /** @param drained Called when the system has taken what was queued, or the socket is gone. */
  private constructor(handle: WritableHandle, socket: Socket, drained: (socket: Socket) => void) {
    this.#handle = handle;
    this.#socket = socket;
    this.#drained = drained;
  }

  /** The system has not taken all that this writer was given. */
  get isQueued(): boolean {
    return this.#isQueued;
  }

  /** @returns undefined where this handle is not one that can be written to. */
  static over(handle: object, socket: Socket, drained: (socket: Socket) => void): DirectWriter | undefined {
    if (!isWritable(handle)) return undefined;
    if (isUnknowable) return undefined;
    if (Request === undefined) learnRequest(handle);
    return new DirectWriter(handle, socket, drained);
  }

  /**
   * @param text Latin1.
   * @returns whether there is room for more; undefined where the stream has to write it.
   */
  write(text: string): boolean | undefined {
    const socket = this.#socket;
    if (Request === undefined || this.#isQueued || text.length > MAX_DIRECT_OCTETS) return undefined;
    // What the stream still holds goes first; a socket that has ended or is gone refuses in its own way.
    if (socket.writableLength > 0 || socket.writableEnded || socket.destroyed) return undefined;
    const request = spare ?? new Request();
    spare = undefined;
    const handle = this.#handle;
    if (handle.writeLatin1String(request, text) !== 0) {
      socket.destroy();
      return true;
    }
    if (handle.writeQueueSize === 0) {
      spare = request;
      return true;
    }
    this.#isQueued = true;
    request.oncomplete = (status) => {
      this.#isQueued = false;
      const then = this.#whenTaken;
      this.#whenTaken = undefined;
      // Some of it is lost, so nothing may follow: the client would take what comes next for the rest.
      if (status < 0) socket.destroy();
      else then?.();
      this.#drained(socket);
    };
    return false;
  }

  /** @param then Called once the system has taken what this writer was given; the last one that is given counts. */
  whenTaken(then: () => void): void {
    if (this.#isQueued) this.#whenTaken = then;
    else then();
  }
}

function isWritable(handle: object): handle is WritableHandle {
  return (
    'writeLatin1String' in handle &&
    typeof handle.writeLatin1String === 'function' &&
    'writeQueueSize' in handle &&
    typeof handle.writeQueueSize === 'number'
  );
}

/** The next write of the stream over this handle shows what a request is; then the handle is as it was. */
function learnRequest(handle: WritableHandle): void {
  if (Object.hasOwn(handle, 'writeLatin1String')) return;
  const write = handle.writeLatin1String;
  handle.writeLatin1String = function (this: WritableHandle, request: unknown, text, ...more) {
    Reflect.deleteProperty(handle, 'writeLatin1String');
    if (typeof request === 'object' && request !== null) {
      Request = request.constructor as new () => WriteRequest;
    } else isUnknowable = true;
    return write.call(this, request as WriteRequest, text, ...more);
  };
}
