/**
 * Which fields go past a proxy, and which end there.
 *
 * Law of this file: nothing about one connection, its framing included, is passed on to the other (RFC 9110 §7.6.1).
 */
import type { Request } from '../../core/plugin-api.js';
import type { Mount } from './mount.js';

/** Of one connection, whether `Connection` names them or not. */
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

/** What tells of the client is told anew; a client could have invented it. */
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
    // Whether to send a body is settled between the client and this server.
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
  // The framing of the body is not what the client wrote, but what the core has read.
  if (headers['transfer-encoding'] !== undefined) fields['transfer-encoding'] = 'chunked';
  else if (headers['content-length'] !== undefined) fields['content-length'] = headers['content-length'];
  if (upgrade !== undefined) Object.assign(fields, { connection: 'upgrade', upgrade });
  return fields;
}

/** Whom a trusted proxy has named, in both families of fields, and that proxy itself. */
interface Hops {
  readonly addresses: string;
  readonly elements: string;
  readonly peer: string;
}

/**
 * What is to be added to; undefined where a request came from its client itself. A family that the proxy has not written
 * is told what was made of the other, so that both tell the same.
 */
function hopsBefore(request: Request): Hops | undefined {
  const { trustedPeer, remoteAddress, headers } = request;
  if (trustedPeer === undefined) return undefined;
  const addresses = headers['x-forwarded-for'] ?? '';
  const elements = headers.forwarded ?? '';
  return {
    addresses: addresses === '' ? nameOf(remoteAddress) : addresses,
    // An open quote would take what is added for a part of itself.
    elements: elements !== '' && QUOTES_CLOSED.test(elements) ? elements : forwardedElement(request),
    peer: nameOf(trustedPeer),
  };
}

const QUOTES_CLOSED = /^(?:[^"]|"(?:[^"\\]|\\.)*")*$/;

/** A Unix socket has no address. */
function nameOf(address: string): string {
  return address === '' ? 'unknown' : address;
}

/** RFC 7239 §4: what is no token stands in quotes, and IPv6 in brackets. */
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
 * @param raw Names and values in turn, as they came.
 * @throws TypeError where one is no field.
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
  // These two are about switching protocols here and now (RFC 9110 §15.2.2, §15.5.22).
  if (status === 101 || status === 426) dropped.delete('upgrade');
  const headers = new Headers();
  for (const [name, value] of pairs)
    if (!dropped.has(name)) headers.append(name, name === 'location' ? locate(value) : value);
  headers.append('via', `1.1 ${via}`);
  return headers;
}

/** Of an interim response: it has neither a body nor a say about the connection. */
export function interimFields(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (const [name, value] of pairsOf(raw))
    if (!OF_ONE_HOP.includes(name) && !name.startsWith('content-')) headers.append(name, value);
  return headers;
}

/** What may stand behind a body; the rest is left out, as a proxy may (RFC 9110 §6.5.1). */
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
