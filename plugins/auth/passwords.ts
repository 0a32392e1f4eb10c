/**
 * Checks passwords at a bounded cost: few checks at a time, a bounded queue, one check for equal requests, and right
 * passwords remembered for a while. Nothing in memory can be turned back into a password.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { refusal } from '../shared/refusal.js';
import { decoyOf, isPassword, type PasswordHash, parsePasswordHash } from './scrypt.js';

export interface Known {
  readonly name: string;
  readonly roles: readonly string[];
  readonly password?: string | undefined;
}

export interface PasswordsOptions {
  readonly cacheSeconds: number;
  readonly maxChecks: number;
  readonly maxWaiting: number;
}

/** The number of right passwords to remember: at most one per identity, and a few old ones. */
const MOST_REMEMBERED = 1_000;

export class Passwords {
  readonly #options: PasswordsOptions;
  readonly #known = new Map<string, { readonly owner: Known; readonly hash: PasswordHash }>();
  readonly #decoys: readonly PasswordHash[];
  /** A key of this process, so that the remembered values are useless elsewhere. */
  readonly #secret = randomBytes(32);
  readonly #remembered: LRUCache<string, Known> | undefined;
  readonly #underWay = new Map<string, Promise<Known | undefined>>();
  readonly #waiting: (() => void)[] = [];
  #checks = 0;

  constructor(identities: readonly Known[], options: PasswordsOptions) {
    this.#options = options;
    for (const owner of identities) {
      const hash = owner.password === undefined ? undefined : parsePasswordHash(owner.password);
      if (hash !== undefined) this.#known.set(owner.name, { owner, hash });
    }
    this.#decoys = Array.from(this.#known.values(), ({ hash }) => decoyOf(hash));
    if (options.cacheSeconds > 0)
      this.#remembered = new LRUCache({ max: MOST_REMEMBERED, ttl: options.cacheSeconds * 1_000 });
  }

  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  /** Errors: OVERLOADED. */
  async find(name: string, password: string): Promise<Known | undefined> {
    if (this.isEmpty) return undefined;
    // A name in the configuration cannot contain NUL, so no two pairs give the same text.
    const pair = this.#mac(`${name}\0${password}`).toString('base64');
    const remembered = this.#remembered?.get(pair);
    if (remembered !== undefined) return remembered;
    let check = this.#underWay.get(pair);
    if (check === undefined) {
      check = this.#check(name, password, pair).finally(() => this.#underWay.delete(pair));
      this.#underWay.set(pair, check);
    }
    return check;
  }

  async #check(name: string, password: string, pair: string): Promise<Known | undefined> {
    await this.#turn();
    try {
      const known = this.#known.get(name);
      const isRight = await isPassword(password, known?.hash ?? this.#decoyFor(name));
      if (!isRight || known === undefined) return undefined;
      this.#remembered?.set(pair, known.owner);
      return known.owner;
    } finally {
      const next = this.#waiting.shift();
      // Hand the slot over, so that no other check can take it.
      if (next === undefined) this.#checks--;
      else next();
    }
  }

  /** An unknown name costs as much as some known name, and always the same one. */
  #decoyFor(name: string): PasswordHash {
    const at = this.#mac(name).readUInt32BE() % this.#decoys.length;
    // A decoy exists as soon as a password does, and without passwords nothing is checked.
    return this.#decoys[at]!;
  }

  async #turn(): Promise<void> {
    if (this.#checks < this.#options.maxChecks) {
      this.#checks++;
      return;
    }
    if (this.#waiting.length >= this.#options.maxWaiting) throw refusal('OVERLOADED', { 'Retry-After': '1' });
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #mac(text: string): Buffer {
    return createHmac('sha256', this.#secret).update(text).digest();
  }
}
