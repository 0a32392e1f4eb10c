/** The storage contract in the simplest way: one array, searched and sorted on every call. */
import type { Change, CommitResult, Entry, Listing, Page } from '../../../core/storage/contract.js';

export class NaiveStore {
  #entries: Entry[] = [];
  #created = 0;
  #revision = 0;

  get(key: string, now: number): Entry | undefined {
    return this.#alive(now).find((entry) => entry.key === key);
  }

  list({ prefix = '', after = 0, limit }: Page, now: number): Listing {
    const all = this.#alive(now)
      .filter((entry) => entry.key.startsWith(prefix) && entry.created > after)
      .sort((one, other) => one.created - other.created);
    const entries = all.slice(0, limit);
    return all.length > limit ? { entries, next: entries[limit - 1]!.created } : { entries };
  }

  commit({ checks = [], puts = [], deletes = [] }: Change, now: number): CommitResult {
    const failed = checks.find(({ key, revision }) => (this.get(key, now)?.revision ?? 0) !== revision);
    if (failed !== undefined) return { ok: false, conflict: failed.key };
    this.#revision += 1;
    const previous = new Map<string, Entry>();
    for (const key of [...puts.map((put) => put.key), ...deletes]) {
      const before = this.get(key, now);
      if (before !== undefined) previous.set(key, before);
    }
    for (const { key, value, ttlMs } of puts) {
      const created = previous.get(key)?.created ?? ++this.#created;
      const expiry = ttlMs === undefined ? {} : { expiresAt: now + ttlMs };
      this.#entries = this.#entries.filter((entry) => entry.key !== key);
      this.#entries.push({ key, value, created, revision: this.#revision, ...expiry });
    }
    this.#entries = this.#entries.filter((entry) => !deletes.includes(entry.key));
    return { ok: true, revision: this.#revision, previous };
  }

  #alive(now: number): Entry[] {
    return this.#entries.filter(({ expiresAt }) => expiresAt === undefined || expiresAt > now);
  }
}
