/**
 * Entries in memory: the storage contract, implemented once for all adapters that hold their data in the process, so
 * that they cannot differ.
 */
import type { Entry, Listing, Page, WatchedChange } from './contract.js';
import type { Draft } from './draft.js';
import { byCreation, byExpiry, SortedEntries } from './sorted-entries.js';

const NONE: readonly string[] = [];

/** A snapshot of the entries, in creation order. */
export interface FrozenEntries extends Iterable<Entry> {
  readonly size: number;
}

export class EntryTable {
  readonly #entries = new Map<string, Entry>();
  readonly #inOrder = new SortedEntries(byCreation);
  /** Only the entries that expire; the next one to expire comes first. */
  readonly #expiring = new SortedEntries(byExpiry);
  #created = 0;
  #revision = 0;

  /** The number of entries. Expired entries count until `forgetExpired`. */
  get size(): number {
    return this.#entries.size;
  }

  /** The highest `created` assigned so far. */
  get created(): number {
    return this.#created;
  }

  /** The revision of the last commit. */
  get revision(): number {
    return this.#revision;
  }

  /** When the next entry expires, in milliseconds since the epoch; undefined if none does. */
  get nextExpiry(): number | undefined {
    return this.#expiring.first()?.expiresAt;
  }

  get(key: string, now?: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry?.expiresAt === undefined) return entry;
    return entry.expiresAt <= (now ?? Date.now()) ? undefined : entry;
  }

  /**
   * Costs about the size of the page. For a rare prefix it also costs the entries between the matches: no index by key
   * is in creation order too.
   */
  list({ prefix = '', after = 0, limit }: Page, now?: number): Listing {
    const entries: Entry[] = [];
    if (this.#entries.size === 0) return { entries };
    // Read the clock only at the first entry that expires. Most entries never do, and reading it costs more than a
    // small page.
    let moment = now;
    for (const entry of this.#inOrder.after({ created: after })) {
      if (entry.expiresAt !== undefined) {
        moment ??= Date.now();
        if (entry.expiresAt <= moment) continue;
      }
      if (!entry.key.startsWith(prefix)) continue;
      // Look for one entry more than the page holds: `next` is set only if the next page has an entry.
      if (entries.length === limit) return { entries, next: entries[limit - 1]!.created };
      entries.push(entry);
    }
    return { entries };
  }

  /** Makes the changes of a draft over this table. */
  apply(draft: Draft): void {
    for (const [key, entry] of draft.changed) {
      if (entry === undefined) this.delete(key);
      else this.set(entry);
    }
    this.#created = Math.max(this.#created, draft.created);
    this.#revision = Math.max(this.#revision, draft.revision);
  }

  /**
   * A snapshot of all entries in creation order; later changes do not affect it. Expired entries are included until
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

  /** Continues counting from here. For adapters that read their data back. */
  reach(created: number, revision: number): void {
    this.#created = Math.max(this.#created, created);
    this.#revision = Math.max(this.#revision, revision);
  }

  /** Adds an entry unchanged, at the place of its `created`. For adapters that read their data back. */
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

  /** Expired entries are absent from every answer at once; this frees their memory. @returns The removed keys. */
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

  /** `forgetExpired` as a change with its own revision, for readers of the feed; undefined if nothing expired. */
  expire(now?: number): WatchedChange | undefined {
    const deletes = this.forgetExpired(now);
    if (deletes.length === 0) return undefined;
    this.#revision += 1;
    return { revision: this.#revision, puts: [], deletes };
  }
}
