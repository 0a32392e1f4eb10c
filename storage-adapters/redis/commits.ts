/** Commits, each one run of the script, and the optional wait until they are on disk. */
import type { Change, CommitResult } from '../../core/storage/contract.js';
import { nextMark } from '../../core/storage/polled-feed.js';
import { DiskWait } from './disk-wait.js';
import { commitFailure } from './failures.js';
import type { Connection, Link } from './link.js';
import { entriesOf, type Keys, strings } from './packed.js';
import { COMMIT } from './scripts.js';

/** The maximum number of expired entries that one commit removes. */
const SWEEP = 100;

export class Commits {
  readonly #link: Link;
  readonly #keys: readonly string[];
  readonly #historyChanges: number;
  readonly #disk: DiskWait | undefined;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(
    link: Link,
    { entries, order, expiry, numbers, changes }: Keys,
    { historyChanges, waitForDisk }: { readonly historyChanges: number; readonly waitForDisk: boolean },
  ) {
    this.#link = link;
    this.#keys = [entries, order, expiry, numbers, changes];
    this.#historyChanges = historyChanges;
    this.#disk = waitForDisk ? new DiskWait(link) : undefined;
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
    // Remember the connection now: when the answer arrives, the link may have another.
    const connection = this.#link.connection;
    let answer: string[];
    try {
      answer = strings(await this.#run('1', change, connection));
    } catch (cause) {
      throw commitFailure(cause);
    }
    const [verdict, about = '', ...previous] = answer;
    if (verdict === 'conflict') return { ok: false, conflict: about };
    // Without a connection there is no answer either.
    if (connection !== undefined) await this.#disk?.since(connection);
    const entries = entriesOf(previous);
    return {
      ok: true,
      revision: Number(about),
      previous: new Map(entries.map((entry) => [entry.key, entry])),
    };
  }

  #run(
    mode: '0' | '1',
    { checks = [], puts = [], deletes = [] }: Change,
    only?: Connection,
  ): Promise<unknown> {
    const args = [String(this.#historyChanges), String(SWEEP), nextMark(), mode, String(checks.length)];
    for (const { key, revision } of checks) args.push(key, String(revision));
    args.push(String(puts.length));
    for (const { key, value, ttlMs = 0 } of puts) args.push(key, value, String(ttlMs));
    args.push(String(deletes.length));
    for (const key of deletes) args.push(key);
    return this.#link.run(COMMIT, this.#keys, args, only);
  }
}
