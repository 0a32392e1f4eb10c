/**
 * Writes text straight to the handle of a socket and bypasses its stream, which costs an object, three calls and a tick
 * per write: about a tenth of the CPU time of a small exchange. If the system does not accept all of it at once, the
 * handle queues the rest, in order with later writes of the stream.
 *
 * The handle is internal to Node and undocumented. Its members are checked before use. If they are not as expected, and
 * for everything but short text, the stream writes.
 */
import type { Socket } from 'node:net';

/** A write request of the handle. Node does not export the class, so it is copied from one of Node's own writes. */
interface WriteRequest {
  /** @param status Negative if the system did not accept all of it. */
  oncomplete?: (status: number) => void;
}

type WriteText = (request: WriteRequest, text: string, ...more: unknown[]) => number;

interface WritableHandle {
  writeLatin1String: WriteText;
  /** Octets that the system has not accepted. */
  readonly writeQueueSize: number;
}

/** Up to this size the handle tries to write without a copy on the heap. */
const MAX_DIRECT_OCTETS = 16_384;

let Request: (new () => WriteRequest) | undefined;
/**
 * Node 26 creates requests only for octets that the system does not accept at once: there is no request to copy, and
 * nothing to gain.
 */
let isUnknowable = false;
/** A request whose octets the system accepted at once can be used again. */
let spare: WriteRequest | undefined;

export class DirectWriter {
  readonly #handle: WritableHandle;
  readonly #socket: Socket;
  readonly #drained: (socket: Socket) => void;
  #isQueued = false;
  #whenTaken: (() => void) | undefined;

  /** @param drained Called when the system has accepted the queue, or the socket is gone. */
  private constructor(handle: WritableHandle, socket: Socket, drained: (socket: Socket) => void) {
    this.#handle = handle;
    this.#socket = socket;
    this.#drained = drained;
  }

  /** @returns undefined if this handle does not support it. */
  static over(handle: object, socket: Socket, drained: (socket: Socket) => void): DirectWriter | undefined {
    if (!isWritable(handle)) return undefined;
    if (isUnknowable) return undefined;
    if (Request === undefined) learnRequest(handle);
    return new DirectWriter(handle, socket, drained);
  }

  /**
   * @param text Latin1.
   * @returns whether there is room for more; undefined if the stream must write the text.
   */
  write(text: string): boolean | undefined {
    const socket = this.#socket;
    if (Request === undefined || this.#isQueued || text.length > MAX_DIRECT_OCTETS) return undefined;
    // Octets in the stream go first. A socket that has ended or is gone reports that itself.
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
      // A part is lost, so nothing may follow: the client would treat later octets as the missing part.
      if (status < 0) socket.destroy();
      else then?.();
      this.#drained(socket);
    };
    return false;
  }

  /** @param then Called once when the system has accepted all octets of this writer; a later call replaces it. */
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

/** Copies the request class from the next write of the stream over this handle, then restores the handle. */
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
