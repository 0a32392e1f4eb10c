/**
 * Hashes passwords with scrypt (RFC 7914), in the PHC string format: `$scrypt$ln=15,r=8,p=3$salt$hash`, base64 without
 * padding, `ln` the binary logarithm of N.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

export interface PasswordHash {
  readonly ln: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** By OWASP's table as strong as N = 2^17 with p = 1, with a quarter of the memory: 32 MiB. */
const COST = { ln: 15, r: 8, p: 3 };
/** Less would not protect; more could, by a typing error, use up the machine's memory. */
const LEAST_LN = 10;
const MOST_OCTETS = 2 ** 28;
const SALT_OCTETS = 16;
const HASH_OCTETS = 32;

/** The hash that replaces a password in the configuration. Takes a tenth of a second, off the event loop. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_OCTETS);
  const hash = await derive(password, { ...COST, salt, hash: Buffer.alloc(HASH_OCTETS) });
  const { ln, r, p } = COST;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(hash)}`;
}

export function isPasswordHash(text: string): boolean {
  return parsePasswordHash(text) !== undefined;
}

export function parsePasswordHash(text: string): PasswordHash | undefined {
  const written =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/.exec(
      text,
    );
  if (written === null) return undefined;
  const [ln, r, p] = [Number(written[1]), Number(written[2]), Number(written[3])];
  if (ln < LEAST_LN || r < 1 || p < 1 || octetsFor(ln, r, p) > MOST_OCTETS) return undefined;
  return {
    ln,
    r,
    p,
    salt: Buffer.from(written[4] ?? '', 'base64'),
    hash: Buffer.from(written[5] ?? '', 'base64'),
  };
}

/** Runs in a thread of the pool. */
export async function isPassword(password: string, known: PasswordHash): Promise<boolean> {
  return timingSafeEqual(await derive(password, known), known.hash);
}

/** A hash that no password has, at the same cost. */
export function decoyOf({ ln, r, p, salt, hash }: PasswordHash): PasswordHash {
  return { ln, r, p, salt: randomBytes(salt.length), hash: randomBytes(hash.length) };
}

function derive(password: string, { ln, r, p, salt, hash }: PasswordHash): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const cost = { N: 2 ** ln, r, p, maxmem: octetsFor(ln, r, p) + 2 ** 20 };
    scrypt(password, salt, hash.length, cost, (error, derived) => (error ? reject(error) : resolve(derived)));
  });
}

/** RFC 7914 §6: V and B, and a little for the rest. */
function octetsFor(ln: number, r: number, p: number): number {
  return 128 * r * (2 ** ln + p + 2);
}

function unpadded(octets: Buffer): string {
  return octets.toString('base64').replaceAll('=', '');
}
