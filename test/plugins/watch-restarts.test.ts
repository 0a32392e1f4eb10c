/**
 * Clients that lose their connection and come back, while the server is stopped, killed or reloaded in between. They get
 * every change once and in order, or lost history is reported to them.
 */
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { silentLog } from '../../core/log.js';
import { createServer, type Server } from '../../core/server.js';
import type { StorageAdapter } from '../../core/storage/contract.js';
import { JsonFileAdapter } from '../../storage-adapters/json-file/json-file.js';
import { LmdbAdapter } from '../../storage-adapters/lmdb/lmdb.js';
import { LruAdapter } from '../../storage-adapters/lru.js';
import { MemoryAdapter } from '../../storage-adapters/memory.js';
import { PostgresAdapter } from '../../storage-adapters/postgres/postgres.js';
import { RedisAdapter } from '../../storage-adapters/redis/redis.js';
import { freshNamespace, withPostgres, withRedis } from '../support/server-test.js';
import { EventSourceClient } from './event-source.js';
import type { Change } from './watched.js';

/** So few that history is soon lost. */
const HISTORY = 6;

/** Turns automatic checkpoints off: a copy of the folder during a checkpoint is not a state that a kill leaves. */
const NEVER = { idleMs: 1_000_000_000, minOctets: 1_000_000_000 };

type Step =
  | { readonly do: 'commit'; readonly puts: readonly string[]; readonly deletes: readonly string[] }
  | { readonly do: 'expire' }
  /** The client loses its connection, and comes back after these steps. */
  | { readonly do: 'cut' }
  /** The client reads everything. */
  | { readonly do: 'read' }
  | { readonly do: 'reload' | 'restart' | 'kill' | 'checkpoint' };

const key = fc.constantFrom('a', 'b', 'c', 'd', '__proto__');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({ keys: fc.uniqueArray(key, { minLength: 1, maxLength: 4 }), deletes: fc.nat(2) })
      .map(
        ({ keys, deletes }): Step => ({
          do: 'commit',
          puts: keys.slice(deletes),
          deletes: keys.slice(0, deletes),
        }),
      ),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'expire' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ do: 'cut' }) },
  { weight: 4, arbitrary: fc.constant<Step>({ do: 'read' }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('reload', 'restart', 'kill', 'checkpoint').map((what): Step => ({ do: what })),
  },
);
const steps = fc.array(step, { minLength: 5, maxLength: 40 });

/** A store that can be closed and opened again, also in the state that a kill -9 leaves. */
interface Data {
  open(): StorageAdapter;
  /** Copies the files and opens the copy from now on. Absent if the data belongs to another process. */
  afterKill?(): Promise<void>;
}

const config = (adapter: StorageAdapter, heartbeatMs: number) => ({
  listen: { port: 0 },
  storage: { adapter },
  plugins: [{ use: 'watch', options: { heartbeatMs } }],
});

class Run {
  readonly #data: Data;
  #adapter: StorageAdapter;
  #server: Server;
  #url = '';
  #client: EventSourceClient | undefined;
  /** The client's copy and its position. */
  #copy = new Map<string, string>();
  #lastEventId: string | undefined;
  #commits = 0;
  #reloads = 0;
  readonly #seen = { revisions: [] as number[], histories: 0 };

  private constructor(data: Data) {
    this.#data = data;
    this.#adapter = data.open();
    this.#server = createServer(config(this.#adapter, 60_000));
  }

  static async start(data: Data): Promise<Run> {
    const run = new Run(data);
    run.#url = (await run.#server.listen()).url;
    await run.#begin();
    return run;
  }

  get histories(): number {
    return this.#seen.histories;
  }

