/** Limits and deadlines: names carry the unit. Each leads to the error named behind its default. */
export interface Limits {
  /** All field lines and the empty line behind them, without the request line. 16,384, node's own default: `HEADER_SECTION_TOO_LARGE`. */
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
  /** Without an octet between requests. 65,000, longer than the usual 60 s of a proxy in front: closes. */
  readonly idleTimeoutMs: number;
  /** A peer takes nothing of the answer for this long. 30,000: closes. */
  readonly writeTimeoutMs: number;
  /** A handler may take this long until it answers. 10,000: `HANDLER_TIMEOUT`. */
  readonly handlerTimeoutMs: number;
  /** Buffered octets per connection and direction before the other side has to wait. 65,536. */
  readonly maxBufferedOctets: number;
  /** Open connections; more are refused. 10,000, or what the process may open of files less 64. */
  readonly maxConnections: number;
  /** A clean stop waits this long for exchanges under way. 10,000: then force. */
  readonly shutdownTimeoutMs: number;
  /** A plugin may take this long to load, to set up, and for each `onClose`. 10,000: `PLUGIN_SETUP_TIMEOUT`. */
  readonly setupTimeoutMs: number;
  /**
   * One piece of code may hold up the event loop this long; then a warning in the log of the command names its plugin.
   * 1,000: long before a client gives up, and beyond what a busy machine does to anybody. 0 looks at nothing.
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
