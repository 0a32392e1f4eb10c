import type { Origin } from '../exchange/origin.js';

/** What a connection needs of whatever carries its octets: a socket, or memory for `inject`. */
export interface Transport extends Origin {
  /**
   * @param octets A string is latin1, one octet a character.
   * @returns false when the peer is behind: wait for `drained` before more.
   */
  write(octets: string | Uint8Array): boolean;
  /** Several parts as one write. */
  writeAll(parts: readonly (string | Uint8Array)[]): boolean;
  /** Whether the system has every octet that was written, so that their memory may be used again. */
  readonly isFlushed?: boolean;
  pause(): void;
  resume(): void;
  /** Ends this direction behind what was written. */
  end(): void;
  /** Both directions, behind what was written. */
  destroySoon(): void;
  /** Both directions, at once. */
  destroy(): void;
  /**
   * Likewise, so that the peer gets an error and not an end, which could pass for the end of a response (RFC 9112 §8).
   * A Unix socket has nothing of the kind: there the peer sees an end.
   */
  reset(): void;
  /**
   * From now on the system finds out when the peer has disappeared without a word; then the connection closes. Absent
   * if no peer can.
   */
  keepAlive?(): void;
}

/** What a transport tells its connection. */
export interface TransportEvents {
  /**
   * @param length How many of the octets were received.
   * @param isShared The octets are only valid during the call; otherwise they stay unchanged.
   */
  received(octets: Buffer, length?: number, isShared?: boolean): void;
  /**
   * The peer has ended its direction.
   * @param isReading It is known to want what comes, as `inject` is; of a socket nobody can tell.
   */
  ended(isReading?: boolean): void;
  /** There is room for more after a `write` that answered false; after `end`, everything was handed over. */
  drained(): void;
  /** The last event: nothing can be read or written any more. */
  closed(): void;
}

/** Sees every octet that a server receives and sends. Costs nothing where there is none. */
export interface Tap {
  /** @param connection Counts from 1. */
  received(connection: number, octets: Uint8Array): void;
  sent(connection: number, octets: Uint8Array): void;
}
