/** The Upgrade field, RFC 9110 §7.8: a list of protocols, each a name with an optional version. */
import { isToken, trimBlanks } from './octets.js';

/** Whether a value lists at least one protocol. */
export function isProtocolList(value: string): boolean {
  const protocols = protocolsOf(value);
  return protocols.length > 0 && protocols.every(isProtocol);
}

function isProtocol(protocol: string): boolean {
  const parts = protocol.split('/');
  return parts.length <= 2 && parts.every(isToken);
}

/**
 * The protocols that a request wants to switch to, in lower case and in order of preference; empty if there are none.
 * The answer may only name one of them. In HTTP/1.0 requests the field is ignored (RFC 9110 §7.8).
 */
export function requestedProtocols({ headers, httpVersion }: UpgradeRequest): readonly string[] {
  if (httpVersion === '1.0' || headers.upgrade === undefined) return [];
  return protocolsOf(headers.connection ?? '').includes('upgrade') ? protocolsOf(headers.upgrade) : [];
}

/** The parts of a request that decide about an upgrade. */
export interface UpgradeRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly httpVersion: '1.0' | '1.1';
}

/** The non-empty elements of a list, in lower case because they are compared that way (RFC 9110 §5.6.1). */
export function protocolsOf(value: string): string[] {
  const elements = value.toLowerCase().split(',');
  return elements.map(trimBlanks).filter((element) => element !== '');
}
