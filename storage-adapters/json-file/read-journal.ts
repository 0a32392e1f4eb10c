/**
 * Reads a journal, and distinguishes a torn tail from damage.
 *
 * If the sync of a batch did not finish, its frames may be missing in part, in any order. That is a torn tail; none of
 * these commits was acknowledged. But each frame names the last sequence that was on disk when it was written. So if a
 * frame is bad and a later, intact frame says that it had been on disk, its commit was acknowledged, and the frame was
 * damaged since.
 */
import { type Frame, frameIn, HEADER_OCTETS, headerIn, type JournalHeader, LINE_END } from './frame.js';

export interface JournalReading {
  /** Undefined if it is not a valid header. */
  readonly header: JournalHeader | undefined;
  readonly verdict: 'whole' | 'torn' | 'damaged';
  /** The length of the valid header and frames. */
  readonly goodOctets: number;
  readonly frames: number;
  /** The sequence of the last good frame, or of the header. */
  readonly last: number;
  /** The fault after the good octets; `''` if there is none. */
  readonly problem: string;
}

/** @param take Gets each good frame, in order. */
export function readJournal(octets: Buffer, take: (frame: Frame) => void): JournalReading {
  const header = headerIn(octets);
  if (header === undefined) {
    // The first frame is written only after the header is on disk. So a file that is no longer than a header has no
    // frames.
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
 * Passes every intact frame to `take`, at any offset, to save the rest of a damaged journal.
 * @param kept The salt in the base of the same number; undefined if there is no such base.
 */
export function salvage(octets: Buffer, kept: number | undefined, take: (frame: Frame) => void): void {
  const salt = headerIn(octets)?.salt ?? kept ?? saltLeftIn(octets);
  if (salt === undefined) return;
  // If the header is damaged, its length may be wrong too.
  for (const [frame] of framesFrom(octets, 0, salt)) take(frame);
}

/** A journal has no base yet if its checkpoint was interrupted. The header may still show the salt. */
function saltLeftIn(octets: Buffer): number | undefined {
  const [, salt] = /salt=([0-9a-f]{8})/.exec(octets.toString('latin1', 0, HEADER_OCTETS)) ?? [];
  return salt === undefined ? undefined : Number.parseInt(salt, 16);
}

/** The proof that the frame of this sequence, which belongs here, was acknowledged; undefined if there is none. */
function proofOf(octets: Buffer, at: number, salt: number, sequence: number): string | undefined {
  for (const [frame, found] of framesFrom(octets, at, salt)) {
    if (frame.durable >= sequence) {
      return `record ${frame.sequence} at offset ${found} says that it was already stored`;
    }
    // A power failure may lose frames, but it does not write one twice.
    if (frame.sequence < sequence) return `record ${frame.sequence} occurs again at offset ${found}`;
  }
  return undefined;
}

const BEGINNING = /[0-9a-f]{8} \d{1,16} \d{1,16} \{/g;

/** The intact frames from here on, also if the line end before one is damaged. */
function* framesFrom(octets: Buffer, from: number, salt: number): Generator<[Frame, number], void> {
  // Search in pieces: a string cannot hold a journal of any size. The overlap finds a beginning that the end of a piece
  // cuts.
  const piece = 1 << 24;
  const overlap = 64;
  let next = from;
  for (let start = from; start < octets.length; start += piece) {
    for (const { index } of octets.toString('latin1', start, start + piece + overlap).matchAll(BEGINNING)) {
      const at = start + index;
      // A value may look like a frame: skip matches inside a good frame.
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
