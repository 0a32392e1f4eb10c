/**
 * The journal that commits are appended to, a batch at a time: written completely, synced, and only then acknowledged.
 *
 * After a failed sync the descriptor is not used again: the kernel may have dropped the data and report success the
 * next time.
 */
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { StorageError, type WatchedChange } from '../../core/storage/contract.js';
import { unreadable } from './data-path.js';
import { DiskFault, isFull, notWritten, piecesOf, reasonIn, writeWhole } from './durable-file.js';
import { type FileSystem, type OpenFile, statOrNone } from './file-system.js';
import { frameLine, HEADER_OCTETS, headerLine, type JournalHeader } from './frame.js';
import { journalPath } from './store-files.js';

/**
 * Space that a journal reserves before it needs it, filled with NUL. Overwriting octets makes a sync cheaper than
 * appending: a longer file must also write its new length and blocks.
 */
export interface Room {
  /** The size in octets from which a journal reserves space: that of a busy one. */
  readonly from: number;
  /** Octets to reserve at a time. */
  readonly step: number;
}

const ROOM: Room = { from: 65_536, step: 1_048_576 };
const NOTHING = new Uint8Array();
/** After the disk had no space. */
const NO_ROOM: Room = { from: Number.POSITIVE_INFINITY, step: 0 };

export class Journal {
  readonly path: string;
  readonly number: number;
  readonly #files: FileSystem;
  readonly #file: OpenFile;
  /** Device and inode. */
  readonly #id: string;
  readonly salt: number;
  /** The offset of the next batch; everything before it is on disk. */
  #size: number;
  /** The last sequence on disk. */
  #durable: number;
  #room: Room;
  /** The end of the reserved space, as far as is known. */
  #roomEnd: number;

  private constructor(
    files: FileSystem,
    { path, number, file, id }: { path: string; number: number; file: OpenFile; id: string },
    salt: number,
    size: number,
    durable: number,
    room = ROOM,
  ) {
    this.#room = room;
    this.#roomEnd = size;
    this.path = path;
    this.number = number;
    this.#files = files;
    this.#file = file;
    this.#id = id;
    this.salt = salt;
    this.#size = size;
    this.#durable = durable;
  }

  /**
   * Creates an empty journal, on disk with its name.
   * @param path The path of the data file.
   * Errors: STORAGE_FULL, STORAGE_UNAVAILABLE.
   */
  static async create(
    files: FileSystem,
    path: string,
    number: number,
    { after, created }: Omit<JournalHeader, 'salt'>,
    room?: Room,
  ): Promise<Journal> {
    const name = journalPath(path, number);
    let file: OpenFile | undefined;
    try {
      const salt = randomBytes(4).readUInt32BE();
      file = await files.create(name);
      await writeWhole(file, Buffer.from(headerLine({ salt, after, created })), 0);
      await file.sync();
      await files.syncFolder(dirname(path));
      const opened = { path: name, number, file, id: await file.id() };
      return new Journal(files, opened, salt, HEADER_OCTETS, after, room);
    } catch (cause) {
      await file?.close().catch(() => {});
      // A leftover journal is empty, and recovery skips it.
      if (file !== undefined) await files.unlink(name).catch(() => {});
      throw notWritten(name, cause);
    }
  }

  /**
   * Continues a journal that was read and cut after its last good frame. A killed process may have written data that it
   * had not synced. That data is now visible and built upon, so sync it and the folder.
   * Errors: STORAGE_UNREADABLE.
   */
  static async reopen(
    files: FileSystem,
    path: string,
    number: number,
    { salt, size, last }: { readonly salt: number; readonly size: number; readonly last: number },
    room?: Room,
  ): Promise<Journal> {
    const name = journalPath(path, number);
    let file: OpenFile | undefined;
    try {
      file = await files.open(name);
      // Cut the reserved space that a killed process left; from here on we know the size.
      if ((await files.stat(name)).size > size) await file.truncate(size);
      await file.syncData();
      await files.syncFolder(dirname(path));
      const opened = { path: name, number, file, id: await file.id() };
      return new Journal(files, opened, salt, size, last, room);
    } catch (cause) {
      await file?.close().catch(() => {});
      throw unreadable(name, cause);
    }
  }

