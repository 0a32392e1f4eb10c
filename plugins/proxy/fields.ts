/**
 * The fields that a proxy forwards, and those it removes.
 *
 * Rule: nothing about one connection, including its framing, is forwarded to the other (RFC 9110 §7.6.1).
 */
import type { Request } from '../../core/plugin-api.js';
import type { Mount } from './mount.js';

/** Fields about one connection, whether `Connection` names them or not. */
const OF_ONE_HOP: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** Fields about the client are written again; a client could have forged them. */
const ABOUT_CLIENT = /^(?:forwarded|x-forwarded-.*|x-real-ip)$/;

/**
 * @param hidden The part of the path that the upstream does not see; `''` for none.
 * @param upgrade The protocols that the client asks to switch to, as it wrote them.
 */
export function requestFields(
  request: Request,
  { via, forwarded, appendForwarded }: Mount,
  hidden: string,
  host: string,
  upgrade: string | undefined,
): Record<string, string> {
  const { headers, httpVersion } = request;
  const dropped = hopsOf(headers.connection);
  const fields: Record<string, string> = Object.create(null);
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || dropped.has(name) || ABOUT_CLIENT.test(name)) continue;
    // The client and this server have already settled whether to send a body.
    if (name !== 'host' && name !== 'content-length' && name !== 'expect') fields[name] = value;
  }
  fields.host = host;
  fields.via = [headers.via ?? [], `${httpVersion} ${via}`].flat().join(', ');
  const hops = appendForwarded ? hopsBefore(request) : undefined;
  if (forwarded === 'x-forwarded' || forwarded === 'both') {
    fields['x-forwarded-for'] = [hops?.addresses ?? [], hops?.peer ?? nameOf(request.remoteAddress)]
      .flat()
      .join(', ');
    fields['x-forwarded-proto'] = request.protocol;
    if (request.host !== '') fields['x-forwarded-host'] = request.host;
    if (hidden !== '') fields['x-forwarded-prefix'] = hidden;
  }
  if (forwarded === 'forwarded' || forwarded === 'both')
    fields.forwarded =
      hops === undefined ? forwardedElement(request) : `${hops.elements}, for=${quotedNode(hops.peer)}`;
  // The framing of the body follows what the core has read, not what the client wrote.
  if (headers['transfer-encoding'] !== undefined) fields['transfer-encoding'] = 'chunked';
  else if (headers['content-length'] !== undefined) fields['content-length'] = headers['content-length'];
  if (upgrade !== undefined) Object.assign(fields, { connection: 'upgrade', upgrade });
  return fields;
}

/** The clients that a trusted proxy named, in both families of fields, and that proxy itself. */
interface Hops {
  readonly addresses: string;
  readonly elements: string;
  readonly peer: string;
}

/**
 * The hops to append to; undefined if the request came from its client directly. A family that the proxy did not write
 * is derived from the other, so that both say the same.
 */
function hopsBefore(request: Request): Hops | undefined {
  const { trustedPeer, remoteAddress, headers } = request;
  if (trustedPeer === undefined) return undefined;
  const addresses = headers['x-forwarded-for'] ?? '';
  const elements = headers.forwarded ?? '';
  return {
    addresses: addresses === '' ? nameOf(remoteAddress) : addresses,
    // An open quote would swallow the appended element.
    elements: elements !== '' && QUOTES_CLOSED.test(elements) ? elements : forwardedElement(request),
    peer: nameOf(trustedPeer),
  };
}

const QUOTES_CLOSED = /^(?:[^"]|"(?:[^"\\]|\\.)*")*$/;

/** A Unix socket has no address. */
function nameOf(address: string): string {
  return address === '' ? 'unknown' : address;
}

/** RFC 7239 §4: a value that is not a token is quoted, and IPv6 is in brackets. */
function forwardedElement({ remoteAddress, protocol, host }: Request): string {
  const pairs = [`for=${quotedNode(nameOf(remoteAddress))}`, `proto=${protocol}`];
  if (host !== '') pairs.push(`host=${quoted(host)}`);
  return pairs.join(';');
}

function quotedNode(address: string): string {
  return quoted(address.includes(':') ? `[${address}]` : address);
}

function quoted(text: string): string {
  return /^[A-Za-z0-9._-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * @param raw Names and values in turn, as received.
 * @throws TypeError if one is not a valid field.
 */
export function responseFields(
  raw: readonly string[],
  status: number,
  via: string,
  locate: (location: string) => string,
): Headers {
  const pairs = pairsOf(raw);
  const dropped = hopsOf(
    pairs
      .filter(([name]) => name === 'connection')
      .map(([, value]) => value)
      .join(','),
  );
  // In these two answers `Upgrade` is about switching protocols now (RFC 9110 §15.2.2, §15.5.22).
  if (status === 101 || status === 426) dropped.delete('upgrade');
  const headers = new Headers();
  for (const [name, value] of pairs)
    if (!dropped.has(name)) headers.append(name, name === 'location' ? locate(value) : value);
  headers.append('via', `1.1 ${via}`);
  return headers;
}

/** For an interim response: it has no body, and nothing in it is about the connection. */
export function interimFields(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (const [name, value] of pairsOf(raw))
    if (!OF_ONE_HOP.includes(name) && !name.startsWith('content-')) headers.append(name, value);
  return headers;
}

/** Fields that may follow a body; a proxy may drop the others (RFC 9110 §6.5.1). */
export function trailerFields(raw: readonly string[]): Record<string, string> {
  const trailers: Record<string, string> = Object.create(null);
  for (const [name, value] of pairsOf(raw)) {
    if (NO_TRAILERS.test(name)) continue;
    trailers[name] = name in trailers ? `${trailers[name]}, ${value}` : value;
  }
  return trailers;
}

const NO_TRAILERS =
  /^(?:content-(?!digest)|if-|transfer-|proxy-|www-)|^(?:connection|keep-alive|te|trailer|upgrade|via|host|cache-control|expect|max-forwards|pragma|range|age|date|expires|location|retry-after|vary|warning|allow|authorization|cookie|set-cookie)$/;

function hopsOf(connection = ''): Set<string> {
  const named = connection.toLowerCase().split(',');
  return new Set([...OF_ONE_HOP, ...named.map((name) => name.trim())]);
}

function pairsOf(raw: readonly string[]): (readonly [name: string, value: string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) pairs.push([raw[at]!.toLowerCase(), raw[at + 1]!]);
  return pairs;
}
