/** The kit must find what it is there to find: each adapter here breaks one promise. */
import test from 'ava';
import {
  type CommitResult,
  type Entry,
  type Listing,
  type Page,
  type StorageAdapter,
  StorageError,
  type WatchedChange,
} from '../../core/storage/contract.js';
import { EntryTable } from '../../core/storage/entry-table.js';
import type { MakeAdapter } from '../../core/testing/storage/harness.js';
import { storageContract } from '../../core/testing/storage-contract.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';

/** Titles of the kit's tests that failed for some adapter here. */
const found = new Set<string>();

/** A memory adapter with one function replaced. */
function broken(change: (memory: MemoryAdapter) => Partial<StorageAdapter>): () => StorageAdapter {
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

/** The feed of the memory adapter, every change passed through a function: undefined is left out. */
function retold(
  memory: MemoryAdapter,
  tell: (change: WatchedChange) => WatchedChange | readonly WatchedChange[] | undefined,
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
              left.push(...[tell(result.value) ?? []].flat());
            }
          },
          return: async () => (await reader.return?.()) ?? { done: true, value: undefined },
        };
      },
    }),
  };
}

const nothing = (): AsyncIterator<WatchedChange> => ({ next: () => new Promise(() => {}) });

/** The titles of the kit's tests that fail for this adapter. */
async function failuresOf(makeAdapter: MakeAdapter, patienceMs = 200): Promise<string[]> {
  const tests: { title: string; body: () => Promise<void> }[] = [];
  storageContract((title, body) => tests.push({ title, body }), makeAdapter, { patienceMs });
  const failures: string[] = [];
  for (const { title, body } of tests) {
    await body().catch(() => failures.push(title));
  }
  return failures;
}

const sortedByKey = ({ entries, ...rest }: Listing): Listing => ({
  entries: entries.toSorted((one, other) => (one.key < other.key ? -1 : 1)),
  ...rest,
});

