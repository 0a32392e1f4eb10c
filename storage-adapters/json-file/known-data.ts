/** The data file as the store last read or wrote it, and what happens if somebody else has changed it since. */
import { dirname } from 'node:path';
import type { AdapterContext } from '../../core/storage/contract.js';
import { type FileStat, type FileSystem, statOrNone } from './file-system.js';
import { type DataRead, readData } from './recovery.js';
import { keepAs } from './store-files.js';

export class KnownData {
  readonly #path: string;
  readonly #files: FileSystem;
  readonly #log: AdapterContext['log'] | undefined;
  /** Undefined if there was no file. */
  #stat: FileStat | undefined;
  #hash: string | null;

  constructor(
    path: string,
    files: FileSystem,
    log: AdapterContext['log'] | undefined,
    { stat, hash }: Pick<DataRead, 'stat' | 'hash'>,
  ) {
    this.#path = path;
    this.#files = files;
    this.#log = log;
    this.#stat = stat;
    this.#hash = hash;
  }

  /** SHA-256 in hex; null if there was no file. */
  get hash(): string | null {
    return this.#hash;
  }

  /** In octets. */
  get size(): number {
    return this.#stat?.size ?? 0;
  }

  /** Call it when the store has replaced the file. */
  replacedBy(stat: FileStat, hash: string): void {
    this.#stat = stat;
    this.#hash = hash;
  }

  async isGone(): Promise<boolean> {
    return this.#stat !== undefined && (await statOrNone(this.#files, this.#path)) === undefined;
  }

  /** Keeps a copy of an edit made while the server runs. The server's own data replaces it. */
  async keepEdit(): Promise<void> {
    const found = await statOrNone(this.#files, this.#path);
    if (isSame(found, this.#stat)) return;
    if (found === undefined) {
      this.#log?.warn(
        { file: this.#path },
        'The data file was removed while the server ran; it will be written again.',
      );
      return;
    }
    // The file was touched, or restored with the same content.
    if ((await readData(this.#files, this.#path)).hash === this.#hash) return;
    const kept = await keepAs(this.#files, this.#path, 'edited');
    await this.#files.syncFolder(dirname(this.#path));
    this.#log?.warn(
      { file: this.#path, kept },
      'The data file was edited while the server ran; the edited file is kept under another name and not used.',
    );
  }
}

/** Whether it is the same file with the same content, as far as can be checked without reading it. */
function isSame(one: FileStat | undefined, other: FileStat | undefined): boolean {
  return one?.id === other?.id && one?.mtimeNs === other?.mtimeNs && one?.size === other?.size;
}
