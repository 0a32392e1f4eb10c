/**
 * Bearer tokens by their SHA-256. One round of a fast hash is enough for a long random token, and only for that: nobody
 * can try 2^256 of them. Passwords use `scrypt`.
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

  /** Compares with every token, so that the time shows neither which one matched nor how much of it. */
  find(token: string): Known | undefined {
    const digest = digestOf(token);
    let found: Known | undefined;
    for (const known of this.#known) if (timingSafeEqual(digest, known.digest)) found = known.owner;
    return found;
  }
}

/** A token that nobody can guess: 256 random bits. */
export function newToken(): string {
  return randomBytes(32).toString('base64url');
}

/** The hash that replaces a token in the configuration. */
export function hashToken(token: string): string {
  return `sha256:${digestOf(token).toString('hex')}`;
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
