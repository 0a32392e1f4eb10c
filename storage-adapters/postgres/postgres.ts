/**
 * Entries in PostgreSQL, shared by any number of servers. An answered commit is on the server's disk; commits of a
 * namespace stand one behind the other. Tables and the reasons for them: `FORMAT.md`.
 */
import { z } from 'zod';
import {
  type AdapterContext,
  type Change,
  type CommitResult,
  defineAdapter,
  type Entry,
  type Listing,
  type Page,
  type Position,
  type StorageAdapter,
  StorageError,
  type WatchedChange,
} from '../../core/storage/contract.js';
import { CommitQueue } from './commit-queue.js';
import { Database } from './database.js';
import { PostgresFeed } from './feed.js';
import { ReadQueue } from './read-queue.js';
import { behindPrefix, entryOf, NOW_MS, octets } from './rows.js';
import { openNamespace } from './tables.js';

// The sentence is ours, so that no error shows what was found: it holds a password.
const address = z.string().regex(/^postgres(?:ql)?:\/\//, 'must begin with postgres:// or postgresql://');

const options = z.strictObject({
  url: z
    .union(
      [address, z.array(address).min(1)],
      'must be one address or a list of them, each with postgres:// or postgresql://',
    )
    .describe(
      'postgres://user:password@host:port/database. TLS: ?sslmode=verify-full, with &sslrootcert=FILE for your own certificate authority. A path as host (postgres:///database?host=/run/postgresql) is a Unix socket. A list: several servers, one of which is the primary. The URL is never logged.',
    ),
  namespace: z
    .string()
    .regex(/^[\w.-]{1,64}$/)
    .default('default')
    .describe(
      'The namespace of the entries: servers with the same namespace share them. 1 to 64 letters, digits, ".", "_" and "-".',
    ),
  // A tenth of what a server takes by default.
  poolSize: z
    .int()
    .min(1)
    .max(1_000)
    .default(10)
    .describe('The most connections, in addition to one for feeds of changes.'),
  connectTimeoutMs: z
    .int()
    .min(1)
    .max(2_147_483_647)
    .default(3_000)
    .describe('Milliseconds to wait for a new or free connection; then STORAGE_UNAVAILABLE.'),
  // Less than the 10 seconds that a handler has.
  statementTimeoutMs: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .default(5_000)
    .describe(
      'Milliseconds for a statement, including the wait for other commits; then STORAGE_UNAVAILABLE, or STORAGE_OUTCOME_UNKNOWN for a commit that was sent.',
    ),
  sweepIntervalMs: z
    .int()
    .min(10)
    .max(2_147_483_647)
    .default(1_000)
    .describe(
      'Milliseconds between two removals of expired entries. Expired entries are always absent at once.',
    ),
  historyChanges: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .default(10_000)
    .describe(
      'How many revisions back a feed of changes may start; each change is kept with its values. A reader further back gets STORAGE_HISTORY_GONE.',
    ),
});

export type PostgresOptions = z.input<typeof options>;

const STANDING = `(expires_at IS NULL OR expires_at > ${NOW_MS})`;
const LIST = `
SELECT k, v, created, revision, expires_at FROM jackfield
WHERE namespace = $1 AND created > $2 AND ($3::bytea IS NULL OR (k >= $3 AND k < $4)) AND ${STANDING}
ORDER BY created LIMIT $5`;
const EXPIRED = `SELECT 1 FROM jackfield WHERE namespace = $1 AND expires_at <= ${NOW_MS} LIMIT 1`;

interface Opened {
  readonly id: number;
  readonly database: Database;
  readonly reads: ReadQueue;
  readonly commits: CommitQueue;
  readonly feed: PostgresFeed;
  readonly sweeper: NodeJS.Timeout;
}

export class PostgresAdapter implements StorageAdapter {
  readonly name = 'postgres';
  readonly #options: z.output<typeof options>;
  readonly #context: Pick<AdapterContext, 'log'>;
  readonly #load: () => Promise<unknown>;
  #isDurable = true;
  #opened: Opened | undefined;

  /** @param load Gives the driver; for tests. */
  constructor(
    given: PostgresOptions,
    context: Pick<AdapterContext, 'log'>,
    load: () => Promise<unknown> = () => import('pg'),
  ) {
    this.#options = options.parse(given);
    this.#context = context;
    this.#load = load;
  }

  /** `durable` is only known when it is open: a server may be set not to sync. */
  get supports() {
    return { durable: this.#isDurable, shared: 'cluster', bounded: false, watch: true } as const;
  }

  /** Errors: STORAGE_DRIVER_MISSING, STORAGE_UNAVAILABLE, STORAGE_UNREADABLE. */
  async open(): Promise<void> {
    const { log } = this.#context;
    const { namespace: name, statementTimeoutMs, sweepIntervalMs, historyChanges } = this.#options;
    const { url } = this.#options;
    const urls = typeof url === 'string' ? [url] : url;
    const database = await Database.load({ ...this.#options, urls }, this.#context, this.#load);
    const namespace = await openNamespace(database, name).catch(async (error: unknown) => {
      await database.close();
      throw error;
    });
    this.#isDurable = namespace.isDurable;
    if (!namespace.isDurable) log.warn('PostgreSQL runs with fsync off: confirmed commits may be lost');
    const feed = new PostgresFeed(database, namespace, historyChanges, log);
    const commits = new CommitQueue(database, namespace, statementTimeoutMs, (count) => feed.made(count));
    // An outage is told by the calls that meet it; here it only means to look again later.
    const sweep = () => this.#sweep().catch(() => {});
    const sweeper = setInterval(sweep, sweepIntervalMs).unref();
    const reads = new ReadQueue(database, namespace.id, statementTimeoutMs);
    this.#opened = { id: namespace.id, database, reads, commits, feed, sweeper };
  }

  async get(key: string): Promise<Entry | undefined> {
    return this.#mustBeOpen().reads.get(key);
  }

  async list({ prefix = '', after = 0, limit }: Page): Promise<Listing> {
    const { id, database } = this.#mustBeOpen();
    const from = octets(prefix);
    const behind = behindPrefix(from);
    // One more than the page holds: there is a next page only where something stands on it.
    const count = Math.min(limit + 1, Number.MAX_SAFE_INTEGER);
    const rows = await database.query(LIST, [id, after, behind && from, behind, count]);
    const entries = rows.slice(0, limit).map(entryOf);
    return rows.length > limit ? { entries, next: entries[limit - 1]!.created } : { entries };
  }

  /** Errors: STORAGE_UNAVAILABLE, STORAGE_FULL; STORAGE_OUTCOME_UNKNOWN where the connection broke at COMMIT. */
  async commit(change: Change): Promise<CommitResult> {
    return this.#mustBeOpen().commits.commit(change);
  }

  watch(afterRevision: number, mark?: string): AsyncIterable<WatchedChange> {
    return this.#mustBeOpen().feed.watch(afterRevision, mark);
  }

  async position(): Promise<Position> {
    return this.#mustBeOpen().feed.position();
  }

  async revision(): Promise<number> {
    const { id, database } = this.#mustBeOpen();
    const [row] = await database.query('SELECT revision FROM jackfield_namespaces WHERE id = $1', [id]);
    return Number(row?.revision ?? 0);
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    this.#opened = undefined;
    clearInterval(opened.sweeper);
    await Promise.all([opened.commits.idle(), opened.reads.idle()]);
    await opened.feed.close();
    await opened.database.close();
  }

  async #sweep(): Promise<void> {
    const { id, database, commits } = this.#mustBeOpen();
    if ((await database.query(EXPIRED, [id])).length > 0) await commits.sweep();
  }

  #mustBeOpen(): Opened {
    if (this.#opened === undefined) throw new StorageError('STORAGE_CLOSED');
    return this.#opened;
  }
}

export default defineAdapter({
  name: 'postgres',
  options,
  create: (given, context) => new PostgresAdapter(given, context),
});