  async do(t: ExecutionContext, step: Step): Promise<void> {
    if (step.do === 'commit') {
      const puts = step.puts.map((name) => ({ key: name, value: this.#fresh() }));
      await this.#adapter.commit({ puts, deletes: step.deletes });
    } else if (step.do === 'expire') {
      await this.#adapter.commit({ puts: [{ key: 'short', value: 'x', ttlMs: 1 }] });
      // An expiry is reported when the store notices it; a commit makes it notice.
      await new Promise((resolve) => setTimeout(resolve, 3));
      await this.#adapter.commit({ puts: [{ key: 'after', value: this.#fresh() }] });
    } else if (step.do === 'cut') this.#cut();
    else if (step.do === 'read') await this.#read(t);
    else if (step.do === 'reload') {
      this.#reloads += 1;
      await this.#server.reload(config(this.#adapter, 60_000 + this.#reloads));
    } else if (step.do === 'checkpoint') {
      if (this.#adapter instanceof JsonFileAdapter) await this.#adapter.checkpoint();
    } else {
      this.#cut();
      if (step.do === 'kill') await this.#data.afterKill?.();
      await this.#server.close();
      this.#adapter = this.#data.open();
      this.#server = createServer(config(this.#adapter, 60_000));
      this.#url = (await this.#server.listen()).url;
      // Other clients write first: a store in memory gives earlier revisions to other changes.
      if (!this.#adapter.supports.durable) {
        for (let n = 0; n < 5; n += 1)
          await this.#adapter.commit({ puts: [{ key: 'first', value: this.#fresh() }] });
      }
    }
  }

  /** A new value. */
  #fresh(): string {
    this.#commits += 1;
    return String(this.#commits);
  }

  async close(): Promise<void> {
    this.#cut();
    await this.#server.close();
  }

  #cut(): void {
    this.#lastEventId = this.#client?.lastEventId ?? this.#lastEventId;
    this.#client?.close();
    this.#client = undefined;
  }

  /** Like a new client: opens the feed first, then lists. */
  async #begin(): Promise<void> {
    this.#client = await EventSourceClient.connect(`${this.#url}/watch`);
    await this.#client.next();
    this.#seen.revisions = [Number(this.#client.lastEventId?.replace(/-.*/, ''))];
    this.#copy = new Map(
      (await this.#adapter.list({ limit: 1_000 })).entries.map((entry) => [entry.key, entry.value]),
    );
  }

  async #read(t: ExecutionContext): Promise<void> {
    // The last commit changes something, so that the feed reaches its revision.
    await this.#adapter.commit({ puts: [{ key: 'last', value: this.#fresh() }] });
    const reached = (await this.#adapter.revision?.()) ?? 0;
    if (this.#client === undefined) {
      const client = await EventSourceClient.connect(`${this.#url}/watch`, this.#lastEventId);
      if (client.response.status === 410) {
        client.close();
        this.#seen.histories += 1;
        await this.#begin();
      } else {
        t.is(client.response.status, 200);
        this.#client = client;
      }
    }
    const { revisions } = this.#seen;
    while ((revisions.at(-1) ?? 0) < reached) {
      const event = await this.#client!.next();
      // A reload ends the streams of the old plugin; a client that falls too far behind gets a failure.
      if (event === undefined || event.event === 'failure') {
        if (event !== undefined) t.like(JSON.parse(event.data ?? ''), { code: 'STORAGE_HISTORY_GONE' });
        this.#cut();
        return this.#read(t);
      }
      const at = Number(event.id);
      if (event.event !== 'change') {
        t.true(at >= (revisions.at(-1) ?? 0));
        revisions.push(at);
        continue;
      }
      const { revision, puts, deletes } = JSON.parse(event.data ?? '') as Change;
      t.is(revision, at);
      t.true(revision > (revisions.at(-1) ?? 0), 'in order, and once');
      revisions.push(revision);
      for (const put of puts) this.#copy.set(put.key, put.value);
      for (const gone of deletes) this.#copy.delete(gone);
    }
    const { entries } = await this.#adapter.list({ limit: 1_000 });
    const there = entries.filter(({ revision }) => revision <= reached);
    const shown = (pairs: Iterable<readonly [string, string]>) =>
      [...pairs].sort().map(([name, value]) => `${name} = ${value}`);
    if (entries.length === there.length)
      t.deepEqual(shown(this.#copy), shown(there.map((one) => [one.key, one.value] as const)));
  }
}

/** Far more changes than the history keeps, while the client is away. */
const OVERTAKEN: Step[] = [
  { do: 'cut' },
  ...Array.from({ length: 4 * HISTORY }, (): Step => ({ do: 'commit', puts: ['a'], deletes: [] })),
];

/**
 * The client's copy equals the store, after any steps in between.
 * @returns the number of times that history was lost.
 */
async function follows(t: ExecutionContext, makeData: () => Promise<Data>, numRuns: number): Promise<number> {
  let histories = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (all) => {
      const run = await Run.start(await makeData());
      try {
        for (const one of [...all, { do: 'read' } as const]) await run.do(t, one);
      } finally {
        histories += run.histories;
        await run.close();
      }
    }),
    { numRuns, examples: [[OVERTAKEN]] },
  );
  return histories;
}

async function onDisk(t: ExecutionContext, open: (path: string) => StorageAdapter): Promise<Data> {
  const folder = await mkdtemp(join(tmpdir(), 'jackfield-watch-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  let number = 0;
  const path = () => join(folder, String(number), 'data');
  await mkdir(join(folder, '0'));
  return {
    open: () => open(path()),
    async afterKill() {
      const before = join(folder, String(number));
      number += 1;
      await cp(before, join(folder, String(number)), {
        recursive: true,
        filter: (name) => !name.includes('.lock-'),
      });
    },
  };
}

test('memory: a position from before a restart is never mistaken for one after it', async (t) => {
  t.true(
    (await follows(t, async () => ({ open: () => new MemoryAdapter({ historyChanges: HISTORY }) }), 60)) > 0,
  );
});

test('lru: likewise, and evictions are reported', async (t) => {
  t.true(
    (await follows(
      t,
      async () => ({ open: () => new LruAdapter({ maxEntries: 4, historyChanges: HISTORY }) }),
      60,
    )) > 0,
  );
});

test('json-file: no gap across restarts, kills, reloads and checkpoints', async (t) => {
  t.true(
    (await follows(
      t,
      () =>
        onDisk(t, (path) => new JsonFileAdapter({ path, historyChanges: HISTORY }, { checkpoints: NEVER })),
      40,
    )) > 0,
  );
});

test('lmdb: no gap across restarts, kills and reloads', async (t) => {
  t.true(
    (await follows(t, () => onDisk(t, (path) => new LmdbAdapter({ path, historyChanges: HISTORY })), 25)) > 0,
  );
});

withPostgres(test, (server) => {
  test.serial('postgres: no gap across restarts and reloads', async (t) => {
    const gone = await follows(
      t,
      async () => {
        const options = { url: server().url(), namespace: freshNamespace(), historyChanges: HISTORY };
        return { open: () => new PostgresAdapter(options, { log: silentLog }) };
      },
      20,
    );
    t.true(gone > 0);
  });
});

withRedis(test, (server) => {
  test.serial('redis: no gap across restarts and reloads', async (t) => {
    // Redis keeps more changes than configured, so mostly no history is lost here.
    await follows(
      t,
      async () => {
        const options = { url: server().url, namespace: freshNamespace(), historyChanges: HISTORY };
        return { open: () => new RedisAdapter(options, { log: silentLog }) };
      },
      20,
    );
  });
});
