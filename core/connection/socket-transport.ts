/**
 * Carries a connection's octets over a socket of `node:net` or `node:tls`, on one of two read paths.
 *
 * Portable: `data` events, a new buffer per read. Shared: every read of every connection goes into one static buffer
 * and is processed before the next read, which saves an allocation and a stream per read. Node documents the static
 * buffer (`onread`) only for outgoing sockets. An accepted socket has no public access to it, so its handle moves to a
 * new socket that has one. If the handle is not as expected (another kind of socket, a later Node), the portable path
 * is used.
 *
 * Socket options such as no delay belong to the handle and survive the move.
 */
import { Socket } from 'node:net';
import type { Origin } from '../exchange/origin.js';
import type { Connections } from './connections.js';
import { DirectWriter } from './direct-write.js';
import type { Transport, TransportEvents } from './transport.js';

/** Silence after which the system asks whether the peer is still there, in milliseconds. */
const KEEP_ALIVE_DELAY_MS = 60_000;
/** The size of Node's own reads. */
const READ_OCTETS = 65_536;

/** One buffer for all connections: octets are processed or copied before the next read. */
let readBuffer: Buffer | undefined;

/**
 * The property of a socket that has its connection. All sockets share the same listener functions, which find the
 * connection here: separate functions per socket would take a tenth of the memory of an idle connection.
 */
const EVENTS = Symbol('events');

interface Attached {
  [EVENTS]?: TransportEvents;
}

const eventsOf = (socket: object): TransportEvents | undefined => (socket as Attached)[EVENTS];

/** Attaches a new connection to a freshly accepted, paused socket. */
export function attachSocket(
  accepted: Socket,
  origin: Origin,
  connections: Connections,
  useSharedBuffer: boolean,
): void {
  if (!useSharedBuffer || !attachShared(accepted, origin, connections))
    attachPortable(accepted, origin, connections);
}

/**
 * Does the same for an encrypted socket, which keeps its handle.
 * @param carrier The TCP socket that carries it.
 */
export function attachEncrypted(
  socket: Socket,
  origin: Origin,
  connections: Connections,
  carrier: Socket,
  useSharedBuffer: boolean,
): void {
  if (!useSharedBuffer || !readsIntoSharedBuffer(socket)) {
    attachPortable(socket, origin, connections, carrier);
    return;
  }
  listen(socket, connections.open(new SocketTransport(socket, origin, carrier)));
  socket.resume();
}

/**
 * Lets a socket read into the static buffer, as the option `onread` does for a new one. The option ends up in two
 * members of the socket that only Node names, and in its handle.
 * @returns false, with nothing changed, where they are not as expected.
 */
function readsIntoSharedBuffer(socket: Socket): boolean {
  const handle = (socket as unknown as HandleOwner)._handle;
  if (typeof handle !== 'object' || handle === null || !('useUserBuffer' in handle)) return false;
  const { useUserBuffer } = handle;
  const symbols = Object.getOwnPropertySymbols(socket);
  const buffer = symbols.find(({ description }) => description === 'kBuffer');
  const callback = symbols.find(({ description }) => description === 'kBufferCb');
  // Octets that were read already would be overtaken.
  const isExpected = typeof useUserBuffer === 'function' && socket.readableLength === 0;
  if (!isExpected || buffer === undefined || callback === undefined) return false;
  readBuffer ??= Buffer.allocUnsafeSlow(READ_OCTETS);
  Reflect.set(socket, buffer, readBuffer);
  Reflect.set(socket, callback, onSharedRead);
  useUserBuffer.call(handle, readBuffer);
  return true;
}

/** Does the same on the portable path, with a new buffer per read. */
function attachPortable(
  socket: Socket,
  origin: Origin,
  connections: Connections,
  carrier: Socket = socket,
): void {
  listen(socket, connections.open(new SocketTransport(socket, origin, carrier)));
  socket.on('data', onData);
  socket.resume();
}

/** The handle is internal to Node and undocumented: it is `unknown`, and checked before use. */
interface HandleOwner {
  _handle: unknown;
}

