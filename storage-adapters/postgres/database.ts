/** The connections to the server: a pool that recovers from outages, with a time-out on everything. */
import type pg from 'pg';
import type { AdapterContext } from '../../core/storage/contract.js';
import { missingDriver } from '../../core/storage/missing-driver.js';
import { failureOf, isOfOtherSession } from './failures.js';

export interface DatabaseOptions {
  /** Tried in turn until one is not a standby. */
  readonly urls: readonly string[];
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

/** One connection, valid while `use` lends it. */
export interface Session {
  /** @param name With a name, the server plans the statement once per connection. */
  query(text: string, values?: readonly unknown[], name?: string): Promise<pg.QueryResult<Row>>;
  /** The warnings of the server, each as the routine in its source that raised it: the text may be in any language. */
  readonly warnings: readonly string[];
  /** Several statements without values in one message. */
  script(text: string): Promise<pg.QueryResult<Row>[]>;
  /** The connection is known to be dead, so the next query is never sent. */
  readonly isLost: boolean;
}

/** The statement decides the type of each column; readers narrow it. */
export type Row = Readonly<Record<string, unknown>>;

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;

export class Database {
  readonly #driver: typeof pg;
  /** One per address. Unused pools hold no connection. */
  readonly #pools: readonly pg.Pool[];
  readonly #configs: readonly pg.ClientConfig[];
  /** The address that answered last. */
  #at = 0;
  readonly #log: AdapterContext['log'];
  readonly #underWay = new Set<Promise<unknown>>();
  /** Whether statements are planned once per connection. False after a server has shown that it shares sessions. */
  #prepares = true;
  /**
   * During an outage, calls fail at once instead of each waiting for a connection: until `at`, by `performance.now`.
   */
  #outage: { at: number; pauseMs: number; cause: unknown } | undefined;

  private constructor(driver: typeof pg, options: DatabaseOptions, { log }: Pick<AdapterContext, 'log'>) {
    this.#driver = driver;
    this.#log = log;
    this.#configs = options.urls.map((connectionString) => ({
      connectionString,
      connectionTimeoutMillis: options.connectTimeoutMs,
      statement_timeout: options.statementTimeoutMs,
      // The server's own time-out says more and comes first, unless the server cannot be reached at all.
      query_timeout: options.statementTimeoutMs + 1_000,
      // A process that has vanished must not hold the lock of a namespace for longer than this.
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
      // An idle connection broke; the pool has already dropped it.
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
    // The cast: the types of the adapter must not depend on those of an optional package.
    const { default: driver } = module as { readonly default: typeof pg };
    return new Database(driver, options, context);
  }

  /**
   * Lends a connection. A connection on which anything failed is not used again.
   * @param work Called a second time if the first call met a session of another client, which changed nothing.
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

  /** A connection outside the pool. The caller connects and ends it. */
  lone(): pg.Client {
    return new this.#driver.Client({ ...this.#configs[this.#at], query_timeout: 0 });
  }

  /** Waits for calls in progress. */
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
        // The driver's types do not know that several statements return several results.
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
        // If connections exist and none was free in time, the pool is busy; that is not an outage.
        if (pool.totalCount > 0) throw error;
        failures.push(withoutAddress(error));
        // Another call may have moved on already.
        if (this.#at === at) this.#at = (at + 1) % this.#pools.length;
      }
    }
    throw failures.length > 1 ? new AggregateError(failures, '') : failures[0];
  }
}

/** A standby returns old data and accepts no commits. */
function mustBePrimary(client: pg.Client, done: (error?: Error) => void): void {
  client.query<Row>('SELECT pg_is_in_recovery() AS standby').then(({ rows }) => {
    done(rows[0]?.standby === true ? new Error(IS_STANDBY) : undefined);
  }, done);
}

const IS_STANDBY = 'the server is a standby; the address must lead to the primary';

/** The error of an address that cannot be parsed contains it, with the password. */
function withoutAddress(error: unknown): unknown {
  return error instanceof Error && 'input' in error ? new Error(`the address: ${error.message}`) : error;
}
