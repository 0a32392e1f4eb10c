/**
 * The salt of a journal whose header is damaged: without it no record of the journal can be told from what is none,
 * and one octet or sector would cost an operator all that was logged behind it.
 *
 * A checksum can be counted backwards: its octets and its end give what it began with, which here is the salt. Any
 * line gives some number; two that give the same were written under it.
 */
import { HEADER_OCTETS, LINE_END } from './frame.js';

const SUM_END = '01234567'.length;

/** Undefined where neither two records nor what is left of the header tell it. */
export function lostSalt(octets: Buffer): number | undefined {
  const seen = new Set<number>();
  for (let at = 0; at < octets.length; ) {
    const found = octets.indexOf(LINE_END, at);
    const end = found === -1 ? octets.length : found;
    const sum = octets.toString('latin1', at, at + SUM_END);
    if (/^[0-9a-f]{8}$/.test(sum) && octets[at + SUM_END] === 0x20) {
      const salt = beginningOf(Number.parseInt(sum, 16), octets.subarray(at + SUM_END + 1, end));
      if (seen.has(salt)) return salt;
      seen.add(salt);
    }
    at = end + 1;
  }
  const [, told] = /salt=([0-9a-f]{8})/.exec(octets.toString('latin1', 0, HEADER_OCTETS)) ?? [];
  return told === undefined ? undefined : Number.parseInt(told, 16);
}

/** By the CRC of each octet, as every implementation has it. */
const TABLE = Uint32Array.from({ length: 256 }, (_, octet) => {
  let crc = octet;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xed_b8_83_20;
  return crc;
});
/** Which octet stands behind the highest octet of a step: each does once. */
const BY_HIGHEST = (() => {
  const octets = new Uint8Array(256);
  for (const [octet, crc] of TABLE.entries()) octets[crc >>> 24] = octet;
  return octets;
})();

/** What `crc32(octets, beginning)` began with to give this sum. */
function beginningOf(sum: number, octets: Uint8Array): number {
  let crc = ~sum >>> 0;
  for (let at = octets.length - 1; at >= 0; at -= 1) {
    const step = BY_HIGHEST[crc >>> 24]!;
    crc = (((crc ^ TABLE[step]!) << 8) | (step ^ octets[at]!)) >>> 0;
  }
  return ~crc >>> 0;
}
