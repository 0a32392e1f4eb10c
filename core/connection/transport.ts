import type { Origin } from '../exchange/origin.js';

/** What carries a connection's octets: a socket, or memory for `inject`. */
export interface Transport extends Origin {
  /**
   * @param octets A string is latin1, one octet per character.
   * @returns false if the peer is slow: wait for `drained` before the next write.
   */
  write(octets: string | Uint8Array): boolean;
  /** Several parts as one write. */
  writeAll(parts: readonly (string | Uint8Array)[]): boolean;
  pause(): void;
  resume(): void;
  /** Ends our direction after all writes. */
  end(): void;
  /** Closes both directions after all writes. */
  destroySoon(): void;
  /** Closes both directions at once. */
  destroy(): void;
  /**
   * Closes both directions at once, with an error for the peer: a normal end could look like the end of a response (RFC
   * 9112 §8). A Unix socket has no reset: there the peer sees a normal end.
   */
  reset(): void;
}

/** Events from a transport to its connection. */
export interface TransportEvents {
  /**
   * @param length How many of the octets were received.
   * @param isShared The octets are valid only during the call; otherwise they never change.
   */
  received(octets: Buffer, length?: number, isShared?: boolean): void;
  /**
   * The peer has ended its sending side.
   * @param isReading Whether the peer certainly still reads, as with `inject`. For a socket, nobody can tell.
   */
  ended(isReading?: boolean): void;
  /** There is room again after a `write` that returned false; after `end`: everything was sent. */
  drained(): void;
  /** The last event: nothing can be read or written any more. */
  closed(): void;
}

/** Sees every octet that a server receives and sends. No cost without a tap. */
export interface Tap {
  /** @param connection Counts from 1. */
  received(connection: number, octets: Uint8Array): void;
  sent(connection: number, octets: Uint8Array): void;
}
