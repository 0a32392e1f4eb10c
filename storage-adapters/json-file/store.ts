/**
 * The entries with their files: recovered once, then changed by groups of commits. A group is written to the journal,
 * synced, applied to the table and then answered, so reads see committed data only.
 */
import type { ChangeFeed } from '../../core/storage/change-feed.js';
import {
  type AdapterContext,
  type Change,
  type CommitResult,
  StorageError,
} from '../../core/storage/contract.js';
import { Draft } from '../../core/storage/draft.js';
import type { EntryTable } from '../../core/storage/entry-table.js';
import { ExpiryTimer } from '../../core/storage/expiry-timer.js';
import type { HistoryBounds } from '../../core/storage/history-options.js';
import { prepareBase } from './base.js';
import { type Cut, checkpoint } from './checkpoint.js';
import { CheckpointPolicy } from './checkpoint-policy.js';
import { DiskFault, reasonIn } from './durable-file.js';
import type { FileLock } from './file-lock.js';
import { type FileSystem, statOrNone } from './file-system.js';
import { GroupCommit } from './group-commit.js';
import { Journal, type Room } from './journal.js';
import { keepDamaged, keepTail } from './keep.js';
import { KnownData } from './known-data.js';
import { PlaceCheck } from './place-check.js';
import { DamageError, type Recovered, recover } from './recovery.js';
import { basePath, keepAs, remove } from './store-files.js';

/** Values that tests replace to reach rare states. No configuration sets them. */
export interface StoreSeams {
  /** When checkpoints are made. */
  readonly checkpoints?: { readonly idleMs?: number; readonly minOctets?: number } | undefined;
  /** When journals reserve space. */
  readonly room?: Room | undefined;
  /** The greatest age of a check of lock and journal when a batch is written, in milliseconds. */
  readonly lookEveryMs?: number | undefined;
}

export interface StoreParts extends StoreSeams {
  readonly files: FileSystem;
  readonly lock: FileLock;
  readonly log?: AdapterContext['log'] | undefined;
  readonly history?: HistoryBounds | undefined;
}

/** A change to judge; undefined to only record expiry. */
type Work = Change | undefined;
const NOTHING: CommitResult = { ok: true, revision: 0, previous: new Map() };

export class Store {
  readonly table: EntryTable;
  readonly feed: ChangeFeed;
  readonly #path: string;
  readonly #parts: StoreParts;
  readonly #commits = new GroupCommit<Work, CommitResult>((group) => this.#write(group));
  readonly #policy: CheckpointPolicy;
  readonly #expiry = new ExpiryTimer(() => void this.#commits.add(undefined).catch(() => {}));
  /** In an empty store, made with the first commit. */
  #journal: Journal | undefined;
  /** Octets of journals before the current one that the data file does not contain. */
  #olderOctets: number;
  /** The number of the base of the data file. */
  #base: number;
  #next: number;
  readonly #data: KnownData;
  readonly #place: PlaceCheck;
  /** Keys that expired and left the table, and are not in the journal yet. */
  #expired: string[] = [];
  #isFull = false;
  /**
   * Set when another process may have the data, or the disk may hold other data than we think: the store writes nothing
   * more.
   */
  #fault: StorageError | undefined;

