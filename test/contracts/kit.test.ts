/** The kit must find every fault: each adapter here breaks one promise. */
import test from 'ava';
import { type Entry, type StorageAdapter, StorageError } from '../../core/storage/contract.js';
import { EntryTable } from '../../core/storage/entry-table.js';
import type { MakeAdapter } from '../../core/testing/storage/harness.js';
import { storageContract } from '../../core/testing/storage-contract.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import { commitTo } from '../core/storage/commit-to.js';
import { broken, FAULTS } from './broken-adapters.js';
import { EXPIRY_FAULTS } from './broken-expiry.js';

/** Titles of the kit's tests that failed for some adapter here. */
const found = new Set<string>();

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

test('an adapter that keeps every promise fails no test', async (t) => {
  t.deepEqual(await failuresOf(() => new MemoryAdapter(), 10_000), []);
});

/** A store behind a connection that the kit may cut; `down` decides about calls meanwhile. */
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
        // In progress for a moment, so that an outage can happen meanwhile.
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

/** A durable store that one adapter at a time may open; `restore` changes the entries that it reads back. */
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
          // Sets the highest numbers with an entry that is deleted again.
          const { created } = disk;
          table.set({ key: 'numbers', value: '', created, revision: revision(disk.revision, disk.entries) });
          table.delete('numbers');
          for (const entry of restore(disk.entries)) table.set(entry);
        },
        get: (key) => opened().get(key),
        list: (page) => opened().list(page),
        commit(change) {
          const result = commitTo(opened(), change);
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
  'numbers its entries again': {
    restore: (entries) => entries.map((entry, at) => ({ ...entry, created: at + 1, revision: 1 })),
  },
  'reuses numbers of deleted entries': {
    revision: (_, entries) => Math.max(0, ...entries.map((entry) => entry.revision)),
  },
  'counts from the beginning': {
    revision: () => 0,
    restore: (entries) => entries.map((entry) => ({ ...entry, revision: 0 })),
  },
  'forgets when entries expire': {
    restore: (entries) => entries.map(({ expiresAt: _, ...entry }) => entry),
  },
  'lists its entries by key after reopening': {
    restore: (entries) =>
      entries
        .toSorted((one, other) => (one.key < other.key ? -1 : 1))
        .map((entry, at) => ({ ...entry, created: at + 1 })),
  },
  'loses the last entry': { restore: (entries) => entries.slice(0, -1) },
  'lets two adapters open its data at once': { locks: false },
};

for (const [fault, restart] of Object.entries(RESTARTS)) {
  test(`a durable adapter that ${fault} is detected`, async (t) => {
    t.true((await failuresOf(persistent(restart))).length > 0);
  });
}

test('an adapter that fails with its codes during an outage fails no test', async (t) => {
  const adapter = breakable((call) => {
    throw new StorageError(call === 'commit' ? 'STORAGE_OUTCOME_UNKNOWN' : 'STORAGE_UNAVAILABLE');
  });
  t.deepEqual(await failuresOf(adapter, 10_000), []);
});

const OUTAGES: Readonly<Record<string, Parameters<typeof breakable>[0]>> = {
  'continues as if nothing had happened': () => 'goes on',
  'fails with a TypeError': (call) => {
    if (call === 'get') throw new TypeError('undefined');
    return 'goes on';
  },
  'throws the errors of its driver': () => {
    throw new Error('ECONNREFUSED');
  },
  'says that the outcome of a read is unknown': () => {
    throw new StorageError('STORAGE_OUTCOME_UNKNOWN');
  },
  'changes something and says that nothing was changed': (call, memory) => {
    if (call === 'commit') memory.commit({ puts: [{ key: 'b', value: '1' }] });
    throw new StorageError('STORAGE_UNAVAILABLE');
  },
};

for (const [fault, down] of Object.entries(OUTAGES)) {
  test(`an adapter that ${fault} during an outage is detected`, async (t) => {
    const failures = await failuresOf(breakable(down));
    for (const title of failures) found.add(title);
    t.true(failures.some((title) => title.includes('outage')));
  });
}

for (const [fault, change] of Object.entries({ ...FAULTS, ...EXPIRY_FAULTS })) {
  test(`an adapter that ${fault} is detected`, async (t) => {
    const failures = await failuresOf(broken(change));
    for (const title of failures) found.add(title);
    t.true(failures.length > 0);
  });
}

test.after('every test of the kit fails for some adapter', (t) => {
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
