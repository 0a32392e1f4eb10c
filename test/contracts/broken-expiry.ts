/** Adapters that each break one promise about expiry, for the kit to find. */
import type { Entry, StorageAdapter } from '../../core/storage/contract.js';
import type { MemoryAdapter } from '../../storage-adapters/memory.js';

/** Longer than any pause of the machine. */
const LATE_MS = 60_000;

/** An entry that declares an earlier expiry than it has. */
const early = (entry: Entry | undefined): Entry | undefined =>
  entry?.expiresAt === undefined ? entry : { ...entry, expiresAt: entry.expiresAt - LATE_MS };

export const EXPIRY_FAULTS: Readonly<Record<string, (memory: MemoryAdapter) => Partial<StorageAdapter>>> = {
  'ignores times to live': (memory) => ({
    commit: (change) =>
      memory.commit({ ...change, puts: (change.puts ?? []).map(({ key, value }) => ({ key, value })) }),
  }),
  'lists expired entries': (memory) => {
    const all = new Map<string, Entry>();
    return {
      commit: (change) => {
        const result = memory.commit(change);
        for (const { key } of change.puts ?? []) {
          const entry = memory.get(key);
          if (entry !== undefined) all.set(key, entry);
        }
        return result;
      },
      list: (page) => {
        const { entries } = memory.list(page);
        const expired = [...all.values()].filter(
          ({ key, expiresAt }) => expiresAt !== undefined && memory.get(key) === undefined,
        );
        return { entries: [...entries, ...expired].slice(0, page.limit) };
      },
    };
  },
  'expires entries too late': (memory) => ({
    commit: (change) =>
      memory.commit({
        ...change,
        puts: (change.puts ?? []).map((put) =>
          put.ttlMs === undefined ? put : { ...put, ttlMs: put.ttlMs + LATE_MS },
        ),
      }),
    get: (key) => early(memory.get(key)),
    list: (page) => {
      const { entries, ...rest } = memory.list(page);
      return { entries: entries.map((entry) => early(entry)!), ...rest };
    },
  }),
  'rounds times to live to seconds': (memory) => ({
    commit: (change) =>
      memory.commit({
        ...change,
        puts: (change.puts ?? []).map((put) =>
          put.ttlMs === undefined
            ? put
            : { ...put, ttlMs: Math.ceil((Date.now() + put.ttlMs) / 1_000) * 1_000 - Date.now() },
        ),
      }),
  }),
  'uses timers of 32 bits': (memory) => ({
    commit: (change) =>
      memory.commit({
        ...change,
        puts: (change.puts ?? []).map((put) =>
          put.ttlMs !== undefined && put.ttlMs > 0x7f_ff_ff_ff ? { ...put, ttlMs: 1 } : put,
        ),
      }),
  }),
  // As if the timer of the first put fired right after the second put.
  'keeps the timers of earlier puts': (memory) => {
    const timed = new Set<string>();
    const due = new Set<string>();
    return {
      commit: (change) => {
        for (const { key, ttlMs } of change.puts ?? []) {
          if (timed.has(key)) due.add(key);
          if (ttlMs !== undefined) timed.add(key);
        }
        return memory.commit(change);
      },
      get: (key) => {
        if (due.delete(key)) memory.commit({ deletes: [key] });
        return memory.get(key);
      },
    };
  },
};
