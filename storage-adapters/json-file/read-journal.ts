/**
 * Reads a journal, and tells a torn tail from damage.
 *
 * Frames of a batch whose sync did not finish may be missing in part, in any order: that is a torn tail, and nobody
 * was told that they are stored. But each batch says up to where the journal was on disk when it was written. So
 * where something is wrong with a frame and a later, intact one says that it had been on disk, somebody was told,
 * and the frame is damaged since.
 */
import { type Frame, frameIn, HEADER_OCTETS, headerIn, type JournalHeader, LINE_END } from './frame.js';

export interface JournalReading {
  /** Undefined where it is no header of ours. */
  readonly header: JournalHeader | undefined;
  readonly verdict: 'whole' | 'torn' | 'damaged';
  /** Up to where header and frames are good. */
  readonly goodOctets: number;
  readonly frames: number;
  /** The sequence of the last good frame, or of the header. */
  readonly last: number;
  /** What is wrong behind the good octets; `''` where nothing is. */
  readonly problem: string;
}

/** @param take Gets each good frame, in order. */
export function readJournal(octets: Buffer, take: (frame: Frame) => void): JournalReading {
  const header = headerIn(octets);
  if (header === undefined) {
    // The first frame is written only when the header is on disk. So what is no longer than a header has no frames.
    const verdict = octets.length <= HEADER_OCTETS ? 'torn' : 'damaged';
    return {
      header,
      verdict,
      goodOctets: 0,
      frames: 0,
      last: 0,
      problem: 'the header was changed',
    };
  }
  let at = HEADER_OCTETS;
  let last = header.after;
  let frames = 0;
  while (at < octets.length) {
    const end = octets.indexOf(LINE_END, at);
    const frame = end === -1 ? undefined : frameIn(octets.subarray(at, end), header.salt);
    if (frame?.sequence !== last + 1) {
      const proof = proofOf(octets, at, header.salt, last + 1);
      const problem = proof === undefined ? 'the last record is incomplete' : proof;
      return {
        header,
        verdict: proof === undefined ? 'torn' : 'damaged',
        goodOctets: at,
        frames,
        last,
        problem,
      };
    }
    take(frame);
    last = frame.sequence;
    frames += 1;
    at = end + 1;
  }
  return { header, verdict: 'whole', goodOctets: at, frames, last, problem: '' };
}

/**
 * Passes every intact frame to `take`, wherever it stands, to save what is left of a damaged journal.
 * @param kept The salt as the base of the same number has it; undefined if there is no such base.
 */
export function salvage(octets: Buffer, kept: number | undefined, take: (frame: Frame) => void): void {
  const salt = headerIn(octets)?.salt ?? kept ?? saltLeftIn(octets);
  if (salt === undefined) return;
  // Where the header is damaged, its length may be too.
  for (const [frame] of framesFrom(octets, 0, salt)) take(frame);
}

/** A journal has no base yet if a checkpoint was interrupted. The header may still show its salt. */
function saltLeftIn(octets: Buffer): number | undefined {
  const [, salt] = /salt=([0-9a-f]{8})/.exec(octets.toString('latin1', 0, HEADER_OCTETS)) ?? [];
  return salt === undefined ? undefined : Number.parseInt(salt, 16);
}

/** How it is known that the frame of this sequence, which should stand here, was acknowledged; else undefined. */
function proofOf(octets: Buffer, at: number, salt: number, sequence: number): string | undefined {
  for (const [frame, found] of framesFrom(octets, at, salt)) {
    if (frame.durable >= sequence) {
      return `record ${frame.sequence} at offset ${found} says that it was already stored`;
    }
    // A power failure leaves frames out; it does not write one twice.
    if (frame.sequence < sequence) return `record ${frame.sequence} occurs again at offset ${found}`;
  }
  return undefined;
}

const BEGINNING = /[0-9a-f]{8} \d{1,16} \d{1,16} \{/g;

/** The intact frames from here on, also where the end of the line before is damaged. */
function* framesFrom(octets: Buffer, from: number, salt: number): Generator<[Frame, number], void> {
  // In pieces, since no string holds a journal of any size. A beginning that is cut by the end of one is in the next.
  const piece = 1 << 24;
  const overlap = 64;
  let next = from;
  for (let start = from; start < octets.length; start += piece) {
    for (const { index } of octets.toString('latin1', start, start + piece + overlap).matchAll(BEGINNING)) {
      const at = start + index;
      // A value may look like a frame; only what stands outside of good ones counts.
      if (at < next) continue;
      const end = octets.indexOf(LINE_END, at);
      if (end === -1) break;
      const frame = frameIn(octets.subarray(at, end), salt);
      if (frame === undefined) continue;
      next = end + 1;
      yield [frame, at];
    }
  }
}
