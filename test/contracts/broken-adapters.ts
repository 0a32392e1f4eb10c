/** Adapters that each break one promise, for the kit to find. */
import type {
  CommitResult,
  Entry,
  Listing,
  Page,
  StorageAdapter,
  WatchedChange,
} from '../../core/storage/contract.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';

/** A memory adapter with one function replaced. */
export function broken(change: (memory: MemoryAdapter) => Partial<StorageAdapter>): () => StorageAdapter {
  return () => {
    const memory = new MemoryAdapter();
    return {
      name: 'broken',
      supports: memory.supports,
      open: () => memory.open(),
      get: (key) => memory.get(key),
      list: (page) => memory.list(page),
      commit: (change) => memory.commit(change),
      watch: (after) => memory.watch(after),
      revision: () => memory.revision(),
      close: () => memory.close(),
      ...change(memory),
    };
  };
}

/** The feed of the memory adapter with every change passed through a function; undefined omits it. */
function feedOf(
  memory: MemoryAdapter,
  transform: (change: WatchedChange) => WatchedChange | readonly WatchedChange[] | undefined,
): Partial<StorageAdapter> {
  return {
    watch: (after) => ({
      [Symbol.asyncIterator]: () => {
        const reader = memory.watch(after)[Symbol.asyncIterator]();
        const left: WatchedChange[] = [];
        return {
          next: async () => {
            for (;;) {
              const value = left.shift();
              if (value !== undefined) return { done: false, value };
              const result = await reader.next();
              if (result.done === true) return result;
              left.push(...[transform(result.value) ?? []].flat());
            }
          },
          return: async () => (await reader.return?.()) ?? { done: true, value: undefined },
        };
      },
    }),
  };
}

const nothing = (): AsyncIterator<WatchedChange> => ({ next: () => new Promise(() => {}) });

const sortedByKey = ({ entries, ...rest }: Listing): Listing => ({
  entries: entries.toSorted((one, other) => (one.key < other.key ? -1 : 1)),
  ...rest,
});

