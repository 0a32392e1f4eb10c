/** Where requests come from: what the connection itself knows, or what a trusted proxy says. */
export interface Origin {
  /** Without port; `''` on a Unix socket. */
  readonly remoteAddress: string;
  readonly protocol: 'http' | 'https';
  /** Host and port that a proxy was asked for; undefined where it does not say. */
  readonly host?: string | undefined;
  /** The address of the proxy that said so, if that proxy is trusted; undefined if the peer is the client itself. */
  readonly trustedPeer?: string | undefined;
}
