/**
 * Entries in memory: what the storage contract means, for every adapter that holds its data in the process, so that
 * they cannot differ.
 *
 * Commits are judged in a `Draft` and changed in the table only by `apply`. An adapter in memory does both at once
 * (`commit`); a durable one writes the draft down in between.
 */
import type { Change, CommitResult, Entry, Listing, Page, WatchedChange } from './contract.js';
import { byCreation, byExpiry, SortedEntries } from './sorted-entries.js';

const NONE: readonly string[] = [];

/** Entries of one moment, in creation order. */
export interface FrozenEntries extends Iterable<Entry> {
  readonly size: number;
}

export class EntryTable {
  readonly #entries = new Map<string, Entry>();
  readonly #inOrder = new SortedEntries(byCreation);
  /** Only the entries that expire, the next one first. */
  readonly #expiring = new SortedEntries(byExpiry);
  #created = 0;
  #revision = 0;

  /** How many entries there are; those that expired count until `forgetExpired`. */
  get size(): number {
    return this.#entries.size;
  }

  /** The highest `created` given so far. */
  get created(): number {
    return this.#created;
  }

  /** The revision of the last commit. */
  get revision(): number {
    return this.#revision;
  }

  /** When the next entry expires, in milliseconds since the epoch; undefined where none does. */
  get nextExpiry(): number | undefined {
    return this.#expiring.first()?.expiresAt;
  }

