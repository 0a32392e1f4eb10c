/** Commits, each one run of the script; and, where it is asked for, the wait until they are on disk. */
import { type Change, type CommitResult, StorageError } from '../../core/storage/contract.js';
import { commitFailure, outcomeUnknown } from './failures.js';
import type { Link } from './link.js';
import { entriesOf, type Keys, strings } from './packed.js';
import { COMMIT } from './scripts.js';

/** How many entries that expired are taken away along with one commit, at the most. */
const SWEEP = 100;

export class Commits {
  readonly #link: Link;
  readonly #keys: readonly string[];
  readonly #historyChanges: number;
  readonly #waitForDisk: boolean;
  readonly #underWay = new Set<Promise<unknown>>();
  /** The WAITAOF that the next ones wait for: one at a time, for all that were committed before it was sent. */
  #syncing: Promise<void> | undefined;
  #nextSync: Promise<void> | undefined;

  constructor(
    link: Link,
    { entries, order, expiry, numbers, changes }: Keys,
    { historyChanges, waitForDisk }: { readonly historyChanges: number; readonly waitForDisk: boolean },
  ) {
    this.#link = link;
    this.#keys = [entries, order, expiry, numbers, changes];
    this.#historyChanges = historyChanges;
    this.#waitForDisk = waitForDisk;
  }

  commit(change: Change): Promise<CommitResult> {
    const result = this.#commit(change);
    const settled = () => void this.#underWay.delete(result);
    this.#underWay.add(result);
    result.then(settled, settled);
    return result;
  }

  async sweep(): Promise<void> {
    await this.#run('0', {});
  }

  async idle(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  close(): void {
    this.#link.close();
  }

  async #commit(change: Change): Promise<CommitResult> {
    let answer: string[];
    try {
      answer = strings(await this.#run('1', change));
    } catch (cause) {
      throw commitFailure(cause);
    }
    const [verdict, about = '', ...previous] = answer;
    if (verdict === 'conflict') return { ok: false, conflict: about };
    if (this.#waitForDisk) await this.#onDisk();
    const entries = entriesOf(previous);
    return {
      ok: true,
      revision: Number(about),
      previous: new Map(entries.map((entry) => [entry.key, entry])),
    };
  }

  #run(mode: '0' | '1', { checks = [], puts = [], deletes = [] }: Change): Promise<unknown> {
    const args = [String(this.#historyChanges), String(SWEEP), mode, String(checks.length)];
    for (const { key, revision } of checks) args.push(key, String(revision));
    args.push(String(puts.length));
    for (const { key, value, ttlMs = 0 } of puts) args.push(key, value, String(ttlMs));
    args.push(String(deletes.length));
    for (const key of deletes) args.push(key);
    return this.#link.run(COMMIT, this.#keys, args);
  }

  /** Errors: STORAGE_OUTCOME_UNKNOWN. */
  #onDisk(): Promise<void> {
    if (this.#syncing === undefined) return this.#sync();
    // It may have been sent before this commit was, so this one waits for the next.
    this.#nextSync ??= this.#syncing.then(
      () => this.#sync(),
      () => this.#sync(),
    );
    return this.#nextSync;
  }

  async #sync(): Promise<void> {
    this.#nextSync = undefined;
    const sync = this.#waitAof();
    this.#syncing = sync;
    try {
      await sync;
    } finally {
      if (this.#syncing === sync) this.#syncing = undefined;
    }
  }

  async #waitAof(): Promise<void> {
    try {
      // The link's own time-out ends it.
      const [local] = strings(await this.#link.send(['WAITAOF', '1', '0', '0']));
      if (Number(local) < 1) throw new Error('the server did not sync');
    } catch (cause) {
      throw cause instanceof StorageError ? cause : outcomeUnknown(cause);
    }
  }
}