export const FAULTS: Readonly<Record<string, (memory: MemoryAdapter) => Partial<StorageAdapter>>> = {
  'lists by key': (memory) => ({ list: (page) => sortedByKey(memory.list(page)) }),
  'lists in the order of an object': (memory) => ({
    list: (page) => {
      const { entries, ...rest } = memory.list(page);
      const object = Object.fromEntries(entries.map((entry): [string, Entry] => [entry.key, entry]));
      return { entries: Object.values(object), ...rest };
    },
  }),
  'always has a next page': (memory) => ({
    list: (page) => {
      const { entries } = memory.list(page);
      const next = entries.at(-1)?.created;
      return next === undefined ? { entries } : { entries, next };
    },
  }),
  'counts pages by number': (memory) => ({
    list: ({ after = 0, ...page }: Page) => {
      const { entries } = memory.list({ ...page, limit: 1_000_000 });
      const rest = entries.slice(after, after + page.limit);
      return after + page.limit < entries.length
        ? { entries: rest, next: after + page.limit }
        : { entries: rest };
    },
  }),
  'reads the prefix as a pattern': (memory) => ({
    list: ({ prefix = '', ...page }) => memory.list({ ...page, prefix: prefix.replaceAll('%', '') }),
  }),
  'forgets empty values': (memory) => ({
    get: (key) => memory.get(key) || undefined,
    commit: (change) =>
      memory.commit({ ...change, puts: (change.puts ?? []).filter(({ value }) => value !== '') }),
  }),
  'trims keys': (memory) => ({ get: (key) => memory.get(key.trim()) }),
  'normalises keys': (memory) => ({ get: (key) => memory.get(key.normalize()) }),
  'writes puts although a check fails': (memory) => ({
    commit: (change) => {
      const result = memory.commit(change);
      if (!result.ok) memory.commit({ puts: change.puts ?? [] });
      return result;
    },
  }),
  'deletes although a check fails': (memory) => ({
    commit: (change) => {
      const result = memory.commit(change);
      if (!result.ok) memory.commit({ deletes: change.deletes ?? [] });
      return result;
    },
  }),
  'names the last conflict': (memory) => ({
    commit: (change) => {
      const result = memory.commit(change);
      return result.ok ? result : { ok: false, conflict: change.checks?.at(-1)?.key ?? '' };
    },
  }),
  'ignores checks': (memory) => ({ commit: ({ checks: _, ...change }) => memory.commit(change) }),
  'checks before it waits': (memory) => ({
    commit: async ({ checks = [], ...change }): Promise<CommitResult> => {
      const failed = checks.find(({ key, revision }) => (memory.get(key)?.revision ?? 0) !== revision);
      await new Promise((resolve) => setImmediate(resolve));
      return failed === undefined ? memory.commit(change) : { ok: false, conflict: failed.key };
    },
  }),
  'reads previous values before it waits': (memory) => ({
    commit: async (change): Promise<CommitResult> => {
      const before = (change.puts ?? []).map(({ key }) => [key, memory.get(key)] as const);
      await new Promise((resolve) => setImmediate(resolve));
      const result = memory.commit(change);
      if (!result.ok) return result;
      const previous = new Map(result.previous);
      for (const [key, entry] of before) if (entry !== undefined) previous.set(key, entry);
      return { ...result, previous };
    },
  }),
  'commits key by key': (memory) => ({
    commit: async ({ checks = [], puts = [], deletes = [] }): Promise<CommitResult> => {
      let result = memory.commit({ checks });
      if (!result.ok) return result;
      const previous = new Map<string, Entry>();
      for (const put of puts) {
        result = memory.commit({ puts: [put] });
        if (result.ok) for (const [key, entry] of result.previous) previous.set(key, entry);
        await new Promise((resolve) => setImmediate(resolve));
      }
      const last = memory.commit({ deletes });
      if (last.ok) for (const [key, entry] of last.previous) previous.set(key, entry);
      return { ok: true, revision: last.ok ? last.revision : 0, previous };
    },
  }),
  'finds keys that were never put': (memory) => ({
    get: (key) => memory.get(key) ?? { key, value: '', created: 1, revision: 1 },
  }),
  'cuts values at a NUL': (memory) => ({
    get: (key) => {
      const entry = memory.get(key);
      return entry && { ...entry, value: entry.value.split('\0', 1)[0]! };
    },
  }),
  'cuts values at 64 KiB': (memory) => ({
    get: (key) => {
      const entry = memory.get(key);
      return entry && { ...entry, value: entry.value.slice(0, 65_536) };
    },
  }),
  'cuts keys at 255 octets': (memory) => ({
    get: (key) => memory.get(key.slice(0, 255)),
    commit: (change) =>
      memory.commit({
        ...change,
        puts: change.puts?.map((put) => ({ ...put, key: put.key.slice(0, 255) })) ?? [],
      }),
  }),
  'does not delete': (memory) => ({ commit: ({ deletes: _, ...change }) => memory.commit(change) }),
  'refuses an empty change': (memory) => ({
    commit: (change) => {
      if ((change.puts ?? []).length + (change.deletes ?? []).length === 0) throw new Error('nothing to do');
      return memory.commit(change);
    },
  }),
  'gives one `created` to all puts of a commit': (memory) => ({
    get: (key) => {
      const entry = memory.get(key);
      return entry && { ...entry, created: entry.revision };
    },
  }),
  'makes each put new': (memory) => ({
    commit: (change) => {
      const keys = (change.puts ?? []).map(({ key }) => key);
      const result = memory.commit({
        checks: change.checks ?? [],
        deletes: [...keys, ...(change.deletes ?? [])],
      });
      if (!result.ok) return result;
      const put = memory.commit({ puts: change.puts ?? [] });
      return { ...put, previous: result.previous } as CommitResult;
    },
  }),
  'begins a page at its cursor': (memory) => ({
    list: (page) => memory.list({ ...page, after: Math.max(0, (page.after ?? 0) - 1) }),
  }),
  'counts entries without the prefix as another page': (memory) => ({
    list: (page) => {
      const listing = memory.list(page);
      const last = listing.entries.at(-1)?.created;
      const more = last !== undefined && memory.list({ after: last, limit: 1 }).entries.length > 0;
      return more ? { ...listing, next: last } : listing;
    },
  }),
  'confuses é with e': (memory) => {
    const folded = (key: string) => key.normalize('NFD').replace(/\p{M}/gu, '');
    const names = new Map<string, string>();
    return {
      get: (key) => memory.get(names.get(folded(key)) ?? key),
      commit: (change) => {
        for (const { key } of change.puts ?? []) {
          if (!names.has(folded(key))) names.set(folded(key), key);
        }
        return memory.commit(change);
      },
    };
  },
  'cuts values in listings': (memory) => ({
    list: (page) => {
      const { entries, ...rest } = memory.list(page);
      return {
        entries: entries.map((entry) => ({ ...entry, value: entry.value.slice(0, 100_000) })),
        ...rest,
      };
    },
  }),
  'ignores a put of the same value': (memory) => ({
    commit: (change) => {
      const puts = (change.puts ?? []).filter(
        ({ key, value, ttlMs }) => ttlMs !== undefined || memory.get(key)?.value !== value,
      );
      return memory.commit({ ...change, puts });
    },
  }),
  'applies at most a thousand puts': (memory) => ({
    commit: (change) => memory.commit({ ...change, puts: (change.puts ?? []).slice(0, 1_000) }),
  }),
  'answers after it was closed': (memory) => ({ close: () => memory.get('x') as undefined }),
  'loses an entry': (memory) => ({ get: (key) => (key.endsWith('7') ? undefined : memory.get(key)) }),
  'claims to be durable': (memory) => ({ supports: { ...memory.supports, durable: true } }),
  'claims to be shared': (memory) => ({ supports: { ...memory.supports, shared: 'cluster' } }),
  'answers reads with older data': (memory) => {
    const cache = new Map<string, Entry | undefined>();
    return {
      get: async (key) => {
        const stale = cache.get(key);
        cache.set(key, memory.get(key));
        await new Promise((resolve) => setImmediate(resolve));
        return stale ?? memory.get(key);
      },
    };
  },
  'refuses valid commits': (memory) => {
    let commits = 0;
    return {
      commit: (change) => {
        commits += 1;
        const [first] = change.checks ?? [];
        return first !== undefined && commits % 3 === 0
          ? { ok: false, conflict: first.key }
          : memory.commit(change);
      },
    };
  },
  'shows a commit before it is decided': (memory) => {
    const early = new Map<string, Entry>();
    return {
      get: (key) => early.get(key) ?? memory.get(key),
      commit: async (change): Promise<CommitResult> => {
        for (const { key, value } of change.puts ?? []) {
          early.set(key, {
            key,
            value,
            created: memory.get(key)?.created ?? 1,
            revision: memory.revision() + 1,
          });
        }
        await new Promise((resolve) => setImmediate(resolve));
        for (const { key } of change.puts ?? []) early.delete(key);
        return memory.commit(change);
      },
    };
  },
  'hides that it can watch': (memory) => ({ supports: { ...memory.supports, watch: false } }),
  'claims to watch': () => ({ watch: undefined as never, revision: undefined as never }),
  'watches without `revision`': () => ({ revision: undefined as never }),
  'returns an old revision': (memory) => ({ revision: () => Math.max(0, memory.revision() - 1) }),
  'omits every fifth change': (memory) =>
    feedOf(memory, (change) => (change.revision % 5 === 0 ? undefined : change)),
  'reports changes twice': (memory) => feedOf(memory, (change) => [change, change]),
  'reports a commit in parts': (memory) =>
    feedOf(memory, ({ revision, puts, deletes }) => [
      ...puts.map((entry) => ({ revision, puts: [entry], deletes: [] })),
      ...(deletes.length > 0 ? [{ revision, puts: [], deletes }] : []),
    ]),
  'reports no deletes': (memory) => feedOf(memory, (change) => ({ ...change, deletes: [] })),
  'reports puts in another order': (memory) =>
    feedOf(memory, (change) => ({ ...change, puts: change.puts.toReversed() })),
  'reports deletes of absent keys': (memory) =>
    feedOf(memory, (change) => ({ ...change, deletes: [...change.deletes, 'never there'] })),
  'reports the values from before': (memory) =>
    feedOf(memory, (change) => ({ ...change, puts: change.puts.map((entry) => ({ ...entry, value: '' })) })),
  'reports expiry only with the next commit': (memory) =>
    feedOf(memory, (change) => (change.puts.length === 0 ? undefined : change)),
  'gives every change the same mark': (memory) => ({
    ...feedOf(memory, (change) => ({ ...change, mark: 'a' })),
    position: () => {
      const revision = memory.revision();
      return revision === 0 ? { revision } : { revision, mark: 'a' };
    },
  }),
  'always watches from the beginning': (memory) => ({ watch: () => memory.watch(0) }),
  'reports only future changes': (memory) => ({ watch: () => memory.watch(memory.revision()) }),
  'waits for revisions that were never reached': (memory) => ({
    watch: (after) => (after > memory.revision() ? { [Symbol.asyncIterator]: nothing } : memory.watch(after)),
  }),
  'does not release a waiting reader': (memory) => ({
    watch: (after) => ({
      [Symbol.asyncIterator]: () => {
        const reader = memory.watch(after)[Symbol.asyncIterator]();
        return { next: () => reader.next(), return: async () => ({ done: true, value: undefined }) };
      },
    }),
  }),
  'leaves its readers waiting when it closes': (memory) => ({
    watch: (after) => ({
      [Symbol.asyncIterator]: () => {
        const reader = memory.watch(after)[Symbol.asyncIterator]();
        const next = async (): Promise<IteratorResult<WatchedChange>> => {
          const result = await reader.next();
          return result.done === true && !isReturned ? new Promise(() => {}) : result;
        };
        let isReturned = false;
        return {
          next,
          return: async () => {
            isReturned = true;
            return (await reader.return?.()) ?? { done: true, value: undefined };
          },
        };
      },
    }),
  }),
  'shares one position between its readers': (memory) => {
    let only: AsyncIterator<WatchedChange> | undefined;
    return {
      watch: (after) => ({
        [Symbol.asyncIterator]: () => {
          only ??= memory.watch(after)[Symbol.asyncIterator]();
          const reader = only;
          return { next: () => reader.next(), return: async () => ({ done: true, value: undefined }) };
        },
      }),
    };
  },
};
