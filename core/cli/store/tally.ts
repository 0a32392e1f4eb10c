/** Counts and hashes entries, so that two stores can be compared without keeping either in memory. */
import { createHash } from 'node:crypto';
import type { Entry } from '../../storage/contract.js';

type Pair = Pick<Entry, 'key' | 'value' | 'expiresAt'>;

export class Tally {
  readonly #staying = createHash('sha256');
  readonly #expiring = createHash('sha256');
  #count = 0;
  #expiringCount = 0;
  #firstExpiry = Number.POSITIVE_INFINITY;

  /** Call it in creation order. */
  add({ key, value, expiresAt }: Pair): void {
    this.#count += 1;
    if (expiresAt !== undefined) {
      this.#expiringCount += 1;
      this.#firstExpiry = Math.min(this.#firstExpiry, expiresAt);
    }
    const hash = expiresAt === undefined ? this.#staying : this.#expiring;
    // The lengths separate key and value: otherwise "ab" and "c" would hash like "a" and "bc".
    hash
      .update(`${Buffer.byteLength(key)} ${Buffer.byteLength(value)} `)
      .update(key)
      .update(value);
  }

  get count(): number {
    return this.#count;
  }

  get expiring(): number {
    return this.#expiringCount;
  }

  /** Ends the tally. */
  finish(): Totals {
    return {
      count: this.#count,
      expiring: this.#expiringCount,
      firstExpiry: this.#firstExpiry,
      sha256: this.#staying.digest('hex'),
      expiringSha256: this.#expiring.digest('hex'),
    };
  }
}

export interface Totals {
  readonly count: number;
  readonly expiring: number;
  /** Milliseconds since the epoch; Infinity if nothing expires. */
  readonly firstExpiry: number;
  readonly sha256: string;
  readonly expiringSha256: string;
}

/**
 * The difference, as the end of a sentence. Entries without expiry must be identical. So must entries with expiry,
 * unless some have expired by now: then fewer may be left.
 */
export function differenceOf(copied: Totals, readBack: Totals, now: number): string | undefined {
  const staying = (totals: Totals) => totals.count - totals.expiring;
  if (staying(copied) !== staying(readBack)) {
    return `${staying(copied)} entries were copied, but ${staying(readBack)} were read back.`;
  }
  if (copied.sha256 !== readBack.sha256) {
    return `the hash of the copied entries is ${copied.sha256}, the hash of the entries read back is ${readBack.sha256}.`;
  }
  const same = copied.expiring === readBack.expiring && copied.expiringSha256 === readBack.expiringSha256;
  if (same || (copied.firstExpiry <= now && readBack.expiring <= copied.expiring)) return undefined;
  return `${copied.expiring} expiring entries were copied, but the ${readBack.expiring} read back differ from them.`;
}
