/** The expected content of a store, in the simplest way: a list of entries. */
import type { Change, Entry } from '../../../core/storage/contract.js';

/** An entry without its time of expiry, which depends on the clock. */
export type Row = readonly [key: string, value: string, created: number, revision: number, expires: boolean];

export class NaiveModel {
  rows: Row[] = [];
  created = 0;
  revision = 0;

  /** @returns The key of the conflict; undefined if the commit was made. */
  commit({ checks = [], puts = [], deletes = [] }: Change): string | undefined {
    for (const { key, revision } of checks) {
      if ((this.rows.find((row) => row[0] === key)?.[3] ?? 0) !== revision) return key;
    }
    this.revision += 1;
    for (const { key, value, ttlMs } of puts) {
      const at = this.rows.findIndex((row) => row[0] === key);
      if (at === -1) this.created += 1;
      const created = this.rows[at]?.[2] ?? this.created;
      const row: Row = [key, value, created, this.revision, ttlMs !== undefined];
      if (at === -1) this.rows.push(row);
      else this.rows[at] = row;
    }
    this.rows = this.rows.filter((row) => !deletes.includes(row[0]));
    return undefined;
  }

  /** The whole state, for comparison. */
  state(): string {
    return JSON.stringify([this.revision, this.rows]);
  }
}

export function stateOf(entries: readonly Entry[], revision: number): string {
  const rows = entries.map(({ key, value, created, revision: changed, expiresAt }) => [
    key,
    value,
    created,
    changed,
    expiresAt !== undefined,
  ]);
  return JSON.stringify([revision, rows]);
}
