/**
 * The fields that a proxy forwards, and those it removes.
 *
 * Rule: nothing about one connection, including its framing, is forwarded to the other (RFC 9110 §7.6.1).
 */
import { FieldLines, protocolsOf, type ReceivedHead, type Request } from '../../core/plugin-api.js';
import { type Mount, PROTOCOL } from './mount.js';

/** Fields about one connection, whether `Connection` names them or not. */
const OF_ONE_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Written again by this proxy or by the core; the client and this server have settled whether to send a body. */
const REWRITTEN: ReadonlySet<string> = new Set(['host', 'via', 'content-length', 'expect']);

export interface RequestFieldOptions extends Pick<Mount, 'via' | 'forwarded' | 'appendForwarded'> {
  /** The part of the path that the upstream does not see; `''` for none. */
  readonly hidden: string;
}

/** @param changed Fields with another value than the client's, by lower-case name. */
export function requestFields(
  request: Request,
  { via, forwarded, appendForwarded, hidden }: RequestFieldOptions,
  host: string,
  changed: Readonly<Record<string, string>> = {},
): FieldLines {
  const { headers, httpVersion } = request;
  const named = hopsNamed(headers.connection);
  const fields = ['host', host];
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || OF_ONE_HOP.has(name) || REWRITTEN.has(name)) continue;
    if (named?.has(name) === true || isAboutClient(name)) continue;
    fields.push(name, changed[name] ?? value);
  }
  fields.push('via', [headers.via ?? [], `${httpVersion} ${via}`].flat().join(', '));
  const hops = appendForwarded ? hopsBefore(request) : undefined;
  if (forwarded === 'x-forwarded' || forwarded === 'both') {
    const peer = hops?.peer ?? nameOf(request.remoteAddress);
    fields.push('x-forwarded-for', [hops?.addresses ?? [], peer].flat().join(', '));
    fields.push('x-forwarded-proto', request.protocol);
    if (request.host !== '') fields.push('x-forwarded-host', request.host);
    if (hidden !== '') fields.push('x-forwarded-prefix', hidden);
  }
  if (forwarded === 'forwarded' || forwarded === 'both')
    fields.push(
      'forwarded',
      hops === undefined ? forwardedElement(request) : `${hops.elements}, for=${quotedNode(hops.peer)}`,
    );
  return new FieldLines(fields);
}

/** Fields about the client are written again; a client could have forged them. */
function isAboutClient(name: string): boolean {
  return name === 'forwarded' || name === 'x-real-ip' || name.startsWith('x-forwarded-');
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
 * @param locate Rewrites a Location.
 * @returns undefined if a 426 response does not name a protocol.
 */
export function responseFields(
  head: ReceivedHead,
  via: string,
  locate: (location: string) => string,
): FieldLines | undefined {
  const { raw, status, minorVersion } = head;
  const named = hopsNamed(fieldIn(raw, 'connection'));
  // In these two answers `Upgrade` is about switching protocols now (RFC 9110 §15.2.2, §15.5.22).
  const upgrades = status === 101 || status === 426;
  const isEmpty = status === 101 || status === 204 || status === 205;
  const fields: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!;
    const lower = name.toLowerCase();
    const value = raw[at + 1]!;
    if (lower === 'upgrade' ? !upgrades : OF_ONE_HOP.has(lower) || named?.has(lower) === true) continue;
    if (isEmpty && lower === 'content-length') continue;
    fields.push(name, lower === 'location' ? locate(value) : value);
  }
  if (status === 426 && !isProtocolList(fieldIn(raw, 'upgrade'))) return undefined;
  fields.push('via', `1.${minorVersion} ${via}`);
  return new FieldLines(fields);
}

/** For an interim response: it has no body, and nothing in it is about the connection. */
export function interimFields({ raw, minorVersion }: ReceivedHead, via: string): FieldLines {
  const named = hopsNamed(fieldIn(raw, 'connection'));
  const fields: string[] = [];
  for (let at = 0; at < raw.length; at += 2) {
    const lower = raw[at]!.toLowerCase();
    if (OF_ONE_HOP.has(lower) || named?.has(lower) === true || lower.startsWith('content-')) continue;
    fields.push(raw[at]!, raw[at + 1]!);
  }
  fields.push('via', `1.${minorVersion} ${via}`);
  return new FieldLines(fields);
}

/**
 * Fields that may follow a body, by lower-case name; a proxy may drop the others (RFC 9110 §6.5.1).
 * @param raw Names and values in turn.
 */
export function trailerFields(raw: readonly (string | undefined)[]): FieldLines {
  const trailers = new Map<string, string>();
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    const value = raw[at + 1] ?? '';
    if (NO_TRAILERS.test(name)) continue;
    const before = trailers.get(name);
    trailers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return new FieldLines([...trailers].flat());
}

const NO_TRAILERS =
  /^(?:content-(?!digest)|if-|transfer-|proxy-|www-)|^(?:connection|keep-alive|te|trailer|upgrade|via|host|cache-control|expect|max-forwards|pragma|range|age|date|expires|location|retry-after|vary|warning|allow|authorization|cookie|set-cookie)$/;

/** All lines of a field joined, by lower-case name. @param raw Names and values in turn. */
export function fieldIn(raw: readonly string[], name: string): string | undefined {
  let joined: string | undefined;
  for (let at = 0; at < raw.length; at += 2) {
    if (raw[at]!.length !== name.length || raw[at]!.toLowerCase() !== name) continue;
    joined = joined === undefined ? raw[at + 1]! : `${joined}, ${raw[at + 1]!}`;
  }
  return joined;
}

/** The fields that `Connection` names; undefined if it names none that is not about one hop in any case. */
function hopsNamed(connection: string | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return undefined;
  // The elements of any list of tokens.
  return new Set(protocolsOf(connection));
}

function isProtocolList(upgrade: string | undefined): boolean {
  const protocols = protocolsOf(upgrade ?? '');
  return protocols.length > 0 && protocols.every((name) => PROTOCOL.test(name));
}
