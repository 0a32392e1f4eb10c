/**
 * Judges and makes commits inside one write transaction. LMDB admits one writing process at a time, so reads stay valid
 * until the transaction ends: counters and checks need no other lock.
 */
import type { Change, CommitResult, Entry, WatchedChange } from '../../core/storage/contract.js';
import { BEHIND_LAST, COUNTERS_KEY, type Databases, FIRST, readCounters, readEntry } from './databases.js';
import { type Counters, encodeEntry, encodeJson, numberKey } from './records.js';

export interface HistoryLimits {
  readonly historyChanges: number;
  readonly historyOctets: number;
}

/** How many expired entries one revision reports, and how many one transaction removes, so that it stays short. */
const EXPIRED_PER_REVISION = 1_000;
const EXPIRED_PER_BATCH = 10_000;

export class ChangeBatch {
  readonly #databases: Databases;
  readonly #limits: HistoryLimits;
  readonly #now: number;
  #counters: Counters;
  readonly #before: Counters;

  /** Use it inside a write transaction. @param now Milliseconds since the epoch; one moment for the whole batch. */
  constructor(databases: Databases, limits: HistoryLimits, now: number) {
    this.#databases = databases;
    this.#limits = limits;
    this.#now = now;
    this.#before = readCounters(databases);
    this.#counters = this.#before;
  }

  get revision(): number {
    return this.#counters.revision;
  }

  /** Removes expired entries, each group as its own change. */
  forgetExpired(): void {
    const until = numberKey(this.#now, Number.MAX_SAFE_INTEGER);
    const range = { start: FIRST, end: until, limit: EXPIRED_PER_BATCH };
    const keys = [...this.#databases.expiry.getRange(range)].map(({ value }) => Buffer.from(value));
    for (let at = 0; at < keys.length; at += EXPIRED_PER_REVISION) {
      this.#expire(keys.slice(at, at + EXPIRED_PER_REVISION));
    }
  }

  commit({ checks = [], puts = [], deletes = [] }: Change): CommitResult {
    for (const { key, revision } of checks) {
      if ((this.#standing(Buffer.from(key))?.revision ?? 0) !== revision) return { ok: false, conflict: key };
    }
    const previous = new Map<string, Entry>();
    // Read all keys first: an expired entry among them is its own change before this one.
    const stand = (key: string) => {
      const octets = Buffer.from(key);
      const entry = this.#live(octets);
      if (entry !== undefined) previous.set(key, entry);
      return { octets, entry };
    };
    const putsOver = puts.map((put) => ({ put, ...stand(put.key) }));
    const deleted = deletes.map(stand).filter(({ entry }) => entry !== undefined);
    const revision = this.#nextRevision();
    const entries = putsOver.map(({ put, octets, entry }) => {
      const { key, value, ttlMs } = put;
      const created = entry?.created ?? this.#nextCreated();
      const expiry = ttlMs === undefined ? {} : { expiresAt: this.#now + ttlMs };
      const after: Entry = { key, value, created, revision, ...expiry };
      this.#put(octets, entry, after);
      return after;
    });
    for (const { octets, entry } of deleted) if (entry !== undefined) this.#delete(octets, entry);
    this.#log({ revision, puts: entries, deletes: deleted.flatMap(({ entry }) => entry?.key ?? []) });
    return { ok: true, revision, previous };
  }

  /** Call it last in the transaction. @returns Whether there is anything to commit. */
  finish(): boolean {
    if (this.#counters === this.#before) return false;
    this.#trim();
    this.#databases.meta.putSync(COUNTERS_KEY, encodeJson(COUNTERS_KEY, this.#counters));
    return true;
  }

  #standing(octets: Buffer): Entry | undefined {
    const entry = readEntry(this.#databases, octets);
    return entry?.expiresAt !== undefined && entry.expiresAt <= this.#now ? undefined : entry;
  }

  /** The entry under this key. If it has expired, it is removed first. */
  #live(octets: Buffer): Entry | undefined {
    const entry = readEntry(this.#databases, octets);
    if (entry?.expiresAt === undefined || entry.expiresAt > this.#now) return entry;
    this.#expire([octets]);
    return undefined;
  }

  #expire(keys: readonly Buffer[]): void {
    const revision = this.#nextRevision();
    const deletes = keys.map((octets) => {
      const entry = readEntry(this.#databases, octets);
      if (entry !== undefined) this.#delete(octets, entry);
      return octets.toString();
    });
    this.#log({ revision, puts: [], deletes });
  }

  #put(octets: Buffer, before: Entry | undefined, after: Entry): void {
    const { entries, created, expiry } = this.#databases;
    if (before?.expiresAt !== undefined) expiry.removeSync(numberKey(before.expiresAt, before.created));
    if (before === undefined) created.putSync(numberKey(after.created), octets);
    if (after.expiresAt !== undefined) expiry.putSync(numberKey(after.expiresAt, after.created), octets);
    entries.putSync(octets, encodeEntry(octets, after));
  }

  #delete(octets: Buffer, entry: Entry): void {
    const { entries, created, expiry } = this.#databases;
    entries.removeSync(octets);
    created.removeSync(numberKey(entry.created));
    if (entry.expiresAt !== undefined) expiry.removeSync(numberKey(entry.expiresAt, entry.created));
  }

  #nextRevision(): number {
    this.#counters = { ...this.#counters, revision: this.#counters.revision + 1 };
    return this.#counters.revision;
  }

  #nextCreated(): number {
    this.#counters = { ...this.#counters, created: this.#counters.created + 1 };
    return this.#counters.created;
  }

  #log(change: WatchedChange): void {
    if (change.puts.length + change.deletes.length === 0) return;
    const key = numberKey(change.revision);
    const record = encodeJson(key, change);
    this.#databases.changes.putSync(key, record);
    const { changes, changeOctets } = this.#counters;
    this.#counters = {
      ...this.#counters,
      changes: changes + 1,
      changeOctets: changeOctets + record.length,
    };
  }

  /** Removes the oldest changes beyond the bounds; the newest one stays whatever its size. */
  #trim(): void {
    const { historyChanges, historyOctets } = this.#limits;
    const { changes: table } = this.#databases;
    let { changes, changeOctets, forgotten } = this.#counters;
    const beyond = () => changes > 1 && (changes > historyChanges || changeOctets > historyOctets);
    while (beyond()) {
      // Read before removing: a cursor must not point to a removed record.
      const oldest = [...table.getRange({ start: FIRST, end: BEHIND_LAST, limit: 16 })];
      for (const { key, value } of oldest) {
        if (!beyond()) break;
        forgotten = Buffer.from(key).readDoubleBE(0);
        changes -= 1;
        changeOctets -= value.length;
        table.removeSync(numberKey(forgotten));
      }
    }
    this.#counters = { ...this.#counters, changes, changeOctets, forgotten };
  }
}
