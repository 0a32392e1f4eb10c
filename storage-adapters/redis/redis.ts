/**
 * Entries in Redis or Valkey, a single server or a cluster, shared by any number of servers. The configuration of the
 * server decides what an acknowledged commit survives: `docs/adapters/redis.md`. Keys and their contents: `FORMAT.md`.
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
import { Commits } from './commits.js';
import { mustWaitForDisk } from './disk-wait.js';
import { readFailure } from './failures.js';
import { RedisFeed } from './feed.js';
import { Link, loadDriver } from './link.js';
import { listPage } from './listing.js';
import { entryOf, expires, keysOf } from './packed.js';
import { GET } from './scripts.js';
import { inspect } from './server-settings.js';

const options = z.strictObject({
  url: addressOrList(/^rediss?:\/\//, 'redis:// or rediss://').describe(
    'redis://user:password@host:port/database, rediss:// for TLS. For a cluster: one of its nodes, or a list of nodes in case one is down. With cluster: false a list names a primary and its replicas; the primary is used. The URL is never logged.',
  ),
  namespace: serverOptions.namespace,
  cluster: z
    .boolean()
    .optional()
    .describe('Whether the addresses belong to a cluster. Default: true if url is a list.'),
  connectTimeoutMs: serverOptions.connectTimeoutMs,
  commandTimeoutMs: answerTimeoutMs.describe(
    'Milliseconds to wait for an answer; then STORAGE_UNAVAILABLE, or STORAGE_OUTCOME_UNKNOWN for a commit.',
  ),
  sweepIntervalMs: serverOptions.sweepIntervalMs,
  historyChanges: historyChanges.describe(
    'How many changes are kept for feeds of changes, with their values. Redis trims in steps, so a few more are kept. A reader further back gets STORAGE_HISTORY_GONE.',
  ),
  waitForDisk: z
    .boolean()
    .default(false)
    .describe(
      "Whether a commit is confirmed only when it is on the server's disk (WAITAOF, Redis 7.2 or later, with appendonly yes); otherwise appendfsync decides. Error: STORAGE_UNREADABLE if the server has no WAITAOF, does not sync, or answers before it syncs.",
    ),
  durable: z
    .boolean()
    .default(false)
    .describe(
      'Whether a confirmed commit is on disk (appendfsync always), for a server that does not show its configuration.',
    ),
});

export type RedisOptions = z.input<typeof options>;

interface Opened {
  readonly link: Link;
  readonly commits: Commits;
  readonly feed: RedisFeed;
  readonly sweeper: NodeJS.Timeout;
}

export class RedisAdapter implements StorageAdapter {
  readonly name = 'redis';
  readonly #options: z.output<typeof options>;
  readonly #context: Pick<AdapterContext, 'log'>;
  readonly #load: () => Promise<unknown>;
  #isDurable: boolean;
  #opened: Opened | undefined;
  /** Reads in progress; `Commits` counts its own. */
  readonly #underWay = new Set<Promise<unknown>>();

  /** @param load Imports the driver; for tests. */
  constructor(
    given: RedisOptions,
    context: Pick<AdapterContext, 'log'>,
    load: () => Promise<unknown> = () => import('redis'),
  ) {
    this.#options = options.parse(given);
    this.#context = context;
    this.#load = load;
    this.#isDurable = this.#options.durable;
  }

  /** `durable` is known only after `open`: the configuration of the server decides. */
  get supports() {
    return { durable: this.#isDurable, shared: 'cluster', bounded: false, watch: true } as const;
  }

  /** Errors: STORAGE_DRIVER_MISSING, STORAGE_UNAVAILABLE, STORAGE_UNREADABLE. */
  async open(): Promise<void> {
    const { url: given, cluster, namespace, waitForDisk, historyChanges, sweepIntervalMs } = this.#options;
    const driver = await loadDriver(this.#load);
    const urls = typeof given === 'string' ? [given] : given;
    const linkOptions = { ...this.#options, urls, cluster: cluster ?? typeof given !== 'string' };
    const keys = keysOf(namespace);
    const link = new Link(driver, linkOptions, keys.entries, this.#context, () => feed.wake());
    const feed = new RedisFeed(link, keys, driver, linkOptions, this.#context);
    // WAITAOF blocks later commands on its connection, and answers only for the node it was sent to.
    const writer = waitForDisk
      ? new Link(driver, { ...linkOptions, oneNode: true }, keys.entries, this.#context)
      : link;
    try {
      await link.open();
      const { isDurable, appendFsync } = await inspect(link, keys, this.#options);
      this.#isDurable = isDurable;
      if (writer !== link) {
        await writer.open();
        await mustWaitForDisk(writer, keys, appendFsync, this.#options.durable);
      }
    } catch (cause) {
      link.close();
      writer.close();
      throw readFailure(cause);
    }
    if (!this.#isDurable)
      this.#context.log.info(
        'confirmed commits may be lost if the Redis server fails: see docs/adapters/redis.md',
      );
    const commits = new Commits(writer, keys, { historyChanges, waitForDisk });
    // During an outage, the calls that fail report it. The sweep only tries again later.
    const sweep = () => Promise.all([commits.sweep(), link.leaveReplica()]).catch(() => {});
    this.#opened = { link, commits, feed, sweeper: setInterval(sweep, sweepIntervalMs).unref() };
  }

  async get(key: string): Promise<Entry | undefined> {
    const { link } = this.#mustBeOpen();
    const { entries } = keysOf(this.#options.namespace);
    return this.#reading(async () => {
      let packed = await link.send(['HGET', entries, key]);
      // Only the server's clock decides expiry. Most entries do not expire and take the shorter way.
      if (typeof packed === 'string' && expires(packed)) packed = await link.run(GET, [entries], [key]);
      return typeof packed === 'string' ? entryOf(key, packed) : undefined;
    });
  }

  async list(page: Page): Promise<Listing> {
    const { link } = this.#mustBeOpen();
    return this.#reading(() => listPage(link, keysOf(this.#options.namespace), page));
  }

  /** Errors: STORAGE_UNAVAILABLE, STORAGE_FULL; STORAGE_OUTCOME_UNKNOWN if the answer to a commit was lost. */
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
    const { link } = this.#mustBeOpen();
    const { numbers } = keysOf(this.#options.namespace);
    return this.#reading(async () => Number((await link.send(['HGET', numbers, 'revision'])) ?? 0));
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    this.#opened = undefined;
    clearInterval(opened.sweeper);
    opened.feed.close();
    await Promise.allSettled([...this.#underWay, opened.commits.idle()]);
    opened.commits.close();
    opened.link.close();
  }

  #reading<T>(read: () => Promise<T>): Promise<T> {
    const result = read().catch((cause: unknown) => {
      throw readFailure(cause);
    });
    this.#underWay.add(result);
    const settled = () => void this.#underWay.delete(result);
    result.then(settled, settled);
    return result;
  }

  #mustBeOpen(): Opened {
    if (this.#opened === undefined) throw new StorageError('STORAGE_CLOSED');
    return this.#opened;
  }
}

export default defineAdapter({
  name: 'redis',
  options,
  create: (given, context) => new RedisAdapter(given, context),
});
