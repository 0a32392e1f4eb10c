/**
 * The hosts that requests may name. It is also the defence against DNS rebinding: a page of another site that reaches
 * this address still names its own host.
 */
import { parseHost } from '../http/host.js';

const MOST_REMEMBERED = 1_000;

export class AllowedHosts {
  readonly #names: ReadonlySet<string> | undefined;
  /** Field values that were allowed, so that the usual value is looked up and not parsed again. */
  readonly #remembered = new Set<string>();

  /** @param names Without port, any case; `"*"` allows all. */
  constructor(names: readonly string[] | '*') {
    this.#names = names === '*' || names.includes('*') ? undefined : new Set(names.map(normaliseName));
  }

  /** @param host A host with or without port, as in a Host field. */
  allows(host: string): boolean {
    if (this.#names === undefined || this.#remembered.has(host)) return true;
    const name = parseHost(host)?.host;
    if (name === undefined || !this.#names.has(normaliseName(name))) return false;
    if (this.#remembered.size < MOST_REMEMBERED) this.#remembered.add(host);
    return true;
  }
}

/** Names are case-insensitive and may end in the root's dot; an IPv6 address may be configured without brackets. */
function normaliseName(name: string): string {
  const lower = name.toLowerCase();
  if (lower.includes(':') && !lower.startsWith('[')) return `[${lower}]`;
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower;
}
