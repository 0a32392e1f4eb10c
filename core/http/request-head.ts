/** What the parser knows of a request when its header section is complete. */
import type { ClaimedHead } from './dialect.js';
import type { Framing } from './framing.js';

export interface RequestHead {
  readonly method: string;
  /** As sent. */
  readonly target: string;
  /** Normalised; see `request-target.ts`. */
  readonly path: string;
  /** What follows the first `?` of the target, as sent. */
  readonly query: string;
  readonly minorVersion: 0 | 1;
  /** Names and values in turn, as received; values without the white space around them. */
  readonly rawHeaders: readonly string[];
  /** The effective host and port (RFC 9112 §3.3); undefined where an HTTP/1.0 request names none. */
  readonly host: string | undefined;
  readonly framing: Framing;
  /** Whether the connection stays open behind this exchange as far as the client says (RFC 9112 §9.3). */
  readonly persistent: boolean;
  /** The client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean;
  /** Set where a dialect took a head that the standard refuses. */
  readonly claim: ClaimedHead | undefined;
}
