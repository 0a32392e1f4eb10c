/**
 * Entries in PostgreSQL, shared by any number of servers. An acknowledged commit is on the server's disk; the commits
 * of a namespace run one after the other. `FORMAT.md` describes the tables and the reasons for them.
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
import {
  addressOrList,
  answerTimeoutMs,
  historyChanges,
  serverOptions,
} from '../../core/storage/server-options.js';
import { CommitQueue } from './commit-queue.js';
import { Database } from './database.js';
import { PostgresFeed } from './feed.js';
import { ReadQueue } from './read-queue.js';
import { behindPrefix, entryOf, NOW_MS, octets } from './rows.js';
import { openNamespace } from './tables.js';

const options = z.strictObject({
  url: addressOrList(/^postgres(?:ql)?:\/\//, 'postgres:// or postgresql://').describe(
    'postgres://user:password@host:port/database. TLS: ?sslmode=verify-full, with &sslrootcert=FILE for your own certificate authority. A path as host (postgres:///database?host=/run/postgresql) is a Unix socket. A list: several servers, one of which is the primary. The URL is never logged.',
  ),
  namespace: serverOptions.namespace,
  // A tenth of a server's default limit.
  poolSize: z
    .int()
    .min(1)
    .max(1_000)
    .default(10)
    .describe('The most connections, in addition to one for feeds of changes.'),
  connectTimeoutMs: serverOptions.connectTimeoutMs.describe(
    'Milliseconds to wait for a new or free connection; then STORAGE_UNAVAILABLE.',
  ),
  statementTimeoutMs: answerTimeoutMs.describe(
    'Milliseconds for a statement, including the wait for other commits; then STORAGE_UNAVAILABLE, or STORAGE_OUTCOME_UNKNOWN for a commit that was sent.',
  ),
  sweepIntervalMs: serverOptions.sweepIntervalMs,
  historyChanges: historyChanges.describe(
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

  /** @param load Imports the driver; for tests. */
  constructor(
    given: PostgresOptions,
    context: Pick<AdapterContext, 'log'>,
    load: () => Promise<unknown> = () => import('pg'),
  ) {
    this.#options = options.parse(given);
    this.#context = context;
    this.#load = load;
  }

  /** `durable` is known only after `open`: a server may be configured not to sync. */
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
    const commits = new CommitQueue(database, namespace, statementTimeoutMs, (count) =>
      feed.countCommits(count),
    );
    // During an outage, the calls that fail report it. The sweep only tries again later.
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
    // One entry more than the page holds: `next` is set only if the next page has an entry.
    const count = Math.min(limit + 1, Number.MAX_SAFE_INTEGER);
    const rows = await database.query(LIST, [id, after, behind && from, behind, count]);
    const entries = rows.slice(0, limit).map(entryOf);
    return rows.length > limit ? { entries, next: entries[limit - 1]!.created } : { entries };
  }

  /** Errors: STORAGE_UNAVAILABLE, STORAGE_FULL; STORAGE_OUTCOME_UNKNOWN if the connection broke at COMMIT. */
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
