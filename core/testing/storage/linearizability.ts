/**
 * Judges what concurrent callers saw: whether there is one order of all calls, each between its invocation and its
 * answer, in which a store that does one thing at a time would have answered the same.
 *
 * The search is that of Wing and Gong (1993) with Lowe's memory of states already tried (2017). It costs little for
 * histories of some dozen calls and can cost a lot for long ones: judge many short ones.
 */
import type { Change, CommitResult } from '../../storage/contract.js';

interface Timed {
  /** When it was called and when its answer was there, by one counter for the whole history. */
  readonly invoked: number;
  /** Infinity where no answer came: the call may have been done at any time since, or never. */
  readonly answered: number;
}

export interface GetCall extends Timed {
  readonly get: string;
  /** What was answered; undefined is absent. */
  readonly found: Found | undefined;
}

export interface CommitCall extends Timed {
  readonly commit: Change;
  /** undefined where it is not known what became of it. */
  readonly result: CommitResult | undefined;
}

export type Call = GetCall | CommitCall;

export interface Found {
  readonly value: string;
  /** undefined where a commit without an answer put it. */
  readonly revision: number | undefined;
}

type State = ReadonlyMap<string, Found>;

/** @param history Its values should be unique, or a stale answer may look like a fresh one. */
export function isLinearizable(history: readonly Call[], initial: State = new Map()): boolean {
  // In the order of invocation, so that what may come next stands near the front.
  const calls = history.toSorted((one, other) => one.invoked - other.invoked);
  const tried = new Set<string>();

  const search = (done: ReadonlySet<number>, state: State): boolean => {
    // Calls that nobody heard of again need not have happened.
    if (calls.every((call, at) => done.has(at) || call.answered === Number.POSITIVE_INFINITY)) return true;
    const mark = `${[...done].sort((one, other) => one - other).join()}|${shown(state)}`;
    if (tried.has(mark)) return false;
    tried.add(mark);
    const deadline = Math.min(...calls.filter((_, at) => !done.has(at)).map(({ answered }) => answered));
    for (const [at, call] of calls.entries()) {
      // What was called after another call had its answer cannot come before it.
      if (call.invoked > deadline) break;
      if (done.has(at)) continue;
      const next = 'get' in call ? afterGet(call, state) : afterCommit(call, state);
      if (next !== undefined && search(new Set([...done, at]), next)) return true;
    }
    return false;
  };
  return search(new Set(), initial);
}

/** The state behind the call, or undefined where a store in this state would have answered something else. */
function afterGet({ get, found }: GetCall, state: State): State | undefined {
  return isSame(state.get(get), found) ? state : undefined;
}

function afterCommit({ commit, result }: CommitCall, state: State): State | undefined {
  const { checks = [], puts = [], deletes = [] } = commit;
  const failed = checks.find(({ key, revision }) => !isAt(state.get(key), revision));
  if (result?.ok === false) return failed?.key === result.conflict ? state : undefined;
  // Without an answer it may have been refused, which changed nothing.
  if (failed !== undefined) return result === undefined ? state : undefined;
  const next = new Map(state);
  for (const key of [...puts.map((put) => put.key), ...deletes]) {
    if (result !== undefined && !isSame(state.get(key), result.previous.get(key))) return undefined;
  }
  for (const { key, value } of puts) next.set(key, { value, revision: result?.revision });
  for (const key of deletes) next.delete(key);
  return next;
}

function isSame(standing: Found | undefined, told: Found | undefined): boolean {
  if (standing === undefined || told === undefined) return standing === told;
  return standing.value === told.value && isAt(standing, told.revision ?? 0);
}

function isAt(standing: Found | undefined, revision: number): boolean {
  if (standing === undefined) return revision === 0;
  return standing.revision === undefined ? revision !== 0 : standing.revision === revision;
}

function shown(state: State): string {
  return JSON.stringify([...state].sort(([one], [other]) => (one < other ? -1 : 1)));
}
