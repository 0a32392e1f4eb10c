/** The parser's result when the header section of a request is complete. */
import type { ClaimedHead } from './dialect.js';
import type { HeaderSection } from './header-section.js';

export interface RequestHead {
  readonly method: string;
  /** As sent. */
  readonly target: string;
  /** Normalised; see `request-target.ts`. */
  readonly path: string;
  /** The text after the first `?` of the target, as sent. */
  readonly query: string;
  /** The target is an https URI, which only a TLS connection may answer (RFC 9110 §7.4). */
  readonly needsTls: boolean;
  readonly minorVersion: 0 | 1;
  readonly section: HeaderSection;
  /** The effective host and port (RFC 9112 §3.3); undefined if an HTTP/1.0 request has none. */
  readonly host: string | undefined;
  /** Set if a dialect accepted a head that the standard refuses. */
  readonly claim: ClaimedHead | undefined;
}
