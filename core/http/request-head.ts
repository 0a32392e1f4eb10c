/** What the parser knows of a request when its header section is complete. */
import type { ClaimedHead } from './dialect.js';
import type { HeaderSection } from './header-section.js';

export interface RequestHead {
  readonly method: string;
  /** As sent. */
  readonly target: string;
  /** Normalised; see `request-target.ts`. */
  readonly path: string;
  /** What follows the first `?` of the target, as sent. */
  readonly query: string;
  /** The target is an https URI, which only a secured connection may answer (RFC 9110 §7.4). */
  readonly needsTls: boolean;
  readonly minorVersion: 0 | 1;
  readonly section: HeaderSection;
  /** The effective host and port (RFC 9112 §3.3); undefined where an HTTP/1.0 request names none. */
  readonly host: string | undefined;
  /** Set where a dialect took a head that the standard refuses. */
  readonly claim: ClaimedHead | undefined;
}
