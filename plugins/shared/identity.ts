/** The identity of a client: `auth` sets it, handlers and `access-log` read it. */
import { type Request, requestState } from '../../core/plugin-api.js';

export interface Identity {
  readonly name: string;
  readonly roles: readonly string[];
  /** The scheme of the credentials. */
  readonly scheme: 'basic' | 'bearer';
}

const identities = requestState<Identity>('jackfield:identity');

/** The identity whose credentials `auth` accepted; undefined if it required none. */
export function identity(request: Request<unknown>): Identity | undefined {
  return identities.get(request);
}

export function setIdentity(request: Request<unknown>, found: Identity): void {
  identities.set(request, found);
}