function attachShared(accepted: Socket, origin: Origin, connections: Connections): boolean {
  const owner = accepted as unknown as HandleOwner;
  const handle = owner._handle;
  if (typeof handle !== 'object' || handle === null || !('useUserBuffer' in handle)) return false;
  readBuffer ??= Buffer.allocUnsafeSlow(READ_OCTETS);
  const options = {
    handle,
    allowHalfOpen: true,
    highWaterMark: connections.limits.maxBufferedOctets,
    onread: { buffer: readBuffer, callback: onSharedRead },
  };
  // The type definitions lack `handle`, and `onread` for this use.
  const socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
  owner._handle = null;
  // Removes it from the listening socket's count; the handle no longer belongs to it.
  accepted.destroy();
  const direct = DirectWriter.over(handle, socket, onTaken);
  listen(socket, connections.open(new SocketTransport(socket, origin, socket, direct)));
  return true;
}

/**
 * The transport of a socket that this process has connected.
 * @param socket Its `connect` or `secureConnect` event is being handled: nothing was read yet.
 * @param carrier The TCP socket that carries an encrypted one.
 */
export function attachOutgoing(
  socket: Socket,
  origin: Origin,
  events: TransportEvents,
  carrier: Socket = socket,
): Transport {
  const { _handle: handle } = socket as unknown as HandleOwner;
  const isPlain = socket === carrier && typeof handle === 'object' && handle !== null;
  const direct = isPlain ? DirectWriter.over(handle, socket, onTaken) : undefined;
  listen(socket, events);
  if (socket !== carrier || !readsIntoSharedBuffer(socket)) socket.on('data', onData);
  return new SocketTransport(socket, origin, carrier, direct);
}

function listen(socket: Socket & Attached, events: TransportEvents): void {
  socket[EVENTS] = events;
  socket.on('end', onEnd);
  socket.on('drain', onDrain);
  socket.on('finish', onDrain);
  socket.on('error', ignore);
  socket.on('close', onClose);
}

function onData(this: Socket, octets: Buffer): void {
  eventsOf(this)?.received(octets);
}

/** Node calls it as a method of the socket. */
function onSharedRead(this: Socket, length: number, octets: Buffer): boolean {
  eventsOf(this)?.received(octets, length, true);
  return true;
}

function onEnd(this: Socket): void {
  eventsOf(this)?.ended();
}

function onDrain(this: Socket): void {
  eventsOf(this)?.drained();
}

function onTaken(socket: Socket): void {
  eventsOf(socket)?.drained();
}

function onClose(this: Socket): void {
  eventsOf(this)?.closed();
}

/** A reset is a normal end: `close` follows it. */
function ignore(): void {}

class SocketTransport implements Transport {
  readonly remoteAddress: string;
  readonly protocol: Origin['protocol'];
  readonly #socket: Socket;
  readonly #carrier: Socket;
  readonly #direct: DirectWriter | undefined;

  constructor(socket: Socket, { remoteAddress, protocol }: Origin, carrier: Socket, direct?: DirectWriter) {
    this.#socket = socket;
    this.#carrier = carrier;
    this.#direct = direct;
    this.remoteAddress = remoteAddress;
    this.protocol = protocol;
  }

  write(octets: string | Uint8Array): boolean {
    if (typeof octets !== 'string') return this.#socket.write(octets);
    return this.#direct?.write(octets) ?? this.#socket.write(octets, 'latin1');
  }

  writeAll(parts: readonly (string | Uint8Array)[]): boolean {
    let hasRoom = true;
    this.#socket.cork();
    for (const part of parts) hasRoom = this.write(part);
    this.#socket.uncork();
    return hasRoom;
  }

  get isFlushed(): boolean {
    return this.#socket.writableLength === 0 && this.#direct?.isQueued !== true;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#whenTaken(() => this.#socket.end());
  }

  destroySoon(): void {
    this.#whenTaken(() => this.#socket.destroySoon());
  }

  destroy(): void {
    this.#socket.destroy();
  }

  reset(): void {
    if (this.#socket.destroyed) return;
    // Once the end is being sent, the system has accepted every octet, and libuv refuses to reset. Only a TCP socket
    // that is still connected has an address.
    const { writableEnded, writableFinished, writableLength } = this.#socket;
    const isEnding = writableEnded && !writableFinished && writableLength === 0;
    if (!isEnding && this.#carrier.remoteAddress !== undefined) this.#carrier.resetAndDestroy();
    this.#socket.destroy();
  }

  keepAlive(): void {
    this.#carrier.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  }

  /** If an end waits in the handle after octets, it cannot be turned into a reset any more. */
  #whenTaken(then: () => void): void {
    if (this.#direct === undefined) then();
    else this.#direct.whenTaken(then);
  }
}
