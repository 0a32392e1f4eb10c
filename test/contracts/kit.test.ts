/** The kit must find what it is there to find: each adapter here breaks one promise. */
import test from 'ava';
import type { CommitResult, Entry, Listing, Page, StorageAdapter } from '../../core/storage/contract.js';
import { storageContract } from '../../core/testing/storage-contract.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';

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
      close: () => memory.close(),
      ...change(memory),
    };
  };
}

/** The titles of the kit's tests that fail for this adapter. */
async function failuresOf(makeAdapter: () => StorageAdapter, patienceMs = 200): Promise<string[]> {
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
  'claims to watch': (memory) => ({ supports: { ...memory.supports, watch: true } }),
};

test('an adapter that keeps every promise fails no test', async (t) => {
  t.deepEqual(await failuresOf(() => new MemoryAdapter(), 10_000), []);
});

for (const [fault, change] of Object.entries(FAULTS)) {
  test(`an adapter that ${fault} is found out`, async (t) => {
    const failures = await failuresOf(broken(change));
    t.true(failures.length > 0);
  });
}

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
