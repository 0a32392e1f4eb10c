/**
 * Bearer tokens by their SHA-256. One round of a fast hash is enough for what is long and random, and only for that:
 * nobody tries 2^256 of them. A password goes through `scrypt`.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

interface Known {
  readonly name: string;
  readonly roles: readonly string[];
  readonly tokens: readonly string[];
}

export class Tokens {
  readonly #known: readonly { readonly digest: Buffer; readonly owner: Known }[];

  constructor(identities: readonly Known[]) {
    this.#known = identities.flatMap((owner) =>
      owner.tokens.map((hash) => ({ digest: Buffer.from(hash.slice('sha256:'.length), 'hex'), owner })),
    );
  }

  get isEmpty(): boolean {
    return this.#known.length === 0;
  }

  /** Compares with every one, so that the time tells neither which it was nor how much of it was right. */
  find(token: string): Known | undefined {
    const digest = digestOf(token);
    let found: Known | undefined;
    for (const known of this.#known) if (timingSafeEqual(digest, known.digest)) found = known.owner;
    return found;
  }
}

/** A token that nobody guesses: 256 random bits. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** What stands in the configuration in place of a token. */
export function hashToken(token: string): string {
  return `sha256:${digestOf(token).toString('hex')}`;
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
