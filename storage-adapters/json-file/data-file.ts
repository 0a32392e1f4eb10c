/**
 * The data file and its expiry as one durable state: read once, then replaced whole by each group of commits.
 *
 * Order of a change: the new data to a temporary file, synced; the expiry of old and new data, replaced durably;
 * then the rename of the data, which is the one moment at which the change is made.
 */
import { createHash } from 'node:crypto';
import { type AdapterContext, type Entry, StorageError } from '../../core/storage/contract.js';
import type { Draft, EntryTable } from '../../core/storage/entry-table.js';
import { unreadable } from './data-path.js';
import { DiskFault, ignoreAbsent, notWritten, type Prepared, piecesOf, prepare } from './durable-file.js';
import {
  type ExpiryRow,
  type ExpirySection,
  expiryIn,
  expiryLines,
  expiryOf,
  expiryRow,
} from './expiry-file.js';
import { codeOf, type FileStat, type FileSystem, statOrNone } from './file-system.js';
import { lineOf, pairsIn } from './json-text.js';

export interface DataFileParts {
  readonly files: FileSystem;
  readonly log?: AdapterContext['log'] | undefined;
  /** Whether this process still has the data to itself; asked right before it is changed. */
  isLocked(): Promise<boolean>;
}

export class DataFile {
  readonly #path: string;
  readonly #parts: DataFileParts;
  /** The file as we last read or wrote it; undefined where there was none. */
  #known: FileStat | undefined;
  /** Hash and expiry of the data that stands. */
  #section: ExpirySection = { data: '', rows: [] };
  /** Whether there is an expiry file; its rows may be of entries that are gone. */
  #hasExpiryFile = false;

  /** @param path Its real path. */
  constructor(path: string, parts: DataFileParts) {
    this.#path = path;
    this.#parts = parts;
  }