  get(key: string, now?: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry?.expiresAt === undefined) return entry;
    return entry.expiresAt <= (now ?? Date.now()) ? undefined : entry;
  }

  /**
   * Costs about the size of the page. A prefix that few keys have costs what lies between them: there is no index
   * by key that is also in creation order.
   */
  list({ prefix = '', after = 0, limit }: Page, now?: number): Listing {
    const entries: Entry[] = [];
    if (this.#entries.size === 0) return { entries };
    // Asked for once an entry expires at all: most never do, and a clock costs more than a small page.
    let moment = now;
    for (const entry of this.#inOrder.after({ created: after })) {
      if (entry.expiresAt !== undefined) {
        moment ??= Date.now();
        if (entry.expiresAt <= moment) continue;
      }
      if (!entry.key.startsWith(prefix)) continue;
      // One more than the page holds: there is a next page only where something stands on it.
      if (entries.length === limit) return { entries, next: entries[limit - 1]!.created };
      entries.push(entry);
    }
    return { entries };
  }

  commit(change: Change, now = Date.now()): CommitResult {
    const draft = new Draft(this, now);
    const result = draft.commit(change);
    this.apply(draft);
    return result;
  }

  apply(draft: Draft): void {
    for (const [key, entry] of draft.changed) {
      if (entry === undefined) this.delete(key);
      else this.set(entry);
    }
    this.#created = Math.max(this.#created, draft.created);
    this.#revision = Math.max(this.#revision, draft.revision);
  }

  /**
   * Every entry in creation order as it stands at this moment, whatever is changed later; those that expired too, until
   * `forgetExpired`.
   */
  freeze(): FrozenEntries {
    const runs = this.#inOrder.freeze();
    return {
      size: this.#entries.size,
      *[Symbol.iterator]() {
        for (const run of runs) yield* run;
      },
    };
  }

  /** Goes on counting from here: for adapters that read their data back. */
  reach(created: number, revision: number): void {
    this.#created = Math.max(this.#created, created);
    this.#revision = Math.max(this.#revision, revision);
  }

  /** Takes an entry as it is, at the place that its `created` says: for adapters that read their data back. */
  set(entry: Entry): void {
    const before = this.#entries.get(entry.key);
    if (before !== undefined && before.created !== entry.created) this.#inOrder.delete(before);
    if (before?.expiresAt !== undefined) this.#expiring.delete(before);
    this.#entries.set(entry.key, entry);
    this.#inOrder.set(entry);
    if (entry.expiresAt !== undefined) this.#expiring.set(entry);
    this.#created = Math.max(this.#created, entry.created);
    this.#revision = Math.max(this.#revision, entry.revision);
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#inOrder.delete(entry);
    if (entry.expiresAt !== undefined) this.#expiring.delete(entry);
  }

  /**
   * Expired entries are absent from every answer at once; this gives back their memory.
   * @returns The keys that are gone.
   */
  forgetExpired(now?: number): readonly string[] {
    if (this.#expiring.first() === undefined) return NONE;
    const moment = now ?? Date.now();
    const gone: string[] = [];
    for (;;) {
      const next = this.#expiring.first();
      if (next?.expiresAt === undefined || next.expiresAt > moment) return gone;
      this.delete(next.key);
      gone.push(next.key);
    }
  }

  /** `forgetExpired` as a change under a revision of its own, for those who watch; undefined where nothing expired. */
  expire(now?: number): WatchedChange | undefined {
    const deletes = this.forgetExpired(now);
    if (deletes.length === 0) return undefined;
    this.#revision += 1;
    return { revision: this.#revision, puts: [], deletes };
  }
}

/** Commits judged one upon the other, over a table that stays as it is until the draft is applied to it. */
export class Draft {
  readonly #table: EntryTable;
  readonly #now: number;
  /** What stands at each changed key after the draft; undefined where the entry was deleted. */
  readonly #changed = new Map<string, Entry | undefined>();
  readonly #commits: WatchedChange[] = [];
  #hasEmpty = false;
  #hasDeleted = false;
  #created: number;
  #revision: number;

  /** @param now Milliseconds since the epoch; one moment for all of the draft. */
  constructor(table: EntryTable, now: number) {
    this.#table = table;
    this.#now = now;
    this.#created = table.created;
    this.#revision = table.revision;
  }

  get changed(): ReadonlyMap<string, Entry | undefined> {
    return this.#changed;
  }

  /** Each commit that was made, in order, also those that changed nothing. */
  get commits(): readonly WatchedChange[] {
    return this.#commits;
  }

  /** Each commit that changed something, in order, as `watch` tells it once the draft is applied. */
  get changes(): readonly WatchedChange[] {
    return this.#hasEmpty
      ? this.#commits.filter(({ puts, deletes }) => puts.length + deletes.length > 0)
      : this.#commits;
  }

  get created(): number {
    return this.#created;
  }

  get revision(): number {
    return this.#revision;
  }

  get(key: string): Entry | undefined {
    const changed = this.#changed.get(key);
    if (changed !== undefined || (this.#hasDeleted && this.#changed.has(key))) return changed;
    return this.#table.get(key, this.#now);
  }

  commit({ checks = [], puts = [], deletes = [] }: Change): CommitResult {
    for (const { key, revision } of checks) {
      if ((this.get(key)?.revision ?? 0) !== revision) return { ok: false, conflict: key };
    }
    this.#revision += 1;
    const revision = this.#revision;
    const previous = new Map<string, Entry>();
    const made = puts.map(({ key, value, ttlMs }) => {
      const before = this.get(key);
      if (before !== undefined) previous.set(key, before);
      else this.#created += 1;
      const created = before?.created ?? this.#created;
      const entry: Entry =
        ttlMs === undefined
          ? { key, value, created, revision }
          : { key, value, created, revision, expiresAt: this.#now + ttlMs };
      this.#changed.set(key, entry);
      return entry;
    });
    const gone = deletes.length === 0 ? NONE : this.#delete(deletes, previous);
    this.#hasEmpty ||= made.length + gone.length === 0;
    this.#commits.push({ revision, puts: made, deletes: gone });
    return { ok: true, revision, previous };
  }

  /** @returns the keys that were there. */
  #delete(keys: readonly string[], previous: Map<string, Entry>): readonly string[] {
    const gone: string[] = [];
    for (const key of keys) {
      const before = this.get(key);
      if (before === undefined) continue;
      previous.set(key, before);
      this.#changed.set(key, undefined);
      this.#hasDeleted = true;
      gone.push(key);
    }
    return gone;
  }
}
