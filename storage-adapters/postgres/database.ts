/** The way to the server: a pool of connections that mends itself, with a time-out on everything. */
import type pg from 'pg';
import { type AdapterContext, StorageError } from '../../core/storage/contract.js';
import { failureOf, isOfOtherSession } from './failures.js';

export interface DatabaseOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

/** One connection, as long as `use` lends it. */
export interface Session {
  /** @param name With it the server plans the statement once per connection. */
  query(text: string, values?: readonly unknown[], name?: string): Promise<pg.QueryResult<Row>>;
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
  readonly #pool: pg.Pool;
  readonly #config: pg.ClientConfig;
  readonly #log: AdapterContext['log'];
  readonly #underWay = new Set<Promise<unknown>>();
  /** Until it shows that a session is shared with others: statements are planned once for each connection. */
  #prepares = true;
  /** While no connection can be made, calls fail at once instead of each waiting for one: until `at`. */
  #outage: { at: number; pauseMs: number; cause: unknown } | undefined;

  private constructor(driver: typeof pg, options: DatabaseOptions, { log }: Pick<AdapterContext, 'log'>) {
    this.#driver = driver;
    this.#log = log;
    this.#config = {
      connectionString: options.url,
      connectionTimeoutMillis: options.connectTimeoutMs,
      statement_timeout: options.statementTimeoutMs,
      // The server's own time-out says more and comes first, unless the server cannot be heard at all.
      query_timeout: options.statementTimeoutMs + 1_000,
      // A process that is gone without a word must not hold a namespace's lock for longer than this.
      idle_in_transaction_session_timeout: 2 * options.statementTimeoutMs,
      keepAlive: true,
      application_name: 'jackfield',
    };
    this.#pool = new driver.Pool({ ...this.#config, max: options.poolSize, idleTimeoutMillis: 30_000 });
    // An idle connection that breaks; the pool has dropped it already.
    this.#pool.on('error', (error) => log.warn({ reason: error.message }, 'lost a connection to PostgreSQL'));
  }

  /** Errors: STORAGE_DRIVER_MISSING, STORAGE_UNAVAILABLE. */
  static async load(
    options: DatabaseOptions,
    context: Pick<AdapterContext, 'log'>,
    load: () => Promise<unknown>,
  ): Promise<Database> {
    const module = await load().catch((cause: unknown) => {
      if (!(cause instanceof Error) || !('code' in cause) || cause.code !== 'ERR_MODULE_NOT_FOUND')
        throw cause;
      const detail = 'pg. Run "npm install pg" where jackfield is installed.';
      throw new StorageError('STORAGE_DRIVER_MISSING', detail, { cause });
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
    return new this.#driver.Client({ ...this.#config, query_timeout: 0 });
  }

  /** Waits for what is under way. */
  async close(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay);
    await this.#pool.end();
  }

  #prepareNoMore(): void {
    if (!this.#prepares) return;
    this.#prepares = false;
    this.#log.warn(
      'Sessions of PostgreSQL are shared, as by a pooler in transaction mode: statements are no longer prepared, and who watches learns of changes up to 5 s late.',
    );
  }

  async #lend<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#connection();
    let isLost = false;
    const lost = () => {
      isLost = true;
    };
    client.on('error', lost).on('end', lost);
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
      });
      isBroken = isLost;
      return result;
    } catch (cause) {
      throw failureOf(cause);
    } finally {
      client.off('error', lost).off('end', lost);
      client.release(isBroken);
    }
  }

  async #connection(): Promise<pg.PoolClient> {
    if (this.#outage !== undefined && Date.now() < this.#outage.at) throw failureOf(this.#outage.cause);
    try {
      const client = await this.#pool.connect();
      this.#outage = undefined;
      return client;
    } catch (error) {
      const cause = withoutAddress(error);
      // Where there are connections and only none was free in time, it is a crowd, not an outage.
      if (this.#pool.totalCount === 0) {
        const pauseMs = Math.min((this.#outage?.pauseMs ?? FIRST_PAUSE_MS / 2) * 2, LONGEST_PAUSE_MS);
        this.#outage = { at: Date.now() + pauseMs, pauseMs, cause };
      }
      throw failureOf(cause);
    }
  }
}

/** An address that cannot be read is a property of its error, password and all. */
function withoutAddress(error: unknown): unknown {
  return error instanceof Error && 'input' in error ? new Error(`the address: ${error.message}`) : error;
}
