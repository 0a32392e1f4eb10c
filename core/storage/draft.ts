/** Judges commits over a store before they are made in it, with the rules of the contract. */
import type { Change, CommitResult, Entry, WatchedChange } from './contract.js';

const NONE: readonly string[] = [];

/** The state that a draft builds on, such as an `EntryTable`. It must not change while the draft is in use. */
export interface DraftBase {
  /** The highest `created` assigned so far. */
  readonly created: number;
  /** The revision of the last commit. */
  readonly revision: number;
  /** @param now Entries that have expired at this moment are absent; milliseconds since the epoch. */
  get(key: string, now: number): Entry | undefined;
}

/**
 * A sequence of commits over a base. Each commit sees the ones before it. The base does not change; the caller applies
 * the draft, a durable adapter after it has written it to disk.
 */
export class Draft {
  readonly #base: DraftBase;
  readonly #now: number;
  /** The entry at each changed key after the draft; undefined if it was deleted. */
  readonly #changed = new Map<string, Entry | undefined>();
  readonly #commits: WatchedChange[] = [];
  #hasEmpty = false;
  #hasDeleted = false;
  #created: number;
  #revision: number;

  /** @param now Milliseconds since the epoch; one moment for the whole draft. */
  constructor(base: DraftBase, now: number) {
    this.#base = base;
    this.#now = now;
    this.#created = base.created;
    this.#revision = base.revision;
  }

  get changed(): ReadonlyMap<string, Entry | undefined> {
    return this.#changed;
  }

  /** Each successful commit, in order, also those that changed nothing. */
  get commits(): readonly WatchedChange[] {
    return this.#commits;
  }

  /** Each commit that changed something, in order, as `watch` reports it after the draft is applied. */
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
    return this.#base.get(key, this.#now);
  }

  commit({ checks = [], puts = [], deletes = [] }: Change): CommitResult {
    for (const { key, revision } of checks) {
      if ((this.get(key)?.revision ?? 0) !== revision) return { ok: false, conflict: key };
    }
    this.#revision += 1;
    const revision = this.#revision;
    const previous = new Map<string, Entry>();
    const entries = puts.map(({ key, value, ttlMs }) => {
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
    this.#hasEmpty ||= entries.length + gone.length === 0;
    this.#commits.push({ revision, puts: entries, deletes: gone });
    return { ok: true, revision, previous };
  }

  /** @returns the keys that existed. */
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
