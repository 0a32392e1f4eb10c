/**
 * A wire dialect: almost-HTTP that a plugin may rescue where the standard refuses a head.
 *
 * The standard decides first. Only a header section that is well formed and well framed but whose Host field is
 * refused is offered to the dialects, so standard requests pay nothing and no dialect can weaken framing. A dialect can
 * also allow a bare LF, but only after such a Host field: the standard would have refused that head in any case.
 */
import type { ErrorCode } from '../errors.js';

/** A head that standard HTTP refuses. */
export interface RefusedHead {
  readonly method: string;
  readonly target: string;
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  /** What the standard has against it. */
  readonly fault: ErrorCode;
}

/** What a dialect may ask about the server. */
export interface DialectContext {
  isAllowedHost(host: string): boolean;
  /** Whether some plugin registered this method by name. */
  hasMethod(method: string): boolean;
  /** Whether some handler (fallbacks included) would get this method and path. */
  hasHandler(method: string, path: string): boolean;
}

/** A head that a dialect takes as its own. */
export interface ClaimedHead {
  /** The dialect's name. */
  readonly dialect: string;
  /** The path that the registry is asked for, with a leading `/`. Unused where `answer` is given. */
  readonly path: string;
  /** Host and port that the client asked for, where the Host field says more than these. Compared with `Origin`. */
  readonly host?: string;
  /** Answered at once, after the body was read past; no handler runs. */
  readonly answer?: { readonly status: number; readonly body: string };
  /** The answer in the dialect's own form. */
  write(answer: DialectAnswer): DialectWrite;
}

export interface DialectAnswer {
  readonly status: number;
  /** By lower-case name, without framing fields. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Octets of the body. */
  readonly contentLength: number;
  readonly date: Date;
}

export interface DialectWrite {
  /** Status line, field lines and the empty line, as latin1 text; `''` sends nothing. */
  readonly head: string;
  /** Whether the body follows the head. */
  readonly withBody: boolean;
  /** Whether the connection closes behind it. */
  readonly close: boolean;
}

export interface Dialect {
  readonly name: string;
  /**
   * Whether the field lines after this Host field, and the empty line, may end in LF instead of CR LF (RFC 9112 §2.2
   * lets a recipient do that). Asked at the first bare LF, and only if the standard refuses the value of the one Host
   * field. Without it a bare LF is refused with LINE_END_INVALID; so is a head that the dialect then does not claim.
   */
  allowsBareLf?(host: string): boolean;
  /** `undefined` leaves the head to the next dialect, at last to the standard's refusal. */
  claim(head: RefusedHead, context: DialectContext): ClaimedHead | undefined;
}
