/** Entries and changes as stored in Redis; `FORMAT.md` has the grammar. */
import type { Entry, Position, WatchedChange } from '../../core/storage/contract.js';

export interface Keys {
  readonly entries: string;
  readonly order: string;
  readonly expiry: string;
  readonly numbers: string;
  readonly changes: string;
}

/** A cluster computes the slot from the part in braces, so all keys of a namespace are on one node. */
export function keysOf(namespace: string): Keys {
  const key = (name: string) => `jackfield:{${namespace}}:${name}`;
  return {
    entries: key('entries'),
    order: key('order'),
    expiry: key('expiry'),
    numbers: key('numbers'),
    changes: key('changes'),
  };
}

const HEAD = /^(\d+) (\d+) (\d+) /;

export function entryOf(key: string, packed: string): Entry {
  const head = HEAD.exec(packed);
  if (head === null) throw new TypeError('a packed entry must begin with three numbers');
  const [{ length }, created, revision, expiresAt] = [
    head[0],
    Number(head[1]),
    Number(head[2]),
    Number(head[3]),
  ];
  const entry = { key, value: packed.slice(length), created, revision };
  return expiresAt === 0 ? entry : { ...entry, expiresAt };
}

/** `key, packed, key, packed, …` */
export function entriesOf(flat: readonly string[]): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at < flat.length; at += 2) entries.push(entryOf(flat[at]!, flat[at + 1]!));
  return entries;
}

export const expires = (packed: string): boolean => HEAD.exec(packed)?.[3] !== '0';

export function changeOf(revision: string, json: string, mark: string): WatchedChange {
  // Only the commit script writes it.
  const parts = JSON.parse(json) as readonly (readonly ['p', string, string] | readonly ['d', string])[];
  return {
    ...positionOf(revision, mark),
    puts: parts.flatMap((part) => (part[0] === 'p' ? [entryOf(part[1], part[2])] : [])),
    deletes: parts.flatMap((part) => (part[0] === 'd' ? [part[1]] : [])),
  };
}

/** Changes of old versions have no mark. */
export const positionOf = (revision: string, mark: string): Position =>
  mark === '' ? { revision: Number(revision) } : { revision: Number(revision), mark };

/** The answer of a script: a list of strings. */
export function strings(answer: unknown): string[] {
  if (!Array.isArray(answer)) throw new TypeError('a script must answer with a list');
  return answer.map(String);
}
