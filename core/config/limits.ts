/**
 * Limits and deadlines. Each name has its unit. Each line says the default and the error of a request above the limit.
 */
export interface Limits {
  /**
   * All field lines and the empty line after them, without the request line. 16,384, the default of Node:
   * `HEADER_SECTION_TOO_LARGE`.
   */
  readonly maxHeaderSectionOctets: number;
  /** 100 lines, more than any browser sends: `HEADER_FIELDS_TOO_MANY`. */
  readonly maxHeaderFields: number;
  /** 8,192; RFC 9112 §3 asks for at least 8,000: `TARGET_TOO_LONG`. */
  readonly maxTargetOctets: number;
  /** 1,048,576: `BODY_TOO_LARGE`. */
  readonly maxBodyOctets: number;
  /** From the first octet of a request to the end of its header section. 10,000: `REQUEST_TIMEOUT`. */
  readonly headerTimeoutMs: number;
  /** From the first octet of a request to its last. 30,000: `REQUEST_TIMEOUT`. */
  readonly requestTimeoutMs: number;
  /**
   * The time without an octet between requests. 65,000, longer than the usual 60 s of a proxy in front: the connection
   * closes.
   */
  readonly idleTimeoutMs: number;
  /** The longest time for which a peer may read none of its answer. 30,000: the connection closes. */
  readonly writeTimeoutMs: number;
  /** The time until a handler answers. 10,000: `HANDLER_TIMEOUT`. */
  readonly handlerTimeoutMs: number;
  /** Buffered octets per connection and direction before the other side must wait. 65,536. */
  readonly maxBufferedOctets: number;
  /** Open connections; more are refused. 10,000, or the process limit of open files less 64. */
  readonly maxConnections: number;
  /** The time a clean stop waits for exchanges in progress. 10,000: then it closes their connections. */
  readonly shutdownTimeoutMs: number;
  /** The time for a plugin to load, for its set-up, and for each `onClose` function. 10,000: `PLUGIN_SETUP_TIMEOUT`. */
  readonly setupTimeoutMs: number;
  /**
   * The time for which code may block the event loop; then a warning in the log of the command names the plugin.
   * 1,000: clients still wait that long, and a busy machine rarely delays the loop as much. 0 switches the check off.
   */
  readonly blockedLoopMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  maxHeaderSectionOctets: 16_384,
  maxHeaderFields: 100,
  maxTargetOctets: 8_192,
  maxBodyOctets: 1_048_576,
  headerTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 65_000,
  writeTimeoutMs: 30_000,
  handlerTimeoutMs: 10_000,
  maxBufferedOctets: 65_536,
  maxConnections: 10_000,
  shutdownTimeoutMs: 10_000,
  setupTimeoutMs: 10_000,
  blockedLoopMs: 1_000,
};
