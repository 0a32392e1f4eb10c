/**
 * Checks a history of concurrent calls: whether there is an order of all calls, each between its invocation and its
 * answer, in which a store that does one thing at a time would have given the same answers.
 *
 * The search is that of Wing and Gong (1993) with Lowe's cache of visited states (2017). It is cheap for histories of a
 * few dozen calls and can be expensive for long ones: check many short ones.
 */
import type { Change, CommitResult } from '../../storage/contract.js';

interface Timed {
  /** The moments of the call and its answer, by one counter for the whole history. */
  readonly invoked: number;
  /** Infinity if no answer came: the call may have been done at any time since, or never. */
  readonly answered: number;
}

export interface GetCall extends Timed {
  readonly get: string;
  /** The answer; undefined if the entry was absent. */
  readonly found: Found | undefined;
}

export interface CommitCall extends Timed {
  readonly commit: Change;
  /** Undefined if the outcome is unknown. */
  readonly result: CommitResult | undefined;
}

export type Call = GetCall | CommitCall;

export interface Found {
  readonly value: string;
  /** Undefined if a commit without an answer put it. */
  readonly revision: number | undefined;
}

type State = ReadonlyMap<string, Found>;

/** @param history Its values should be unique; otherwise a stale answer may look like a fresh one. */
export function isLinearizable(history: readonly Call[], initial: State = new Map()): boolean {
  // In the order of invocation, so that the next candidates are near the front.
  const calls = history.toSorted((one, other) => one.invoked - other.invoked);
  const tried = new Set<string>();

  const search = (done: ReadonlySet<number>, state: State): boolean => {
    // Calls without an answer need not have happened.
    if (calls.every((call, at) => done.has(at) || call.answered === Number.POSITIVE_INFINITY)) return true;
    const mark = `${[...done].sort((one, other) => one - other).join()}|${textOf(state)}`;
    if (tried.has(mark)) return false;
    tried.add(mark);
    const deadline = Math.min(...calls.filter((_, at) => !done.has(at)).map(({ answered }) => answered));
    for (const [at, call] of calls.entries()) {
      // A call that began after another call's answer cannot come before it.
      if (call.invoked > deadline) break;
      if (done.has(at)) continue;
      const next = 'get' in call ? afterGet(call, state) : afterCommit(call, state);
      if (next !== undefined && search(new Set([...done, at]), next)) return true;
    }
    return false;
  };
  return search(new Set(), initial);
}

/** The state after the call; undefined if a store in this state would have answered differently. */
function afterGet({ get, found }: GetCall, state: State): State | undefined {
  return isSame(state.get(get), found) ? state : undefined;
}

function afterCommit({ commit, result }: CommitCall, state: State): State | undefined {
  const { checks = [], puts = [], deletes = [] } = commit;
  const failed = checks.find(({ key, revision }) => !isAt(state.get(key), revision));
  if (result?.ok === false) return failed?.key === result.conflict ? state : undefined;
  // A commit without an answer may have been refused, which changed nothing.
  if (failed !== undefined) return result === undefined ? state : undefined;
  const next = new Map(state);
  for (const key of [...puts.map((put) => put.key), ...deletes]) {
    if (result !== undefined && !isSame(state.get(key), result.previous.get(key))) return undefined;
  }
  for (const { key, value } of puts) next.set(key, { value, revision: result?.revision });
  for (const key of deletes) next.delete(key);
  return next;
}

function isSame(standing: Found | undefined, answered: Found | undefined): boolean {
  if (standing === undefined || answered === undefined) return standing === answered;
  return standing.value === answered.value && isAt(standing, answered.revision ?? 0);
}

function isAt(standing: Found | undefined, revision: number): boolean {
  if (standing === undefined) return revision === 0;
  return standing.revision === undefined ? revision !== 0 : standing.revision === revision;
}

function textOf(state: State): string {
  return JSON.stringify([...state].sort(([one], [other]) => (one < other ? -1 : 1)));
}
