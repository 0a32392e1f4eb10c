/** Commits that arrive during a transaction share the next one. */
import { type Change, type CommitResult, StorageError } from '../../core/storage/contract.js';
import type { Database } from './database.js';
import { canBeRetried, failureOf, liesInData } from './failures.js';
import type { Namespace } from './tables.js';
import { commitAll } from './transaction.js';

interface Waiting {
  readonly change: Change;
  readonly since: number;
  resolve(result: CommitResult): void;
  reject(error: unknown): void;
}

const MOST_CHANGES = 256;
const MOST_CHARACTERS = 4_194_304;
const ATTEMPTS = 5;

export class CommitQueue {
  readonly #database: Database;
  readonly #namespace: Namespace;
  readonly #patienceMs: number;
  readonly #committed: (count: number) => void;
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;

  /**
   * @param patienceMs A commit that has waited this long for its turn fails instead of being sent.
   * @param committed Called with the number of commits of each transaction.
   */
  constructor(
    database: Database,
    namespace: Namespace,
    patienceMs: number,
    committed: (count: number) => void,
  ) {
    this.#database = database;
    this.#namespace = namespace;
    this.#patienceMs = patienceMs;
    this.#committed = committed;
  }

  commit(change: Change): Promise<CommitResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, since: performance.now(), resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Removes expired entries, in a transaction without commits. */
  async sweep(): Promise<void> {
    await this.#transaction([]);
  }

  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.#answer(this.#nextBatch());
    this.#running = undefined;
  }

  async #answer(batch: readonly Waiting[]): Promise<void> {
    try {
      const results = await this.#transaction(batch.map(({ change }) => change));
      for (const [at, { resolve }] of batch.entries()) resolve(results[at]!);
      this.#committed(batch.length);
    } catch (error) {
      if (batch.length > 1 && liesInData(error)) {
        for (const one of batch) await this.#answer([one]);
      } else {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  #nextBatch(): Waiting[] {
    const batch: Waiting[] = [];
    for (let characters = 0; batch.length < MOST_CHANGES && characters < MOST_CHARACTERS; ) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      if (performance.now() - next.since > this.#patienceMs) {
        next.reject(new StorageError('STORAGE_UNAVAILABLE', 'The earlier commits took too long.'));
        continue;
      }
      batch.push(next);
      for (const { key, value } of next.change.puts ?? []) characters += key.length + value.length;
    }
    return batch;
  }

  async #transaction(changes: readonly Change[]): Promise<CommitResult[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#database.use((session) => commitAll(session, this.#namespace, changes));
      } catch (error) {
        const cause = error instanceof StorageError ? error.cause : error;
        const isKnown = error instanceof StorageError && error.code !== 'STORAGE_OUTCOME_UNKNOWN';
        if (attempt === ATTEMPTS || !isKnown || !canBeRetried(cause)) throw failureOf(error);
      }
    }
  }
}
