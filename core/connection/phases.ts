/**
 * Where a connection stands, and where it may go from there. Each phase is a bit, so that a transition is checked with
 * one operation: it happens several times per request.
 */
export const PHASE = {
  /** Between requests, nothing received. */
  idle: 1,
  /** A request's head is on its way. */
  reading: 2,
  /** A handler has the request; its body may still be on its way. */
  handling: 4,
  /** An answer is chosen and being sent. */
  writing: 8,
  /** Our direction is ended; what still comes is thrown away (RFC 9112 §9.6). */
  draining: 16,
  closed: 32,
  /** A plugin has the connection; nothing on it is HTTP any more (RFC 9110 §7.8). */
  taken: 64,
} as const;

export type PhaseName = keyof typeof PHASE;
export type Phase = (typeof PHASE)[PhaseName];

/** From each phase to those that may follow it. */
export const TRANSITIONS: { readonly [From in PhaseName]: readonly PhaseName[] } = {
  idle: ['reading', 'handling', 'draining', 'closed'],
  reading: ['idle', 'handling', 'draining', 'closed'],
  handling: ['writing', 'taken', 'draining', 'closed'],
  writing: ['idle', 'reading', 'handling', 'draining', 'closed'],
  draining: ['closed'],
  closed: [],
  taken: ['closed'],
};

const NAMES = Object.keys(PHASE) as PhaseName[];

/** By the number of the phase: the bits of those that may follow. */
const FOLLOWING = new Uint8Array(PHASE.taken + 1);
for (const from of NAMES) {
  for (const to of TRANSITIONS[from]) FOLLOWING[PHASE[from]]! |= PHASE[to];
}

export function mayFollow(from: Phase, to: Phase): boolean {
  return (FOLLOWING[from]! & to) !== 0;
}

export function phaseName(phase: Phase): PhaseName {
  return NAMES.find((name) => PHASE[name] === phase)!;
}