  get #expiryPath(): string {
    return `${this.#path}.expiry`;
  }

  /**
   * Reads everything into the table. `created` and the revision are not in the file, which holds just the data, so
   * they are given anew: 1 to n in the order of the file, and as the revisions of one commit each.
   * Errors: STORAGE_UNREADABLE, STORAGE_CORRUPT.
   */
  async readInto(table: EntryTable, now: number): Promise<void> {
    // Looked at before it is read: an edit in between then counts as one that we do not know.
    this.#known = await this.#orUnreadable(() => statOrNone(this.#parts.files, this.#path));
    if (this.#known !== undefined && this.#known.kind !== 'file') {
      throw new StorageError('STORAGE_UNREADABLE', `${this.#path} is a ${this.#known.kind}, not a file.`);
    }
    const octets = await this.#read(this.#path);
    const expiry = await this.#read(this.#expiryPath);
    this.#hasExpiryFile = expiry !== undefined;
    const data = hashOf(octets === undefined ? [] : [octets]);
    const expiresAtOf = expiryOf(expiry === undefined ? [] : expiryIn(expiry, this.#expiryPath), data);
    const rows: ExpiryRow[] = [];
    let created = 0;
    for (const [key, value] of octets === undefined ? [] : pairsIn(octets, this.#path)) {
      created += 1;
      const expiresAt = expiresAtOf(key, value);
      const entry: Entry = { key, value, created, revision: created };
      if (expiresAt === undefined) table.set(entry);
      else {
        rows.push(expiryRow(entry, expiresAt));
        if (expiresAt > now) table.set({ ...entry, expiresAt });
      }
    }
    this.#section = { data, rows };
  }

  /**
   * Makes the draft the data on disk.
   * @param stands Called when the data at the path are those of the draft, which is also before an error about
   *   their durability: then what is read from this process and what another would read are the same.
   * Errors: STORAGE_FULL, STORAGE_LOCKED, STORAGE_UNAVAILABLE (nothing changed); STORAGE_OUTCOME_UNKNOWN.
   */
  async write(draft: Draft, stands: () => void): Promise<void> {
    const { files } = this.#parts;
    // Before as well as after: the temporary file would be another process's too.
    await this.#mustBeLocked();
    const rows: ExpiryRow[] = [];
    const hash = createHash('sha256');
    const prepared = await prepare(files, this.#path, tapped(piecesOf(linesOf(draft, rows)), hash));
    const section = { data: hash.digest('hex'), rows };
    const expires = rows.length > 0 || this.#hasExpiryFile;
    try {
      await this.#mustBeLocked();
      const standing = await statOrNone(files, this.#path);
      const isEdited = !isSame(standing, this.#known);
      if (expires && !isEdited && section.data === this.#section.data) {
        // The data is the same to the octet, so the rename of its expiry is the moment of the change.
        await prepared.abandon();
        await this.#publish(this.#expiryPath, await this.#prepareExpiry([section]), stands);
        this.#section = section;
        return;
      }
      if (expires) await this.#expiryBefore(section);
      if (isEdited) await this.#keepEdit(standing);
    } catch (error) {
      await prepared.abandon();
      throw notWritten(this.#path, error);
    }
    await this.#publish(this.#path, prepared, stands);
    this.#known = prepared.stat;
    this.#section = section;
    // Once the data has no expiry a leftover file would only puzzle; that it may stay after a crash is harmless.
    if (expires && rows.length === 0) await this.#removeExpiry();
  }

  async #publish(path: string, prepared: Prepared, stands: () => void): Promise<void> {
    try {
      await prepared.publish();
    } catch (error) {
      const standing = await statOrNone(this.#parts.files, path).catch(() => undefined);
      if (standing?.id === prepared.stat.id) stands();
      else await prepared.abandon();
      throw error;
    }
    stands();
  }

  async #expiryBefore(section: ExpirySection): Promise<void> {
    const prepared = await this.#prepareExpiry([section, this.#section]);
    try {
      await prepared.publish();
    } catch (cause) {
      // Whichever of the two expiry files stands: the data is what it was, and its section is in both.
      throw new DiskFault('STORAGE_UNAVAILABLE', `${this.#expiryPath} could not be replaced.`, { cause });
    }
  }

  async #removeExpiry(): Promise<void> {
    await this.#parts.files.unlink(this.#expiryPath).then(
      () => {
        this.#hasExpiryFile = false;
      },
      () => {},
    );
  }

  #prepareExpiry(sections: readonly ExpirySection[]): Promise<Prepared> {
    this.#hasExpiryFile = true;
    return prepare(this.#parts.files, this.#expiryPath, piecesOf(expiryLines(sections)));
  }

  /** Whoever edits the file while we run loses nothing, though the server's own data goes on. */
  async #keepEdit(standing: FileStat | undefined): Promise<void> {
    const { log } = this.#parts;
    if (standing === undefined) {
      log?.warn({ file: this.#path }, 'The data file was removed while the server ran; it is written again.');
      return;
    }
    // ISO 8601 in its basic form, because some file systems allow no colons in names.
    const time = new Date().toISOString().replaceAll(/[-:]/g, '');
    const kept = await this.#keepAs(`${this.#path}.edited-${time}`);
    log?.warn(
      { file: this.#path, kept },
      'The data file was edited while the server ran; the edit is kept aside and not used. Stop the server to edit.',
    );
  }

  async #keepAs(name: string): Promise<string> {
    const { files } = this.#parts;
    try {
      // A second name for the edited file: it stays whole, and there is a data file at every moment.
      await files.link(this.#path, name);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return this.#keepAs(`${name}.more`);
      // A file system without hard links.
      if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(codeOf(error))) throw error;
      await (await prepare(files, name, [await files.read(this.#path)])).publish();
    }
    return name;
  }

  async #mustBeLocked(): Promise<void> {
    const isLocked = await this.#parts.isLocked().catch((cause: unknown) => {
      throw notWritten(this.#path, cause);
    });
    if (isLocked) return;
    throw new StorageError(
      'STORAGE_LOCKED',
      `the lock of ${this.#path} was removed or taken; nothing was changed. Start the server anew.`,
    );
  }

  async #read(path: string): Promise<Uint8Array | undefined> {
    return this.#orUnreadable(() => this.#parts.files.read(path).catch(ignoreAbsent)).then(
      (read) => read ?? undefined,
    );
  }

  async #orUnreadable<T>(look: () => Promise<T>): Promise<T> {
    try {
      return await look();
    } catch (cause) {
      throw unreadable(this.#path, cause);
    }
  }
}

/** Whether it is the same file with the same content, as far as can be told without reading it. */
function isSame(one: FileStat | undefined, other: FileStat | undefined): boolean {
  return one?.id === other?.id && one?.mtimeNs === other?.mtimeNs && one?.size === other?.size;
}

/** The text of the data as it stands after the draft. What expires is told to `rows`. */
function* linesOf(draft: Draft, rows: ExpiryRow[]): Generator<string, void> {
  let open = '{\n';
  for (const entry of draft.entries()) {
    yield open + lineOf(entry.key, entry.value);
    open = ',\n';
    if (entry.expiresAt !== undefined) rows.push(expiryRow(entry, entry.expiresAt));
  }
  yield open === '{\n' ? '{}\n' : '\n}\n';
}

function* tapped(
  pieces: Iterable<Uint8Array>,
  hash: { update(octets: Uint8Array): unknown },
): Generator<Uint8Array, void> {
  for (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
}

function hashOf(pieces: Iterable<Uint8Array>): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
}
