/**
 * Entries in an order, so that a page costs about its own size wherever in the store it begins.
 *
 * A Map also keeps creation order, but can only be read from its start: page 1,000 of a listing would cost a thousand
 * pages. So the entries are in runs of at most 512, found by binary search. An insert or delete moves the pointers of
 * one run.
 */
import type { Entry } from './contract.js';

/** The members that an order may compare. */
export type Place = Pick<Entry, 'created' | 'expiresAt'>;
export type Order = (one: Place, other: Place) => number;

export const byCreation: Order = (one, other) => one.created - other.created;

/** `created` decides if two entries expire in the same millisecond. */
export const byExpiry: Order = (one, other) =>
  (one.expiresAt ?? Number.POSITIVE_INFINITY) - (other.expiresAt ?? Number.POSITIVE_INFINITY) ||
  one.created - other.created;

const MAX_RUN = 512;

export class SortedEntries {
  readonly #order: Order;
  /** No run is empty. */
  readonly #runs: Entry[][] = [];
  /** Runs that a snapshot still reads: each is copied before it is changed. */
  #frozen: Set<Entry[]> | undefined;

  constructor(order: Order) {
    this.#order = order;
  }

  /** Puts the entry at its place and replaces the entry that is there. */
  set(entry: Entry): void {
    const runAt = this.#runOf(entry);
    const run = this.#own(runAt);
    if (run === undefined) {
      this.#runs.push([entry]);
      return;
    }
    const at = this.#firstFrom(run, entry);
    const existing = run[at];
    if (existing !== undefined && this.#order(existing, entry) === 0) run[at] = entry;
    else if (run.length < MAX_RUN) {
      if (at === run.length) run.push(entry);
      else run.splice(at, 0, entry);
    }
    // An entry at the end opens a new run. So a store that only grows at the end has full runs.
    else if (at === run.length) this.#runs.splice(runAt + 1, 0, [entry]);
    else {
      this.#runs.splice(runAt + 1, 0, run.splice(MAX_RUN / 2));
      this.set(entry);
    }
  }

  delete(place: Place): void {
    const runAt = this.#runOf(place);
    const run = this.#own(runAt);
    if (run === undefined) return;
    const at = this.#firstFrom(run, place);
    const existing = run[at];
    if (existing === undefined || this.#order(existing, place) !== 0) return;
    run.splice(at, 1);
    const before = this.#own(runAt - 1);
    if (run.length === 0) this.#runs.splice(runAt, 1);
    // Without this, a store that shrank could keep a run for every remaining entry.
    else if (before !== undefined && before.length + run.length <= MAX_RUN / 2) {
      before.push(...run);
      this.#runs.splice(runAt, 1);
    }
  }

  first(): Entry | undefined {
    return this.#runs[0]?.[0];
  }

  /** A snapshot of the entries, valid as long as the reader keeps it; costs a pointer per run. */
  freeze(): readonly (readonly Entry[])[] {
    this.#frozen = new Set(this.#runs);
    return [...this.#runs];
  }

  /** The entries after this place, which may be empty. Do not change the order while reading. */
  *after(place: Place): Generator<Entry, void> {
    let runAt = this.#runOf(place);
    let run = this.#runs[runAt];
    if (run === undefined) return;
    let at = this.#firstFrom(run, place);
    const existing = run[at];
    if (existing !== undefined && this.#order(existing, place) === 0) at += 1;
    while (run !== undefined) {
      for (; at < run.length; at += 1) yield run[at]!;
      at = 0;
      runAt += 1;
      run = this.#runs[runAt];
    }
  }

  /** The run, safe to change. */
  #own(runAt: number): Entry[] | undefined {
    const run = this.#runs[runAt];
    if (run === undefined || this.#frozen?.delete(run) !== true) return run;
    const own = run.slice();
    this.#runs[runAt] = own;
    return own;
  }

  /** The index of the last run that begins at or before this place; 0 if there is none. */
  #runOf(place: Place): number {
    let low = 0;
    let high = this.#runs.length;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#order(this.#runs[middle]![0]!, place) <= 0) low = middle;
      else high = middle;
    }
    return low;
  }

  /** The index of the first entry of the run at or after this place; the run's length if there is none. */
  #firstFrom(run: readonly Entry[], place: Place): number {
    let low = 0;
    let high = run.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#order(run[middle]!, place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
