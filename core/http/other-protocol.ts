/**
 * Protocols that peers speak by mistake to an address that expects HTTP/1.1. The parser refuses them like any octets
 * that are not HTTP. With the name, the log can say what to change.
 *
 * Sources: the PROXY protocol of HAProxy, versions 1 and 2; RFC 8446 §5.1; RFC 9113 §3.4.
 */

export type OtherProtocol = 'proxy-protocol' | 'tls' | 'http2';

const PROXY_V1 = /^PROXY (?:TCP4 [0-9]|TCP6 [0-9A-Fa-f:]|UNKNOWN[ \r])/;
/** Version 2 starts with CR LF CR LF NUL CR LF "QUIT" LF; the parser has already skipped the two empty lines. */
const PROXY_V2_EMPTY_LINES = 2;
const HTTP2_PREFACE = 'PRI * HTTP/2.0\r\n';
/** The content type of a TLS handshake record. */
const TLS_HANDSHAKE = '\x16';
/** Longer than every signature below. */
const LONGEST = 32;

/**
 * @param text Latin1; the refused request line begins at `start` and may be incomplete.
 * @param emptyLines Number of empty lines before it.
 */
export function otherProtocolIn(text: string, start: number, emptyLines: number): OtherProtocol | undefined {
  const line = text.slice(start, start + LONGEST);
  if (line.startsWith('\0') && emptyLines === PROXY_V2_EMPTY_LINES) return 'proxy-protocol';
  if (emptyLines > 0) return undefined;
  if (line.startsWith(TLS_HANDSHAKE)) return 'tls';
  if (line.startsWith(HTTP2_PREFACE)) return 'http2';
  return PROXY_V1.test(line) ? 'proxy-protocol' : undefined;
}
