/**
 * A wire dialect: almost-HTTP that a plugin may accept when the standard refuses a head.
 *
 * The standard decides first. Dialects see a header section only if it is well formed and well framed but its Host
 * field is refused. So standard requests pay nothing, and no dialect can weaken framing. A dialect can also allow a
 * bare LF, but only after such a Host field: the standard would have refused that head anyway.
 */
import type { ErrorCode } from '../errors.js';

/** A head that standard HTTP refuses. */
export interface RefusedHead {
  readonly method: string;
  readonly target: string;
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  /** Why the standard refuses it. */
  readonly fault: ErrorCode;
}

/** Questions that a dialect may ask about the server. */
export interface DialectContext {
  isAllowedHost(host: string): boolean;
  /** Whether a plugin registered this method by name. */
  hasMethod(method: string): boolean;
  /** Whether a handler (fallbacks included) would get this method and path. */
  hasHandler(method: string, path: string): boolean;
}

/** A head that a dialect accepts. */
export interface ClaimedHead {
  /** The dialect's name. */
  readonly dialect: string;
  /** The path to look up in the registry, with a leading `/`. Unused if `answer` is set. */
  readonly path: string;
  /** Host and port that the client wants, if the dialect finds them outside the Host field. Compared with `Origin`. */
  readonly host?: string;
  /** Sent after the body was skipped; no handler runs. */
  readonly answer?: { readonly status: number; readonly body: string };
  /** Formats the answer for this dialect. */
  write(answer: DialectAnswer): DialectWrite;
}

export interface DialectAnswer {
  readonly status: number;
  /** By lower-case name, without framing fields. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Length of the body, in octets. */
  readonly contentLength: number;
  readonly date: Date;
}

export interface DialectWrite {
  /** Status line, field lines and the empty line, as latin1 text; `''` sends nothing. */
  readonly head: string;
  /** Whether the body follows the head. */
  readonly withBody: boolean;
  /** Whether the connection closes after this answer. */
  readonly close: boolean;
}

export interface Dialect {
  readonly name: string;
  /**
   * Whether the field lines after this Host field, and the empty line, may end in LF instead of CR LF (RFC 9112 §2.2
   * lets a recipient do that). Called at the first bare LF, and only if the standard refuses the value of the only Host
   * field. Without this function, or if the dialect then does not claim the head, a bare LF is refused with
   * LINE_END_INVALID.
   */
  allowsBareLf?(host: string): boolean;
  /** `undefined` passes the head to the next dialect; after the last one, the standard refuses it. */
  claim(head: RefusedHead, context: DialectContext): ClaimedHead | undefined;
}
