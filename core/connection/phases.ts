/**
 * The phases of a connection, and the transitions between them. Each phase is a bit, so that one operation checks a
 * transition: there are several per request.
 */
import { followers, type Transitions } from '../exchange/states.js';

export const PHASE = {
  /** Between requests, nothing received. */
  idle: 1,
  /** A request's head is arriving. */
  reading: 2,
  /** A handler has the request; its body may still be arriving. */
  handling: 4,
  /** An answer was chosen and is being sent. */
  writing: 8,
  /** Our direction has ended; octets that still arrive are dropped (RFC 9112 §9.6). */
  draining: 16,
  closed: 32,
  /** A plugin has the connection; nothing on it is HTTP any more (RFC 9110 §7.8). */
  taken: 64,
} as const;

export type PhaseName = keyof typeof PHASE;
export type Phase = (typeof PHASE)[PhaseName];

/** From each phase to the phases that may follow it. */
export const TRANSITIONS: Transitions<PhaseName> = {
  idle: ['reading', 'handling', 'draining', 'closed'],
  reading: ['idle', 'handling', 'draining', 'closed'],
  handling: ['writing', 'taken', 'draining', 'closed'],
  writing: ['idle', 'reading', 'handling', 'draining', 'closed'],
  draining: ['closed'],
  closed: [],
  taken: ['closed'],
};

const FOLLOWING = followers(PHASE, TRANSITIONS);
const SERVING = PHASE.idle | PHASE.reading | PHASE.handling | PHASE.writing;

export function mayFollow(from: Phase, to: Phase): boolean {
  return (FOLLOWING[from]! & to) !== 0;
}

/** Whether requests are read and answered. */
export function isServing(phase: Phase): boolean {
  return (phase & SERVING) !== 0;
}

export function phaseName(phase: Phase): PhaseName {
  const names = Object.keys(PHASE) as PhaseName[]; // the keys of the table
  return names.find((name) => PHASE[name] === phase)!;
}
