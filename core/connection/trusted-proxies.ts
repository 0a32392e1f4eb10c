/**
 * Which proxies are trusted, and what they report about the source of a request.
 *
 * Rules of this file:
 * - A proxy appends its information to the fields, so they are read from the end, and only as far as the proxies that
 *   wrote them are trusted. A client may have invented anything before that.
 * - If the proxy does not name its client, or not in a valid form, the client is `unknown`. It is never the proxy
 *   itself: the proxy may run on this machine, and so have more rights than any client.
 */
import { BlockList, isIP } from 'node:net';
import type { Origin } from '../exchange/origin.js';
import { type ForwardedElement, parseForwarded, parseList } from '../http/forwarded.js';
import type { HeaderSection } from '../http/header-section.js';
import { parseHost } from '../http/host.js';
import { type Log, silentLog } from '../log.js';
import { canonicalAddress } from './address.js';

/** The information of one family of fields. */
interface Claim {
  /** Undefined if the fields do not name it. */
  readonly client: string | undefined;
  readonly protocol: Origin['protocol'] | undefined;
  readonly host: string | undefined;
}

const UNKNOWN = 'unknown';

export class TrustedProxies {
  readonly #addresses = new Set<string>();
  /** Checked only if there are ranges: it takes a few microseconds. */
  readonly #ranges: BlockList | undefined;
  readonly #log: Log;
  #hasWarned = false;

  /** @param entries Valid entries of `trustedProxies` in the configuration. */
  constructor(entries: readonly string[], log: Log = silentLog) {
    this.#log = log;
    for (const entry of entries) {
      const [address = '', bits] = entry.split('/');
      if (entry === 'unix') this.#addresses.add('');
      else if (bits === undefined) this.#addresses.add(canonicalAddress(address) ?? address);
      else {
        this.#ranges ??= new BlockList();
        this.#ranges.addSubnet(address, Number(bits), familyOf(address));
      }
    }
  }

  /** @returns undefined if no proxy is trusted. */
  static of(entries: readonly string[], log?: Log): TrustedProxies | undefined {
    return entries.length === 0 ? undefined : new TrustedProxies(entries, log);
  }

  /** @param address Canonical; `''` for the peer of a Unix socket. */
  trusts(address: string): boolean {
    if (this.#addresses.has(address)) return true;
    if (this.#ranges === undefined || isIP(address) === 0) return false;
    return this.#ranges.check(address, familyOf(address));
  }

  /**
   * The real source of a request that came from a trusted peer.
   *
   * Reads both Forwarded (RFC 7239) and the older X-Forwarded fields. A proxy that writes one of them passes the other
   * on from its client, so if they contradict each other, neither is trusted.
   */
  originOf(peer: Origin, { record }: HeaderSection): Origin {
    const { forwarded } = record;
    const standard = forwarded === undefined ? NO_CLAIM : this.#claimOf(parseForwarded(forwarded));
    const older = this.#olderClaim(record);
    const client = agreed(standard.client, older.client, UNKNOWN);
    if (client === undefined) this.#warn(peer.remoteAddress);
    return {
      remoteAddress: client ?? UNKNOWN,
      protocol: agreed(standard.protocol, older.protocol, undefined) ?? peer.protocol,
      host: agreed(standard.host, older.host, undefined),
      trustedPeer: peer.remoteAddress,
    };
  }

  /** Logged once: a proxy that names nobody does so for every request, and one line says what to do. */
  #warn(address: string): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#log.warn(
      { proxy: address === '' ? 'unix' : address },
      'A proxy in "trustedProxies" sent a request without the address of its client; that address is then "unknown". Let ' +
        'the proxy set X-Forwarded-For or Forwarded: docs/transports.md shows how.',
    );
  }

  #claimOf(elements: readonly ForwardedElement[] | undefined): Claim {
    // An invalid field may have contained anything.
    if (elements === undefined) return UNREADABLE;
    if (elements.length === 0) return NO_CLAIM;
    const { client, at } = this.#walk(elements.map((element) => element.for));
    return { client, protocol: protocolOf(elements[at]?.proto), host: hostOf(elements[at]?.host) };
  }

  #olderClaim(record: HeaderSection['record']): Claim {
    const hops = parseList(record['x-forwarded-for'] ?? '');
    const { client, at } = hops.length === 0 ? { client: undefined, at: -1 } : this.#walk(hops);
    // Some proxies append to these fields as to the list of addresses, others write them once.
    const beside = (name: string): string | undefined => {
      const values = parseList(record[name] ?? '');
      const back = hops.length === 0 ? 1 : hops.length - at;
      return values[Math.max(0, values.length - back)];
    };
    return {
      client,
      protocol: protocolOf(beside('x-forwarded-proto')),
      host: hostOf(beside('x-forwarded-host')),
    };
  }

  /** From the end past every trusted hop. The first one that is not trusted is the client; so is the very first. */
  #walk(hops: readonly (string | undefined)[]): { client: string; at: number } {
    for (let at = hops.length - 1; ; at--) {
      const client = nodeOf(hops[at]);
      if (at <= 0 || !this.trusts(client)) return { client, at };
    }
  }
}

const NO_CLAIM: Claim = { client: undefined, protocol: undefined, host: undefined };
const UNREADABLE: Claim = { client: UNKNOWN, protocol: undefined, host: undefined };

function agreed<T>(one: T | undefined, other: T | undefined, atOdds: T | undefined): T | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one === other ? one : atOdds;
}

/** An address, with or without port. Brackets around IPv6 may be missing if there is no port. */
const NODE = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::(?:[0-9]{1,5}|_[\w.-]+))?$/;

/**
 * The node of RFC 7239 §6: an address in canonical form, or an unchanged identifier that hides it (`unknown`, `_name`).
 * Anything else is `unknown`.
 */
function nodeOf(text: string | undefined): string {
  if (text === undefined) return UNKNOWN;
  if (/^_[\w.-]+$/.test(text)) return text;
  const [, bracketed, plain] = NODE.exec(text) ?? [];
  return canonicalAddress(bracketed ?? plain ?? text) ?? UNKNOWN;
}

function protocolOf(text: string | undefined): Origin['protocol'] | undefined {
  const lower = text?.toLowerCase();
  return lower === 'http' || lower === 'https' ? lower : undefined;
}

function hostOf(text: string | undefined): string | undefined {
  return text !== undefined && text !== '' && parseHost(text) !== undefined ? text : undefined;
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 4 ? 'ipv4' : 'ipv6';
}
