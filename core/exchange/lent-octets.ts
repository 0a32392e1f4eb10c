/**
 * Memory for large pieces of bodies that only pass through. A fresh buffer for each costs more than to copy the octets:
 * the system has to provide its pages, and the garbage collector to find it again.
 *
 * Law of this file: memory is used again only if its borrower gives it back. A reader that keeps a piece does not give it back,
 * and the garbage collector takes it.
 */

/** As large as a read. */
const LENT_OCTETS = 65_536;
/** Smaller pieces would hold much more memory than they need, if they are kept. */
const LEAST_OCTETS = 16_384;
/** 4 MiB. */
const MOST_FREE = 64;

const free: Buffer[] = [];
/** Buffers that are lent, by their memory. */
const lent = new WeakMap<ArrayBufferLike, Buffer>();

/** A copy that its reader may keep or give back. */
export function lentCopy(octets: Buffer): Buffer {
  if (octets.length < LEAST_OCTETS || octets.length > LENT_OCTETS) return Buffer.from(octets);
  const whole = free.pop() ?? Buffer.allocUnsafeSlow(LENT_OCTETS);
  lent.set(whole.buffer, whole);
  octets.copy(whole);
  return whole.subarray(0, octets.length);
}

/** For readers that keep the octets: a copy, if they use little of the lent memory. */
export function ownMemory(octets: Buffer): Buffer {
  if (!lent.has(octets.buffer) || octets.length > LENT_OCTETS / 2) return octets;
  const own = Buffer.from(octets);
  giveBack(octets);
  return own;
}

/** Nobody reads these octets any more. Does nothing if they were not lent. */
export function giveBack({ buffer }: Uint8Array): void {
  const whole = lent.get(buffer);
  if (whole === undefined) return;
  lent.delete(buffer);
  if (free.length < MOST_FREE) free.push(whole);
}
