/** The source of requests, from the connection itself or from a trusted proxy. */
export interface Origin {
  /** Without port; `''` on a Unix socket. */
  readonly remoteAddress: string;
  readonly protocol: 'http' | 'https';
  /** Host and port that the client sent to the proxy; undefined if the proxy does not say. */
  readonly host?: string | undefined;
  /** The address of the trusted proxy that sent this information; undefined if the peer is the client itself. */
  readonly trustedPeer?: string | undefined;
}
