/** The way to the server: a pool of connections that mends itself, with a time-out on everything. */
import type pg from 'pg';
import type { AdapterContext } from '../../core/storage/contract.js';
import { missingDriver } from '../../core/storage/missing-driver.js';
import { failureOf, isOfOtherSession } from './failures.js';

export interface DatabaseOptions {
  /** In turn, until one is no standby. */
  readonly urls: readonly string[];
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

/** One connection, as long as `use` lends it. */
export interface Session {
  /** @param name With it the server plans the statement once per connection. */
  query(text: string, values?: readonly unknown[], name?: string): Promise<pg.QueryResult<Row>>;
  /** What the server warned of, by the name of the place in its source that did; a sentence may be in any language. */
  readonly warnings: readonly string[];
  /** Several statements without values in one message. */
  script(text: string): Promise<pg.QueryResult<Row>[]>;
  /** The connection is known to be dead, so what is asked next is never sent. */
  readonly isLost: boolean;
}

/** What a column holds is told by the statement; it is narrowed where it is read. */
export type Row = Readonly<Record<string, unknown>>;

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

export class Database {
  readonly #driver: typeof pg;
  /** One for each address. Those that are not used hold no connection. */
  readonly #pools: readonly pg.Pool[];
  readonly #configs: readonly pg.ClientConfig[];
  /** The address that answered last. */
  #at = 0;
  readonly #log: AdapterContext['log'];
  readonly #underWay = new Set<Promise<unknown>>();
  /** Until it shows that a session is shared with others: statements are planned once for each connection. */
  #prepares = true;
  /** While no connection can be made, calls fail at once instead of each waiting for one: until `at`, by `performance.now`. */
  #outage: { at: number; pauseMs: number; cause: unknown } | undefined;

