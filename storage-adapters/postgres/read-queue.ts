/** Reads that arrive while others are in progress share one statement. */
import { type Entry, StorageError } from '../../core/storage/contract.js';
import type { Database } from './database.js';
import { entryOf, NOW_MS, octets } from './rows.js';

interface Waiting {
  readonly key: string;
  readonly since: number;
  resolve(entry: Entry | undefined): void;
  reject(error: unknown): void;
}

const READ = `
SELECT k, v, created, revision, expires_at FROM jackfield
WHERE namespace = $1 AND k = ANY($2::bytea[]) AND (expires_at IS NULL OR expires_at > ${NOW_MS})`;

/** Few, so that many reads gather; more than one, so that a large value blocks nobody. */
const STATEMENTS_AT_ONCE = 3;
/** Entries of 1 MiB each would be 32 MiB in one answer. */
const MOST_KEYS = 32;

export class ReadQueue {
  readonly #database: Database;
  readonly #namespace: number;
  readonly #patienceMs: number;
  readonly #waiting: Waiting[] = [];
  /**
   * Decremented in the same turn in which a run finds the queue empty, so that no key waits for a run that has ended.
   */
  #active = 0;
  readonly #runs = new Set<Promise<void>>();

  /** @param patienceMs A read that has waited this long gets an error. */
  constructor(database: Database, namespace: number, patienceMs: number) {
    this.#database = database;
    this.#namespace = namespace;
    this.#patienceMs = patienceMs;
  }

  get(key: string): Promise<Entry | undefined> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ key, since: performance.now(), resolve, reject });
      if (this.#active === STATEMENTS_AT_ONCE) return;
      const run: Promise<void> = this.#run().then(() => void this.#runs.delete(run));
      this.#runs.add(run);
    });
  }

  async idle(): Promise<void> {
    while (this.#runs.size > 0) await Promise.all(this.#runs);
  }

  async #run(): Promise<void> {
    this.#active += 1;
    while (this.#waiting.length > 0) await this.#read(this.#waiting.splice(0, MOST_KEYS));
    this.#active -= 1;
  }

  /** Every read of the batch arrived before the statement is sent, so no caller gets outdated data. */
  async #read(batch: readonly Waiting[]): Promise<void> {
    const oldest = batch[0]!.since;
    try {
      if (performance.now() - oldest > this.#patienceMs) {
        throw new StorageError('STORAGE_UNAVAILABLE', 'The earlier requests took too long.');
      }
      const keys = [...new Set(batch.map(({ key }) => key))].map(octets);
      const rows = await this.#database.query(READ, [this.#namespace, keys], 'jackfield_get');
      const found = new Map(rows.map((row) => entryOf(row)).map((entry) => [entry.key, entry]));
      for (const { key, resolve } of batch) resolve(found.get(key));
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