  private constructor(path: string, parts: StoreParts, found: Recovered) {
    this.#path = path;
    this.#parts = parts;
    this.table = found.table;
    this.feed = found.feed;
    this.#next = found.next;
    this.#base = found.base ?? 0;
    this.#data = new KnownData(path, parts.files, parts.log, found.data);
    this.#place = new PlaceCheck(path, parts.lock, parts.lookEveryMs, () => this.checkpoint());
    this.#olderOctets = found.olderOctets;
    const sizes = () => ({ journal: this.#journalOctets, data: this.#data.size });
    this.#policy = new CheckpointPolicy(() => this.#checkpoint(), sizes, parts.checkpoints);
  }

  /** Errors: STORAGE_UNREADABLE, STORAGE_CORRUPT, STORAGE_EDITED, STORAGE_FULL, STORAGE_UNAVAILABLE. */
  static async open(path: string, parts: StoreParts): Promise<Store> {
    const { files, log } = parts;
    try {
      const found = await recover(files, path, parts.history);
      const store = new Store(path, parts, found);
      await store.#settle(found);
      store.#expiry.arm(store.table.nextExpiry);
      store.#policy.noticed();
      return store;
    } catch (error) {
      if (error instanceof DamageError) await keepDamaged(files, error.path, log);
      throw error;
    }
  }

  /** Why the store accepts no writes; undefined while it works. */
  get fault(): StorageError | undefined {
    return this.#fault;
  }

  commit(change: Change): Promise<CommitResult> {
    return this.#commits.add(change);
  }

  /** Merges the journal into the data file now. */
  async checkpoint(): Promise<void> {
    await this.#policy.run();
  }

  /** Makes the earlier commits, then merges them into the data file. */
  async close(): Promise<void> {
    this.#expiry.stop();
    await this.#policy.stop();
    await this.#commits.settled();
    // A failed checkpoint loses nothing: the journal has everything.
    if (this.#fault === undefined) await this.#checkpoint().catch(() => {});
    this.feed.close();
    await this.#journal?.close();
  }

  get #journalOctets(): number {
    return this.#olderOctets + (this.#journal?.framesOctets ?? 0);
  }

  /** Makes the repairs that recovery found, so that commits can follow. */
  async #settle(found: Recovered): Promise<void> {
    const { files, log } = this.#parts;
    const { origin, journal, stale } = found;
    if (journal !== undefined) {
      if (journal.tail !== undefined) await keepTail(files, this.#path, journal, log);
      this.#journal = await Journal.reopen(files, this.#path, journal.number, journal, this.#parts.room);
    } else if (origin !== 'new') await this.#begin();
    if (origin === 'edited') {
      const what = found.data.octets === undefined ? 'removed' : 'edited';
      log?.warn(
        { file: this.#path },
        `The data file was ${what} while the server was stopped; the server uses it as it is.`,
      );
    }
    if (stale.length > 0) await remove(files, stale);
    if (found.replayed > 0) {
      log?.info({ file: this.#path, commits: found.replayed }, 'Commits were recovered from the journal.');
    }
  }

  /** Creates a journal and its base for the current data. */
  async #begin(): Promise<void> {
    const { files } = this.#parts;
    const number = this.#takeNumber();
    const { created, revision } = this.table;
    const entries = this.table.freeze();
    const journal = await Journal.create(
      files,
      this.#path,
      number,
      { after: revision, created },
      this.#parts.room,
    );
    try {
      const { salt } = journal;
      const header = { data: this.#data.hash, entries: entries.size, created, revision, salt };
      const base = await prepareBase(files, basePath(this.#path, number), header, entries);
      await base.publish();
    } catch (error) {
      await journal.close();
      // Whether or not the base exists: no commit is in its journal, so the data is unchanged.
      throw error instanceof DiskFault
        ? new StorageError('STORAGE_UNAVAILABLE', reasonIn(error), { cause: error })
        : error;
    }
    this.#journal = journal;
    this.#base = number;
  }

  #takeNumber(): number {
    this.#next += 1;
    return this.#next - 1;
  }

  async #write(group: readonly Work[]): Promise<readonly CommitResult[]> {
    if (this.#fault !== undefined) throw refusal(this.#fault);
    const { table } = this;
    const now = Date.now();
    // Use `concat`, not `push(...)`: after a long stop there may be more keys than a call accepts as arguments.
    const expired = this.#expired.concat(table.forgetExpired(now));
    this.#expired = expired;
    const draft = new Draft(table, now);
    // Expiry takes its own revision.
    if (expired.length > 0) draft.commit({});
    const results = group.map((change) => (change === undefined ? NOTHING : draft.commit(change)));
    const changes =
      expired.length === 0
        ? draft.commits
        : draft.commits.map((commit, at) => (at === 0 ? { ...commit, deletes: expired } : commit));
    try {
      if (changes.length > 0) {
        await this.#place.mustBeInPlace(this.#journal);
        if (this.#journal === undefined) await this.#begin();
        await this.#journal!.append(changes);
      }
    } catch (error) {
      this.#failed(error);
      throw error;
    }
    if (this.#isFull) {
      this.#isFull = false;
      this.#parts.log?.info({ file: this.#path }, 'There is space again; the store accepts changes.');
    }
    this.#expired = [];
    table.apply(draft);
    this.feed.tell(
      expired.length === 0
        ? draft.changes
        : changes.filter(({ puts, deletes }) => puts.length + deletes.length > 0),
      table.revision,
    );
    this.#expiry.arm(table.nextExpiry);
    this.#policy.noticed();
    return results;
  }

  #failed(error: unknown): void {
    const { log } = this.#parts;
    if (!(error instanceof StorageError)) return;
    if (error instanceof DiskFault || error.code === 'STORAGE_LOCKED') {
      this.#fault = error;
      log?.error({ err: error }, 'The data cannot be written until the store is opened again.');
    } else if (error.code === 'STORAGE_FULL' && !this.#isFull) {
      this.#isFull = true;
      log?.error(
        { err: error },
        'There is no space for changes; the store is read-only until a write succeeds.',
      );
    }
  }

  async #checkpoint(): Promise<void> {
    const { log } = this.#parts;
    try {
      const cut = await this.#commits.between(() => this.#cut());
      if (cut !== undefined) await this.#merge(cut);
      if (this.#place.recovered()) {
        log?.info({ file: this.#path }, 'All data was written again; the store accepts changes again.');
      }
    } catch (error) {
      log?.error(
        { err: error, file: this.#path },
        'The journal could not be merged into the data file; the journal is kept.',
      );
      throw error;
    }
  }

  async #merge(cut: Cut): Promise<void> {
    await checkpoint(this.#path, cut, {
      files: this.#parts.files,
      mustBeLocked: () => this.#place.mustBeLocked(),
      keepEdit: () => this.#data.keepEdit(),
      stands: (stat, hash) => {
        this.#data.replacedBy(stat, hash);
        this.#base = cut.number;
      },
    });
    this.#olderOctets = 0;
  }

  /** Starts a new journal between two groups of commits. Undefined if there is nothing to merge. */
  async #cut(): Promise<Cut | undefined> {
    const journal = this.#journal;
    if (this.#fault !== undefined || journal === undefined) return undefined;
    const { created, revision } = this.table;
    const isLost = !(await journal.stands());
    if (isLost) {
      await this.#place.mustBeLocked();
      await this.#keepForeign(journal);
    }
    if (journal.framesOctets === 0 && !isLost) {
      if (journal.number === this.#base && !(await this.#data.isGone())) return undefined;
      // Reuse the empty journal: the checkpoint that created it failed and no commit followed, or the data file is gone
      // and must be written again.
      const { number, salt } = journal;
      return { number, salt, created, revision, entries: this.table.freeze() };
    }
    await this.#place.mustBeLocked();
    const number = this.#takeNumber();
    const { files, room } = this.#parts;
    const next = await Journal.create(files, this.#path, number, { after: revision, created }, room);
    this.#olderOctets += journal.framesOctets;
    this.#journal = next;
    await journal.close();
    return { number, salt: next.salt, created, revision, entries: this.table.freeze() };
  }

  /** Keeps a copy of the file in the journal's place: it belongs to somebody. */
  async #keepForeign({ path }: Journal): Promise<void> {
    const { files, log } = this.#parts;
    const found = await statOrNone(files, path);
    const kept = found && (await keepAs(files, path, 'changed'));
    log?.error(
      { file: path, ...(kept && { kept }) },
      'The journal was removed, renamed or changed while the server ran; all data is written again from memory.',
    );
  }
}

/** The error for commits after a fault: a code that says that nothing was changed, and the fault itself. */
function refusal(fault: StorageError): StorageError {
  if (fault.code === 'STORAGE_LOCKED') return fault;
  return new StorageError(
    'STORAGE_UNAVAILABLE',
    `Nothing is written until the store is opened again, because of this fault: ${fault.message}`,
    { cause: fault },
  );
}