  private constructor(driver: typeof pg, options: DatabaseOptions, { log }: Pick<AdapterContext, 'log'>) {
    this.#driver = driver;
    this.#log = log;
    this.#configs = options.urls.map((connectionString) => ({
      connectionString,
      connectionTimeoutMillis: options.connectTimeoutMs,
      statement_timeout: options.statementTimeoutMs,
      // The server's own time-out says more and comes first, unless the server cannot be heard at all.
      query_timeout: options.statementTimeoutMs + 1_000,
      // A process that is gone without a word must not hold a namespace's lock for longer than this.
      idle_in_transaction_session_timeout: 2 * options.statementTimeoutMs,
      keepAlive: true,
      application_name: 'jackfield',
    }));
    this.#pools = this.#configs.map((config) => {
      const pool = new driver.Pool({
        ...config,
        max: options.poolSize,
        idleTimeoutMillis: 30_000,
        verify: mustBePrimary,
      });
      // An idle connection that breaks; the pool has dropped it already.
      return pool.on('error', (error) =>
        log.warn({ reason: error.message }, 'Lost a connection to PostgreSQL.'),
      );
    });
  }

  /** Errors: STORAGE_DRIVER_MISSING, STORAGE_UNAVAILABLE. */
  static async load(
    options: DatabaseOptions,
    context: Pick<AdapterContext, 'log'>,
    load: () => Promise<unknown>,
  ): Promise<Database> {
    const module = await load().catch((cause: unknown) => {
      throw missingDriver('pg', cause) ?? cause;
    });
    // What `import('pg')` gives; the adapter's own types are not to depend on those of an optional package.
    const { default: driver } = module as { readonly default: typeof pg };
    return new Database(driver, options, context);
  }

  /**
   * Lends a connection. One on which anything failed is not used again.
   * @param work Done a second time where the first met the session of another, which changed nothing.
   * Errors: those of `work`, STORAGE_UNAVAILABLE.
   */
  use<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const result = this.#prepares
      ? this.#lend(work).catch((error: unknown) => {
          if (!isOfOtherSession(error)) throw error;
          this.#prepareNoMore();
          return this.#lend(work);
        })
      : this.#lend(work);
    const settled: Promise<void> = result.then(
      () => void this.#underWay.delete(settled),
      () => void this.#underWay.delete(settled),
    );
    this.#underWay.add(settled);
    return result;
  }

  query(text: string, values: readonly unknown[], name?: string): Promise<Row[]> {
    return this.use(async (session) => (await session.query(text, values, name)).rows);
  }

  /** A connection beside the pool, which the caller connects and ends. */
  lone(): pg.Client {
    return new this.#driver.Client({ ...this.#configs[this.#at], query_timeout: 0 });
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    await Promise.all(this.#pools.map((pool) => pool.end()));
  }

  #prepareNoMore(): void {
    if (!this.#prepares) return;
    this.#prepares = false;
    this.#log.warn(
      'PostgreSQL sessions are shared, as by a pooler in transaction mode: statements are no longer prepared, and feeds get changes up to 5 s late.',
    );
  }

  async #lend<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#connection();
    let isLost = false;
    const lost = () => {
      isLost = true;
    };
    const warnings: string[] = [];
    const warned = ({ routine = '' }: { readonly routine?: string | undefined }) => {
      warnings.push(routine);
    };
    client.on('error', lost).on('end', lost).on('notice', warned);
    let isBroken = true;
    try {
      const result = await work({
        query: (text, values = [], name = undefined) =>
          client.query<Row>({
            text,
            values: [...values],
            ...(name === undefined || !this.#prepares ? {} : { name }),
          }),
        // The driver's types do not know that several statements give several results.
        script: (text) => client.query(text) as unknown as Promise<pg.QueryResult<Row>[]>,
        get isLost() {
          return isLost;
        },
        warnings,
      });
      isBroken = isLost;
      return result;
    } catch (cause) {
      throw failureOf(cause);
    } finally {
      client.off('error', lost).off('end', lost).off('notice', warned);
      client.release(isBroken);
    }
  }

  async #connection(): Promise<pg.PoolClient> {
    if (this.#outage !== undefined && performance.now() < this.#outage.at)
      throw failureOf(this.#outage.cause);
    try {
      const client = await this.#connect();
      this.#outage = undefined;
      return client;
    } catch (error) {
      const cause = withoutAddress(error);
      if (this.#pools[this.#at]!.totalCount === 0) {
        const pauseMs = Math.min((this.#outage?.pauseMs ?? FIRST_PAUSE_MS / 2) * 2, LONGEST_PAUSE_MS);
        this.#outage = { at: performance.now() + pauseMs, pauseMs, cause };
      }
      throw failureOf(cause);
    }
  }

  async #connect(): Promise<pg.PoolClient> {
    const failures: unknown[] = [];
    for (let tried = 0; tried < this.#pools.length; tried += 1) {
      const at = this.#at;
      const pool = this.#pools[at]!;
      try {
        return await pool.connect();
      } catch (error) {
        // Where there are connections and only none was free in time, it is a crowd, not an outage.
        if (pool.totalCount > 0) throw error;
        failures.push(withoutAddress(error));
        // Somebody else may have gone on already.
        if (this.#at === at) this.#at = (at + 1) % this.#pools.length;
      }
    }
    throw failures.length > 1 ? new AggregateError(failures, '') : failures[0];
  }
}

/** It answers what was true a while ago, and takes no commits. */
function mustBePrimary(client: pg.Client, done: (error?: Error) => void): void {
  client.query<Row>('SELECT pg_is_in_recovery() AS standby').then(({ rows }) => {
    done(rows[0]?.standby === true ? new Error(IS_STANDBY) : undefined);
  }, done);
}

const IS_STANDBY = 'the server is a standby; the address must lead to the primary';

/** An address that cannot be read is a property of its error, password and all. */
function withoutAddress(error: unknown): unknown {
  return error instanceof Error && 'input' in error ? new Error(`the address: ${error.message}`) : error;
}
