/** The Upgrade field, RFC 9110 §7.8: a list of protocols, each a name and maybe a version. */
import { isToken, trimBlanks } from './octets.js';

/** Whether a value lists protocols, one at least. */
export function isProtocolList(value: string): boolean {
  const protocols = protocolsOf(value);
  return protocols.length > 0 && protocols.every(isProtocol);
}

function isProtocol(protocol: string): boolean {
  const parts = protocol.split('/');
  return parts.length <= 2 && parts.every(isToken);
}

/**
 * The protocols that a request asks to switch to, most wanted first, in lower case; none where it does not. Only such
 * an answer may be given as names one of them. Of HTTP/1.0 the field is ignored (RFC 9110 §7.8).
 */
export function requestedProtocols({ headers, httpVersion }: UpgradeRequest): readonly string[] {
  if (httpVersion === '1.0' || headers.upgrade === undefined) return [];
  return protocolsOf(headers.connection ?? '').includes('upgrade') ? protocolsOf(headers.upgrade) : [];
}

/** What of a request tells. */
export interface UpgradeRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly httpVersion: '1.0' | '1.1';
}

/** The elements of a list in lower case, which is how they are compared; empty ones are left out (RFC 9110 §5.6.1). */
export function protocolsOf(value: string): string[] {
  const elements = value.toLowerCase().split(',');
  return elements.map(trimBlanks).filter((element) => element !== '');
}
