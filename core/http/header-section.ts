/**
 * A parsed header section: its fields, and the facts in them that the connection needs. It depends only on the
 * section's octets and the minor version, so equal sections give equal results.
 */
import type { ErrorCode } from '../errors.js';
import { decideFraming, type Framing } from './framing.js';
import { parseHost } from './host.js';
import { trimBlanks } from './octets.js';

const NO_FRAMING: Framing = { kind: 'none' };
const NO_ELEMENTS: readonly string[] = [];

export class HeaderSection {
  /** Names and values in turn, as received; values without surrounding white space. */
  readonly raw: readonly string[];
  /** Value of the Host field; undefined if there is none. */
  readonly host: string | undefined;
  readonly framing: Framing;
  /** Whether the request lets the connection stay open after this exchange (RFC 9112 §9.3). */
  readonly persistent: boolean;
  /** The client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1). */
  readonly expectsContinue: boolean;
  /** Has an Origin or Sec-Fetch-Site field: a browser sends it for a page (Fetch §3.2). */
  readonly fromBrowser: boolean;
  /** Has an Upgrade field (RFC 9110 §7.8). */
  readonly upgrades: boolean;
  /** Why the request cannot be answered; framing faults first (RFC 9112 §6.3). */
  readonly fault: ErrorCode | undefined;
  /** The fault of the Host field (RFC 9112 §3.2); a dialect may ignore it. */
  readonly hostFault: ErrorCode | undefined;
  /** The list of hosts in which `host` was found: searched once per section, not once per request. */
  allowedBy: object | undefined = undefined;
  #record: Readonly<Record<string, string | undefined>> | undefined;

  constructor(raw: readonly string[], minorVersion: 0 | 1) {
    this.raw = raw;
    let hosts = 0;
    let host: string | undefined;
    let contentLength: string[] | undefined;
    let transferEncoding: string[] | undefined;
    let connection = '';
    let expect = '';
    let fromBrowser = false;
    let upgrades = false;
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at]!;
      const value = raw[at + 1]!;
      // Compare the length first: most field names are none of these.
      switch (name.length) {
        case 4:
          if (name.toLowerCase() !== 'host') break;
          hosts++;
          host = value;
          break;
        case 6:
          if (name.toLowerCase() === 'expect') expect += `,${value}`;
          else if (name.toLowerCase() === 'origin') fromBrowser = true;
          break;
        case 7:
          if (name.toLowerCase() === 'upgrade') upgrades = true;
          break;
        case 10:
          if (name.toLowerCase() === 'connection') connection += `,${value}`;
          break;
        case 14:
          if (name.toLowerCase() === 'content-length') contentLength = [...(contentLength ?? []), value];
          else if (name.toLowerCase() === 'sec-fetch-site') fromBrowser = true;
          break;
        case 17:
          if (name.toLowerCase() === 'transfer-encoding')
            transferEncoding = [...(transferEncoding ?? []), value];
          break;
      }
    }
    const framing =
      contentLength === undefined && transferEncoding === undefined
        ? NO_FRAMING
        : decideFraming({
            minorVersion,
            contentLength: contentLength ?? [],
            transferEncoding: transferEncoding ?? [],
          });
    this.host = host;
    this.fromBrowser = fromBrowser;
    this.upgrades = upgrades;
    this.framing = typeof framing === 'string' ? NO_FRAMING : framing;
    const wantsMore = connection === '' ? minorVersion === 1 : isPersistent(connection, minorVersion);
    this.persistent = wantsMore && !(this.framing.kind === 'chunked' && this.framing.isOdd);
    // RFC 9110 §10.1.1: the field is ignored in HTTP/1.0 requests.
    const expectations = expect === '' || minorVersion === 0 ? NO_ELEMENTS : listElements(expect);
    const unmet = expectations.some((expectation) => expectation !== '100-continue');
    this.expectsContinue = expectations.length > 0 && !unmet;
    this.fault = typeof framing === 'string' ? framing : unmet ? 'EXPECTATION_FAILED' : undefined;
    this.hostFault = hostFault(hosts, host, minorVersion);
  }

  /** Field values by lower-case name, frozen and without prototype. Lines with the same name are joined to one list. */
  get record(): Readonly<Record<string, string | undefined>> {
    this.#record ??= fieldRecord(this.raw);
    return this.#record;
  }
}

/** The non-empty elements of a list of tokens, in lower case (RFC 9110 §5.6.1). */
function listElements(list: string): string[] {
  const elements = list.toLowerCase().split(',');
  return elements.map(trimBlanks).filter((element) => element !== '');
}

/** RFC 9112 §9.3. Options are case-insensitive and may be anywhere in the list. */
function isPersistent(connection: string, minorVersion: 0 | 1): boolean {
  const options = listElements(connection);
  if (options.includes('close')) return false;
  return minorVersion === 1 || options.includes('keep-alive');
}

/** RFC 9112 §3.2: exactly one valid Host field in HTTP/1.1; checked even if it is not used. */
function hostFault(hosts: number, host: string | undefined, minorVersion: 0 | 1): ErrorCode | undefined {
  if (hosts > 1) return 'HOST_REPEATED';
  if (host === undefined) return minorVersion === 0 ? undefined : 'HOST_MISSING';
  return parseHost(host) === undefined ? 'HOST_INVALID' : undefined;
}

/** @param raw Names and values in turn. */
export function fieldRecord(raw: readonly string[]): Readonly<Record<string, string | undefined>> {
  return Object.freeze(joinFields(raw));
}

/** Joins lines with the same name to one list (RFC 9110 §5.3). The separator for Cookie is `; ` (RFC 9113 §8.2.3). */
function joinFields(raw: readonly string[]): Record<string, string | undefined> {
  const headers: Record<string, string | undefined> = Object.create(null);
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase();
    const before = headers[name];
    headers[name] =
      before === undefined ? raw[at + 1]! : before + (name === 'cookie' ? '; ' : ', ') + raw[at + 1]!;
  }
  return headers;
}
