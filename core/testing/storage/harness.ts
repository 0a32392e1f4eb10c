/** The base of the contract tests: a new store for each test, closed and cleaned up after it. */
import assert from 'node:assert/strict';
import type { MaybePromise } from '../../maybe-promise.js';
import type { Change, CommitResult, Entry, Page, StorageAdapter } from '../../storage/contract.js';

/** Any test runner's way to register one test; the promise of the body rejects if the test fails. */
export type TestFunction = (title: string, body: () => Promise<void>) => void;

/** One store for one test. */
export interface ContractStore {
  /** Not yet opened; the kit opens and closes it. */
  readonly adapter: StorageAdapter;
  /**
   * Another adapter over the same data, not yet opened. Needed if `supports` says durable or shared by more than one
   * process: then it is also opened while the first is still open.
   */
  reopen?(): MaybePromise<StorageAdapter>;
  /**
   * For stores on a server: makes every call fail until `mendIt`, as if the server was stopped or the network was cut.
   * Define both or neither; without them outages are not tested.
   */
  breakIt?(): MaybePromise<void>;
  mendIt?(): MaybePromise<void>;
  /** Called after the test, when every adapter is closed. */
  cleanup?(): MaybePromise<void>;
}

export type MakeAdapter = () => MaybePromise<StorageAdapter | ContractStore>;

export interface StorageContractOptions {
  /** How long a test waits for an event (such as an expiry) before it fails. Default 10,000. */
  readonly patienceMs?: number;
}

/** The store in a test: opened, and every answer a promise. */
export interface OpenStore {
  readonly adapter: StorageAdapter;
  get(key: string): Promise<Entry | undefined>;
  list(page: Page): Promise<{ entries: Entry[]; next?: number }>;
  commit(change: Change): Promise<CommitResult>;
  close(): Promise<void>;
  /** Opens another adapter over the same data; undefined if the maker of the adapter has no `reopen`. */
  reopen: (() => Promise<OpenStore>) | undefined;
  /** Undefined if the maker of the adapter cannot break its store. */
  outage: Outage | undefined;
  /** Polls until the answer is true. */
  until(what: string, holds: () => Promise<boolean>): Promise<void>;
  /** Rejects if the promise does not settle soon, so that no test waits forever. */
  soon<T>(what: string, coming: PromiseLike<T>): Promise<T>;
}

export interface Outage {
  breakIt(): Promise<void>;
  mendIt(): Promise<void>;
}

/** Registers one test of the contract. */
export type Suite = (title: string, body: (store: OpenStore) => Promise<void>) => void;

export function suiteOf(
  test: TestFunction,
  makeAdapter: MakeAdapter,
  { patienceMs = 10_000 }: StorageContractOptions,
): Suite {
  return (title, body) =>
    test(`storage contract: ${title}`, async () => {
      const subject = await makeAdapter();
      const parts: ContractStore = 'adapter' in subject ? subject : { adapter: subject };
      const reopen = parts.reopen && (async () => parts.reopen!());
      const outage = outageOf(parts);
      const opened: OpenStore[] = [];
      const open = async (one: StorageAdapter): Promise<OpenStore> => {
        await one.open();
        const again = reopen && (async () => open(await reopen()));
        const store = openStore(one, { patienceMs, reopen: again, outage });
        opened.push(store);
        return store;
      };
      try {
        await body(await open(parts.adapter));
      } finally {
        for (const store of opened) await store.close();
        await parts.cleanup?.();
      }
    });
}

function outageOf(parts: ContractStore): Outage | undefined {
  if (parts.breakIt === undefined || parts.mendIt === undefined) return undefined;
  return { breakIt: async () => parts.breakIt!(), mendIt: async () => parts.mendIt!() };
}

function openStore(
  adapter: StorageAdapter,
  { patienceMs, reopen, outage }: Pick<OpenStore, 'reopen' | 'outage'> & { readonly patienceMs: number },
): OpenStore {
  let closed = false;
  return {
    adapter,
    reopen,
    outage,
    get: async (key) => adapter.get(key),
    list: async (page) => adapter.list(page),
    commit: async (change) => adapter.commit(change),
    async close() {
      if (closed) return;
      closed = true;
      await adapter.close();
    },
    async until(what, holds) {
      const end = performance.now() + patienceMs;
      while (!(await holds())) {
        if (performance.now() > end) assert.fail(`${what}: not within ${patienceMs} ms`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    soon: (what, coming) =>
      new Promise((resolve, reject) => {
        const late = () =>
          reject(new assert.AssertionError({ message: `${what}: not within ${patienceMs} ms` }));
        const timer = setTimeout(late, patienceMs);
        coming.then(resolve, reject).then(() => clearTimeout(timer));
      }),
  };
}

/** Puts the pairs in one commit, which must succeed. */
export async function put(
  store: OpenStore,
  pairs: Readonly<Record<string, string>>,
): Promise<CommitResult & { ok: true }> {
  return committed(store, { puts: Object.entries(pairs).map(([key, value]) => ({ key, value })) });
}

export async function committed(store: OpenStore, change: Change): Promise<CommitResult & { ok: true }> {
  const result = await store.commit(change);
  assert.ok(result.ok, `the commit was refused over ${result.ok ? '' : JSON.stringify(result.conflict)}`);
  return result;
}

/** The commit must be refused because of this key. */
export async function refused(store: OpenStore, conflict: string, change: Change): Promise<void> {
  const result = await store.commit(change);
  assert.deepEqual(result, { ok: false, conflict });
}

/** The entry at this key, which must exist. */
export async function entryAt(store: OpenStore, key: string): Promise<Entry> {
  const entry = await store.get(key);
  assert.ok(entry !== undefined, `no entry at ${JSON.stringify(key)}`);
  return entry;
}

export async function valueAt(store: OpenStore, key: string): Promise<string | undefined> {
  return (await store.get(key))?.value;
}

/** Every entry, page by page. */
export async function everything(store: OpenStore, limit = 100, prefix = ''): Promise<Entry[]> {
  const entries: Entry[] = [];
  let after = 0;
  for (;;) {
    const page = await store.list({ prefix, after, limit });
    assert.ok(page.entries.length <= limit, `a page of at most ${limit} held ${page.entries.length} entries`);
    entries.push(...page.entries);
    if (page.next === undefined) return entries;
    assert.equal(page.next, page.entries.at(-1)?.created, '`next` is the `created` of the last entry');
    // Otherwise a page that repeats its cursor would loop forever.
    assert.ok(page.next > after, '`next` is after the previous page');
    after = page.next;
  }
}

export const keysOf = (entries: readonly Entry[]): string[] => entries.map(({ key }) => key);

/** Key and value of each entry, in order. */
export const pairsOf = (entries: readonly Entry[]): string[][] =>
  entries.map(({ key, value }) => [key, value]);

/** Lets a promise run during the test; if the test fails first, its rejection is ignored. */
export function meanwhile<T>(going: Promise<T>): Promise<T> {
  going.catch(() => {});
  return going;
}