const FAULTS: Readonly<Record<string, (memory: MemoryAdapter) => Partial<StorageAdapter>>> = {
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
  'takes the prefix for a pattern': (memory) => ({
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
  'finds what was never put': (memory) => ({
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
  'refuses a change of nothing': (memory) => ({
    commit: (change) => {
      if ((change.puts ?? []).length + (change.deletes ?? []).length === 0) throw new Error('nothing to do');
      return memory.commit(change);
    },
  }),
  'gives one `created` to each commit': (memory) => ({
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
  'keeps no expiry': (memory) => ({
    commit: (change) =>
      memory.commit({ ...change, puts: (change.puts ?? []).map(({ key, value }) => ({ key, value })) }),
  }),
  'lists what expired': (memory) => {
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
  'answers after it was closed': (memory) => ({ close: () => memory.get('x') as undefined }),
  'loses an entry': (memory) => ({ get: (key) => (key.endsWith('7') ? undefined : memory.get(key)) }),
  'claims to be durable': (memory) => ({ supports: { ...memory.supports, durable: true } }),
  'claims to be shared': (memory) => ({ supports: { ...memory.supports, shared: 'cluster' } }),
  'answers reads from what stood there before': (memory) => {
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
  'refuses what nothing speaks against': (memory) => {
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
  'shows a commit before it is judged': (memory) => {
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
  'watches without saying its revision': () => ({ revision: undefined as never }),
  'tells a revision that lags behind': (memory) => ({ revision: () => Math.max(0, memory.revision() - 1) }),
  'leaves out each fifth change': (memory) =>
    retold(memory, (change) => (change.revision % 5 === 0 ? undefined : change)),
  'tells changes twice': (memory) => retold(memory, (change) => [change, change]),
  'tells a commit in parts': (memory) =>
    retold(memory, ({ revision, puts, deletes }) => [
      ...puts.map((entry) => ({ revision, puts: [entry], deletes: [] })),
      ...(deletes.length > 0 ? [{ revision, puts: [], deletes }] : []),
    ]),
  'tells no deletes': (memory) => retold(memory, (change) => ({ ...change, deletes: [] })),
  'tells puts in another order': (memory) =>
    retold(memory, (change) => ({ ...change, puts: change.puts.toReversed() })),
  'tells deletes of what was not there': (memory) =>
    retold(memory, (change) => ({ ...change, deletes: [...change.deletes, 'never there'] })),
  'tells what stood there before': (memory) =>
    retold(memory, (change) => ({ ...change, puts: change.puts.map((entry) => ({ ...entry, value: '' })) })),
  'tells what expires only with the next commit': (memory) =>
    retold(memory, (change) => (change.puts.length === 0 ? undefined : change)),
  'watches from the beginning each time': (memory) => ({ watch: () => memory.watch(0) }),
  'watches only what is still to come': (memory) => ({ watch: () => memory.watch(memory.revision()) }),
  'waits for revisions that were never reached': (memory) => ({
    watch: (after) => (after > memory.revision() ? { [Symbol.asyncIterator]: nothing } : memory.watch(after)),
  }),
  'does not let go of a reader that waits': (memory) => ({
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
  'shares one place between its readers': (memory) => {
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

test('an adapter that keeps every promise fails no test', async (t) => {
  t.deepEqual(await failuresOf(() => new MemoryAdapter(), 10_000), []);
});

/** A store behind a connection that the kit may cut; what calls come to meanwhile is told by the function. */
function breakable(
  down: (call: 'get' | 'list' | 'commit', memory: MemoryAdapter) => never | 'goes on',
): MakeAdapter {
  return () => {
    const memory = new MemoryAdapter();
    let isDown = false;
    const when = <T>(call: 'get' | 'list' | 'commit', up: () => T): T => {
      if (isDown) down(call, memory);
      return up();
    };
    const adapter: StorageAdapter = {
      name: 'breakable',
      supports: { ...memory.supports, watch: false },
      open: () => memory.open(),
      get: (key) => when('get', () => memory.get(key)),
      list: (page) => when('list', () => memory.list(page)),
      commit: async (change) => {
        // On its way for a moment, so that an outage can meet it there.
        await new Promise((resolve) => setImmediate(resolve));
        return when('commit', () => memory.commit(change));
      },
      close: () => memory.close(),
    };
    return {
      adapter,
      breakIt: () => {
        isDown = true;
      },
      mendIt: () => {
        isDown = false;
      },
    };
  };
}

/** A durable store that one adapter at a time may open; `restore` is what it makes of the entries it finds. */
function persistent({
  restore = (entries) => entries,
  revision = (last) => last,
  locks = true,
}: Partial<{
  restore(entries: readonly Entry[]): readonly Entry[];
  revision(last: number, entries: readonly Entry[]): number;
  locks: boolean;
}> = {}): MakeAdapter {
  return () => {
    let disk: { entries: readonly Entry[]; created: number; revision: number } = {
      entries: [],
      created: 0,
      revision: 0,
    };
    let isOpen = false;
    const make = (): StorageAdapter => {
      let table: EntryTable | undefined;
      const opened = () => {
        if (table === undefined) throw new StorageError('STORAGE_CLOSED');
        return table;
      };
      return {
        name: 'persistent',
        supports: { durable: true, shared: 'process', bounded: false, watch: false },
        open() {
          if (isOpen && locks) throw new StorageError('STORAGE_LOCKED');
          isOpen = true;
          table = new EntryTable();
          // The highest numbers given so far, as an entry that is gone again.
          const { created } = disk;
          table.set({ key: 'numbers', value: '', created, revision: revision(disk.revision, disk.entries) });
          table.delete('numbers');
          for (const entry of restore(disk.entries)) table.set(entry);
        },
        get: (key) => opened().get(key),
        list: (page) => opened().list(page),
        commit(change) {
          const result = opened().commit(change);
          const { entries } = opened().list({ limit: 1_000_000 });
          disk = { entries, created: opened().created, revision: opened().revision };
          return result;
        },
        close() {
          table = undefined;
          isOpen = false;
        },
      };
    };
    return { adapter: make(), reopen: make };
  };
}

test('a durable adapter that keeps every promise fails no test', async (t) => {
  t.deepEqual(await failuresOf(persistent(), 10_000), []);
});

const RESTARTS: Readonly<Record<string, Parameters<typeof persistent>[0]>> = {
  'numbers its entries anew': {
    restore: (entries) => entries.map((entry, at) => ({ ...entry, created: at + 1, revision: 1 })),
  },
  'gives numbers of deleted entries again': {
    revision: (_, entries) => Math.max(0, ...entries.map((entry) => entry.revision)),
  },
  'counts from the beginning': {
    revision: () => 0,
    restore: (entries) => entries.map((entry) => ({ ...entry, revision: 0 })),
  },
  'forgets when entries expire': {
    restore: (entries) => entries.map(({ expiresAt: _, ...entry }) => entry),
  },
  'comes back in the order of keys': {
    restore: (entries) =>
      entries
        .toSorted((one, other) => (one.key < other.key ? -1 : 1))
        .map((entry, at) => ({ ...entry, created: at + 1 })),
  },
  'loses the last entry': { restore: (entries) => entries.slice(0, -1) },
  'lets two open its data at once': { locks: false },
};

for (const [fault, restart] of Object.entries(RESTARTS)) {
  test(`a durable adapter that ${fault} is found out`, async (t) => {
    t.true((await failuresOf(persistent(restart))).length > 0);
  });
}

test('an adapter that fails by its codes during an outage fails no test', async (t) => {
  const adapter = breakable((call) => {
    throw new StorageError(call === 'commit' ? 'STORAGE_OUTCOME_UNKNOWN' : 'STORAGE_UNAVAILABLE');
  });
  t.deepEqual(await failuresOf(adapter, 10_000), []);
});

const OUTAGES: Readonly<Record<string, Parameters<typeof breakable>[0]>> = {
  'goes on as if nothing were': () => 'goes on',
  'refuses what it has answered': (call) => {
    if (call === 'get') throw new TypeError('undefined');
    return 'goes on';
  },
  'throws whatever its driver throws': () => {
    throw new Error('ECONNREFUSED');
  },
  'says that a read is of unknown outcome': () => {
    throw new StorageError('STORAGE_OUTCOME_UNKNOWN');
  },
  'changes something and says that nothing was changed': (call, memory) => {
    if (call === 'commit') memory.commit({ puts: [{ key: 'b', value: '1' }] });
    throw new StorageError('STORAGE_UNAVAILABLE');
  },
};

for (const [fault, down] of Object.entries(OUTAGES)) {
  test(`an adapter that ${fault} during an outage is found out`, async (t) => {
    const failures = await failuresOf(breakable(down));
    for (const title of failures) found.add(title);
    t.true(failures.some((title) => title.includes('outage')));
  });
}

for (const [fault, change] of Object.entries(FAULTS)) {
  test(`an adapter that ${fault} is found out`, async (t) => {
    const failures = await failuresOf(broken(change));
    for (const title of failures) found.add(title);
    t.true(failures.length > 0);
  });
}

test.after('every test of the kit was failed by some adapter', (t) => {
  const never: string[] = [];
  storageContract(
    (title) => {
      if (!found.has(title)) never.push(title);
    },
    () => new MemoryAdapter(),
  );
  t.deepEqual(never, []);
});

test('a test that fails still closes its store', async (t) => {
  let open = 0;
  const makeAdapter = broken((memory) => ({
    open: () => {
      open += 1;
      memory.open();
    },
    get: () => {
      throw new Error('broken');
    },
    close: () => {
      open -= 1;
      memory.close();
    },
  }));
  t.true((await failuresOf(makeAdapter)).length > 0);
  t.is(open, 0);
});
