/** Who sent a request: `auth` finds it out, handlers and `access-log` read it. */
import { type Request, requestState } from '../../core/plugin-api.js';

export interface Identity {
  readonly name: string;
  readonly roles: readonly string[];
  /** What it was proved with. */
  readonly scheme: 'basic' | 'bearer';
}

const identities = requestState<Identity>('jackfield:identity');

/** Whose credentials `auth` has found valid; undefined where it asked for none. */
export function identity(request: Request<unknown>): Identity | undefined {
  return identities.get(request);
}

export function setIdentity(request: Request<unknown>, found: Identity): void {
  identities.set(request, found);
}
