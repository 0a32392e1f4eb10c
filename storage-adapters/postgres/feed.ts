/**
 * The feed. The transaction of a commit also writes its change to a table, and readers read it from there. LISTEN only
 * wakes readers; a lost notification delays them by a few seconds and never loses a change.
 */
import type pg from 'pg';
import type { AdapterContext, Position, WatchedChange } from '../../core/storage/contract.js';
import { type Following, PolledFeed } from '../../core/storage/polled-feed.js';
import type { Database } from './database.js';
import { changeOf, HEAD, lastOf } from './rows.js';
import type { Namespace } from './tables.js';
import { channelOf } from './transaction.js';

const POSITION = `
SELECT n.revision AS reached, l.revision AS last, l.head
FROM jackfield_namespaces n LEFT JOIN LATERAL (
  SELECT revision, ${HEAD} AS head FROM jackfield_changes
  WHERE namespace = n.id ORDER BY revision DESC LIMIT 1
) l ON true
WHERE n.id = $1`;

/** One statement, so one snapshot for all its columns. */
const FOLLOWING = `
SELECT n.revision AS reached, n.history, l.revision AS last, l.head, c.revision, c.change
FROM jackfield_namespaces n LEFT JOIN LATERAL (
  SELECT revision, ${HEAD} AS head FROM jackfield_changes
  WHERE namespace = n.id AND revision <= $2 ORDER BY revision DESC LIMIT 1
) l ON true LEFT JOIN LATERAL (
  SELECT revision, change FROM jackfield_changes
  WHERE namespace = n.id AND revision > $2 ORDER BY revision LIMIT 32
) c ON true
WHERE n.id = $1 ORDER BY c.revision`;

/** The change at the bound itself stays: readers at that revision compare its mark. */
const TRIM = `
WITH locked AS (SELECT id, revision - $2 AS until FROM jackfield_namespaces WHERE id = $1 FOR UPDATE),
gone AS (
  DELETE FROM jackfield_changes c USING locked WHERE c.namespace = locked.id AND c.revision < locked.until
)
UPDATE jackfield_namespaces n SET history = locked.until
FROM locked WHERE n.id = locked.id AND locked.until > n.history`;

/** A notification may be lost with its connection. */
const LOOK_AGAIN_MS = 5_000;
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

export class PostgresFeed {
  readonly #database: Database;
  readonly #id: number;
  readonly #keep: number;
  readonly #log: AdapterContext['log'];
  readonly #feed = new PolledFeed((after) => this.#following(after));
  /** Commits since changes were last trimmed. */
  #untrimmed = 0;
  #listener: pg.Client | undefined;
  #timers: NodeJS.Timeout[] = [];
  #pauseMs = FIRST_PAUSE_MS;
  #isListening = false;

  /** @param keep How many revisions back a reader may start. */
  constructor(database: Database, { id }: Namespace, keep: number, log: AdapterContext['log']) {
    this.#database = database;
    this.#id = id;
    this.#keep = keep;
    this.#log = log;
  }

  watch(afterRevision: number, mark?: string): AsyncIterable<WatchedChange> {
    if (!this.#isListening) {
      this.#isListening = true;
      this.#timers.push(setInterval(() => this.#feed.wake(), LOOK_AGAIN_MS).unref());
      void this.#listen();
    }
    return this.#feed.watch(afterRevision, mark);
  }

  async position(): Promise<Position> {
    const [row] = await this.#database.query(POSITION, [this.#id]);
    return lastOf(row ?? {}) ?? { revision: Number(row?.reached ?? 0) };
  }

  /** Trims changes older than the bound, now and then: up to a tenth more may be kept. */
  countCommits(commits: number): void {
    this.#untrimmed += commits;
    if (this.#untrimmed < Math.max(1, this.#keep / 10)) return;
    this.#untrimmed = 0;
    this.#database.query(TRIM, [this.#id, this.#keep]).catch((error: Error) => {
      this.#log.warn({ reason: error.message }, 'Old changes could not be removed; the adapter tries again.');
    });
  }

  async close(): Promise<void> {
    this.#feed.close();
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#listener?.end().catch(() => {});
  }

  async #following(after: number): Promise<Following> {
    const rows = await this.#database.query(FOLLOWING, [this.#id, after]);
    const reached = Number(rows[0]?.reached ?? 0);
    const history = Number(rows[0]?.history ?? 0);
    const last = lastOf(rows[0] ?? {});
    return {
      reached,
      history,
      changes: rows.filter(({ revision }) => revision !== null).map(changeOf),
      // A reader cannot continue from a change before the bound.
      last: last !== undefined && last.revision < history ? undefined : last,
    };
  }

  /** Connects and listens. If that breaks, connects again after a growing pause. */
  async #listen(): Promise<void> {
    if (this.#feed.isClosed) return;
    const listener = this.#database.lone();
    this.#listener = listener;
    let isOver = false;
    const over = (cause?: Error) => {
      if (isOver) return;
      isOver = true;
      listener.end().catch(() => {});
      if (this.#feed.isClosed) return;
      this.#log.warn(
        { reason: cause?.message ?? 'it ended' },
        'Lost the connection that watches PostgreSQL.',
      );
      this.#timers = this.#timers.slice(0, 1);
      this.#timers.push(setTimeout(() => void this.#listen(), this.#pauseMs).unref());
      this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    };
    listener.on('error', over).on('end', () => over());
    listener.on('notification', () => this.#feed.wake());
    try {
      await listener.connect();
      await listener.query(`LISTEN ${channelOf(this.#id)}`);
      this.#pauseMs = FIRST_PAUSE_MS;
      this.#feed.wake();
    } catch (cause) {
      over(cause instanceof Error ? cause : new Error(String(cause)));
    }
  }
}