  /**
   * Whether a start would find the written data under the journal's name. A file that was removed, renamed or replaced
   * still accepts writes. Call it only while no batch is in flight. Errors: those of the file system.
   */
  async stands(): Promise<boolean> {
    const existing = await statOrNone(this.#files, this.path);
    return existing?.id === this.#id && existing.size === Math.max(this.#size, this.#roomEnd);
  }

  /** Octets of all frames. */
  get framesOctets(): number {
    return this.#size - HEADER_OCTETS;
  }

  /**
   * Errors: STORAGE_FULL (nothing changed; it may be tried again); STORAGE_OUTCOME_UNKNOWN, as a `DiskFault`.
   * @param changes By ascending revision, without gaps.
   */
  async append(changes: readonly WatchedChange[]): Promise<void> {
    let size = this.#size;
    const roomEnd = this.#roomEnd;
    try {
      let last: Uint8Array = NOTHING;
      for (const piece of piecesOf(this.#linesOf(changes))) {
        await writeWhole(this.#file, last, size);
        size += last.length;
        last = piece;
        if (size + piece.length > this.#roomEnd) await this.#makeRoom(size, piece.length);
      }
      const isAlone = size === this.#size && this.#roomEnd === roomEnd;
      await writeWhole(this.#file, last, size, isAlone ? 'writeSynced' : 'write');
      size += last.length;
      if (!isAlone) await this.#sync();
    } catch (cause) {
      if (cause instanceof DiskFault) throw cause;
      if (!isFull(cause)) throw this.#unknown('a write or its sync failed', cause);
      await this.#cutBack();
      throw new StorageError('STORAGE_FULL', `${this.path}: ${reasonIn(cause)}.`, { cause });
    }
    this.#size = size;
    this.#durable = changes.at(-1)?.revision ?? this.#durable;
  }

  async #sync(): Promise<void> {
    try {
      await this.#file.syncData();
    } catch (cause) {
      throw this.#unknown('a sync failed', cause);
    }
  }

  *#linesOf(changes: readonly WatchedChange[]): Generator<string, void> {
    for (const change of changes) yield frameLine(change, this.#durable, this.salt);
  }

  /** Readers work without the cut: they ignore the reserved space. */
  async close(): Promise<void> {
    if (this.#roomEnd > this.#size) await this.#file.truncate(this.#size).catch(() => {});
    await this.#file.close().catch(() => {});
  }

  /**
   * Reserves space after the next octets; their sync covers it. If the disk has no space for it, the octets themselves
   * may still fit.
   */
  async #makeRoom(size: number, length: number): Promise<void> {
    if (size + length < this.#room.from) return;
    const end = Math.max(size, this.#roomEnd);
    const zeros = Buffer.alloc(this.#room.step);
    try {
      await writeWhole(this.#file, zeros, size + length);
      this.#roomEnd = size + length + zeros.length;
    } catch (cause) {
      if (!isFull(cause)) throw cause;
      this.#room = NO_ROOM;
      await this.#file.truncate(end);
    }
  }

  /** No octet of a refused batch may survive a power failure before the octets that replace it. */
  async #cutBack(): Promise<void> {
    try {
      await this.#file.truncate(this.#size);
      this.#roomEnd = this.#size;
      await this.#file.syncData();
    } catch (cause) {
      throw this.#unknown('what was written of a refused change could not be cut off', cause);
    }
  }

  #unknown(what: string, cause: unknown): DiskFault {
    return new DiskFault('STORAGE_OUTCOME_UNKNOWN', `${this.path}: ${what}: ${reasonIn(cause)}.`, { cause });
  }
}
